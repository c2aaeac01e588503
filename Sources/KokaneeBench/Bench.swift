internal import Glibc

/// A run of `kokanee bench`.
package final class Bench: Sendable {
    package struct Settings: Sendable {
        /// Names of rows, or patterns as a shell has them; empty is all.
        package var patterns: [String] = []
        package var isQuick = false
        package var rounds = 5
        /// A share of the jobs, for runs that only show that all works.
        package var scale = 1.0
        /// Client properties of a Kafka of the user's; nil is the embedded broker.
        package var cluster: [String: String]?

        /// As many threads as Swift's pool has.
        var cores: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

        package init() {}
    }

    /// What is told while it runs.
    package enum Event: Sendable {
        /// An experiment begins that measures these rows.
        case begins(rows: [String], rounds: Int)
        case round(Int)
        case measured(RowResult)
        /// Something that the experiment needs is not on this machine.
        case skipped(rows: [String], String)
        case failed(rows: [String], String)
    }

    private let settings: Settings
    private let family: Family
    private let chosen: [(experiment: any Experiment, rows: [Row])]

    /// - Parameter log: told of each part that was run, with its parameters and what it found.
    /// - Throws: ``BenchError`` where a pattern fits no row.
    package init(_ settings: Settings, log: @escaping @Sendable (String) -> Void = { _ in }) throws {
        self.settings = settings
        chosen = try Catalogue.choose(settings)
        family = try Family(log: log)
    }

    /// Measures all rows; blocks until that is done.
    ///
    /// - Throws: `CancellationError` after ``cancel()``; what `report` throws.
    package func run(_ report: (Event) throws -> Void) throws {
        for (number, (experiment, rows)) in chosen.enumerated() {
            let rounds = min(settings.rounds, experiment.maximumRounds)
            try report(.begins(rows: rows.map(\.name), rounds: rounds))
            do {
                let measured = try measure(experiment, rounds: rounds, label: label(number), report)
                for row in rows {
                    guard let all = measured[row.name], !all.isEmpty else { continue }
                    try report(.measured(RowResult(row: row, measurement: Measurement(all))))
                }
            } catch let error as BenchSkip {
                try report(.skipped(rows: rows.map(\.name), error.description))
            } catch let error as BenchError {
                try report(.failed(rows: rows.map(\.name), error.description))
            }
        }
    }

    /// Ends ``run(_:)`` early, from another thread: what runs is killed, what is on a Kafka of the user's is taken away.
    package func cancel() {
        family.cancel()
    }

    private func measure(
        _ experiment: any Experiment,
        rounds: Int,
        label: String,
        _ report: (Event) throws -> Void
    ) throws -> [String: [Measurement.Round]] {
        let stage = try Stage(settings, family: family, label: label)
        let result = Result {
            let trial = try experiment.begin(stage)
            var measured: [String: [Measurement.Round]] = [:]
            for round in 0..<rounds {
                try report(.round(round + 1))
                let turn = Turn(isSwapped: !round.isMultiple(of: 2))
                for (name, values) in try trial.measure(turn) { measured[name, default: []].append(values) }
            }
            return measured
        }
        let closing = Result { try stage.close() }
        let measured = try result.get()
        try closing.get()
        return measured
    }

    private func label(_ number: Int) -> String { "kokanee-bench.\(getpid()).\(number)" }
}

/// An experiment that this machine can't do.
struct BenchSkip: Error {
    let description: String
}
