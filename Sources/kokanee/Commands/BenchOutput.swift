internal import Kokanee
internal import KokaneeBench
internal import Synchronization

/// Shows what `bench` finds out: a line a row as it comes, or a table at the end.
final class BenchOutput: Sendable {
    private struct State {
        var results: [RowResult] = []
        var failures = 0
        var label = ""
        var rounds = 0
    }

    private let console: Console
    private let machine: Machine
    private let state = Mutex(State())

    init(_ console: Console, machine: Machine) {
        self.console = console
        self.machine = machine
    }

    /// Called on the thread that measures.
    func take(_ event: Bench.Event) throws {
        switch event {
        case .begins(let rows, let rounds):
            let label = rows.joined(separator: ", ")
            state.withLock { ($0.label, $0.rounds) = (label, rounds) }
            console.say("\(label): filling topics")
        case .round(let number):
            let (label, rounds) = state.withLock { ($0.label, $0.rounds) }
            console.say("\(label): round \(number) of \(rounds)")
        case .measured(let result):
            state.withLock { $0.results.append(result) }
            if console.isJSON { try console.print(Self.object(result, on: machine)) }
        case .skipped(let rows, let reason):
            console.complain("kokanee: \(rows.joined(separator: ", ")) skipped: \(reason)")
        case .failed(let rows, let reason):
            state.withLock { $0.failures += 1 }
            console.complain("kokanee: \(rows.joined(separator: ", ")) failed: \(reason)")
        }
    }

    /// - Throws: ``Failure`` where rows could not be measured, or, if so asked for, where targets are missed.
    func finish(isChecked: Bool) throws {
        let (results, failures) = state.withLock { ($0.results, $0.failures) }
        if !console.isJSON {
            try console.printBeside {
                try console.print(Self.table(results))
                if !results.isEmpty { try console.print("\nmedians of the rounds, on \(machine.description)") }
            }
        }
        let judged = results.filter { $0.isMet != nil }
        let missed = judged.filter { $0.isMet == false }.map(\.row.name)
        if !missed.isEmpty {
            console.say(
                "\(missed.count) of \(judged.count) rows miss their targets: \(missed.joined(separator: ", "))"
            )
        }
        guard failures == 0 else { throw Failure("not all rows could be measured; the reasons are above") }
        guard missed.isEmpty || !isChecked else { throw Failure("targets are missed") }
    }

    /// The fields that programs rely on. `excess` is null where the row is not judged by it, `target` and `met` where it is not
    /// judged at all.
    static func object(_ result: RowResult, on machine: Machine) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        let measurement = result.measurement
        object.add("row", result.row.name)
        object.add("value", rounded(measurement.value))
        object.add("unit", result.row.unit)
        add("baseline", measurement.baseline, to: &object)
        add("ratio", measurement.ratio, to: &object)
        add("excess", result.excess, to: &object)
        object.add("spread", rounded(measurement.spread))
        add("target", result.row.targetText, to: &object)
        if let isMet = result.isMet { object.add("met", isMet) } else { object.addNull("met") }
        object.add("rounds", measurement.rounds.count)
        object.add("machine", machine.description)
        return object
    }

    /// Rows that are judged by what they are above the baseline have that for a ratio: `+0.240 ms`.
    static func table(_ results: [RowResult]) -> Table {
        var table = Table([
            .text("row"), .number("median"), .text("unit"), .number("baseline"), .number("ratio"), .number("spread"),
            .text("target"), .text("met"),
        ])
        for result in results {
            let measurement = result.measurement
            table.add([
                result.row.name,
                number(measurement.value),
                result.row.unit,
                measurement.baseline.map(number) ?? "-",
                result.excess.map { "\($0 < 0 ? "" : "+")\(number($0)) \(result.row.unit)" }
                    ?? measurement.ratio.map { fixed($0, decimals: 3) } ?? "-",
                "\(fixed(measurement.spread * 100, decimals: 1)) %",
                result.row.targetText ?? "-",
                result.isMet.map { $0 ? "yes" : "NO" } ?? "-",
            ])
        }
        return table
    }

    static func list(_ console: Console) throws {
        let most = Catalogue.maximumRounds
        if console.isJSON {
            for row in Catalogue.rows {
                var object = JSONObjectWriter()
                object.add("row", row.name)
                object.add("summary", row.summary)
                object.add("unit", row.unit)
                add("target", row.targetText, to: &object)
                object.add("quick", row.isQuick)
                if let rounds = most[row.name] { object.add("maximumRounds", rounds) }
                try console.print(object)
            }
            return
        }
        var table = Table([
            .text("row"), .text("unit"), .text("target"), .text("quick"), .number("most rounds"),
            .text("what it measures"),
        ])
        for row in Catalogue.rows {
            table.add([
                row.name,
                row.unit,
                row.targetText ?? "-",
                row.isQuick ? "yes" : "",
                most[row.name].map { "\($0)" } ?? "",
                row.summary,
            ])
        }
        try console.print(table)
    }

    // MARK: - Numbers

    /// Four significant digits, and whole from a thousand on: more than a benchmark knows.
    static func number(_ value: Double) -> String {
        switch abs(value) {
        case 1000...: ProgressLine.grouped(Int(value.rounded()))
        case 100..<1000: fixed(value, decimals: 1)
        case 10..<100: fixed(value, decimals: 2)
        default: fixed(value, decimals: 3)
        }
    }

    static func fixed(_ value: Double, decimals: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "-" }
        let factor = (0..<decimals).reduce(1) { product, _ in product * 10 }
        let scaled = Int((abs(value) * Double(factor)).rounded())
        let fraction = String(scaled % factor)
        let padding = String(repeating: "0", count: decimals - fraction.count)
        return "\(value < 0 && scaled > 0 ? "-" : "")\(scaled / factor).\(padding)\(fraction)"
    }

    private static func add(_ name: String, _ value: Double?, to object: inout JSONObjectWriter) {
        if let value { object.add(name, rounded(value)) } else { object.addNull(name) }
    }

    private static func add(_ name: String, _ value: String?, to object: inout JSONObjectWriter) {
        if let value { object.add(name, value) } else { object.addNull(name) }
    }

    private static func rounded(_ value: Double) -> Double { (value * 10_000).rounded() / 10_000 }
}
