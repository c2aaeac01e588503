internal import Glibc

/// All that is measured, in the table's order.
package enum Catalogue {
    static let experiments: [any Experiment] =
        [Enqueueing(), NoopWork(), JSONWork(), JSONDecoding()]
        + SleepingWork.all
        + [ProcessorWork(), Latency(rate: 1000), Latency(rate: 10_000), HandlerProcesses(), CommandRuns(), RetryHops()]
        + [DelayLateness(), DelayedMemory()]
        + [Backlog(), InFlightMemory(), CostByKeys(), CostByPartitions(), CostByGap(), GroupJoin(), Replaying()]
        + [StateRestoring(), ProcessorBounds()]

    package static var rows: [Row] { experiments.flatMap(\.rows) }

    /// How often rows are measured at most, whatever was asked for; those that are not in it have no such bound.
    package static var maximumRounds: [String: Int] {
        var most: [String: Int] = [:]
        for experiment in experiments where experiment.maximumRounds < .max {
            for row in experiment.rows { most[row.name] = experiment.maximumRounds }
        }
        return most
    }

    /// The experiments that measure the rows asked for, each with those of its rows.
    ///
    /// - Throws: ``BenchError`` where a pattern fits no row.
    static func choose(_ settings: Bench.Settings) throws -> [(experiment: any Experiment, rows: [Row])] {
        for pattern in settings.patterns where !rows.contains(where: { fits($0.name, pattern) }) {
            throw BenchError("no row is called \(pattern); --list shows them")
        }
        return experiments.compactMap { experiment in
            let rows = experiment.rows.filter { row in
                guard !settings.patterns.isEmpty else { return row.isQuick || !settings.isQuick }
                return settings.patterns.contains { fits(row.name, $0) }
            }
            return rows.isEmpty ? nil : (experiment, rows)
        }
    }

    private static func fits(_ name: String, _ pattern: String) -> Bool {
        fnmatch(pattern, name, 0) == 0
    }
}
