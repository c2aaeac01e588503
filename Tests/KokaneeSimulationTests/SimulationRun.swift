import Foundation

/// Many histories, side by side on the machine's processors.
struct SimulationRun: Sendable {
    struct Result: Sendable {
        var tally = Tally()
        /// A sentence each; few, for one is enough to look at.
        var failures: [String] = []
        var seconds = 0.0

        var report: String {
            """
            \(tally.total) histories in \(Int(seconds.rounded())) s
            \(tally.table)
            \(failures.isEmpty ? "no violations" : failures.joined(separator: "\n"))
            """
        }
    }

    static let failureLimit = 5
    private static let slice: UInt64 = 250

    var firstSeed: UInt64 = 1
    var histories: UInt64 = 2000
    /// Asked for by hand: progress and totals are printed.
    var isLong = false
    /// One history is printed step by step.
    var isTraced = false

    /// `KOKANEE_SIMULATION_SEED` and `KOKANEE_SIMULATION_HISTORIES` make a run of their own.
    static func fromEnvironment() -> SimulationRun {
        let environment = ProcessInfo.processInfo.environment
        var run = SimulationRun()
        if let seed = environment["KOKANEE_SIMULATION_SEED"].flatMap({ UInt64($0) }) { run.firstSeed = seed }
        if let count = environment["KOKANEE_SIMULATION_HISTORIES"].flatMap({ UInt64($0) }) {
            run.histories = max(count, 1)
            run.isLong = true
        }
        run.isTraced = run.histories == 1 && environment["KOKANEE_SIMULATION_TRACE"] != nil
        return run
    }

    func perform() async -> Result {
        let started = ContinuousClock.now
        var result = Result()
        let slices = stride(from: firstSeed, to: firstSeed + histories, by: Int(Self.slice)).map { first in
            first..<min(first + Self.slice, firstSeed + histories)
        }
        await withTaskGroup(of: Result.self) { group in
            var rest = slices[...]
            for _ in 0..<ProcessInfo.processInfo.activeProcessorCount {
                if let slice = rest.popFirst() { group.addTask { perform(slice) } }
            }
            for await part in group {
                result.tally.add(sum: part.tally)
                result.failures += part.failures
                if isLong, result.tally.total % 5000 < Int(Self.slice) {
                    let line = "\(result.tally.total) of \(histories) histories, \(result.failures.count) violations\n"
                    // Standard output is no terminal, and would keep it for itself.
                    FileHandle.standardError.write(Data(line.utf8))
                }
                guard result.failures.count < Self.failureLimit, let slice = rest.popFirst() else { continue }
                group.addTask { perform(slice) }
            }
        }
        result.seconds = (ContinuousClock.now - started) / .seconds(1)
        return result
    }

    private func perform(_ seeds: Range<UInt64>) -> Result {
        var result = Result()
        for seed in seeds {
            do {
                let simulation = try Simulation(seed: seed, trace: isTraced ? { print($0) } : nil)
                defer { result.tally.add(simulation.tally) }
                try simulation.run()
            } catch {
                result.failures.append("seed \(seed): \(error)\n  again: make simulate SEED=\(seed) HISTORIES=1")
                // One history to look at is enough.
                break
            }
        }
        return result
    }
}
