internal import Kokanee

/// A side replay that selects one record of 101 by its key, and one that selects none by its type, for which each
/// record's headers are read; beside a loop of rd_kafka_consume_batch_queue over the same records.
///
/// In 8 partitions, compressed, so that the embedded broker's 5 MiB a partition hold them.
struct Replaying: Experiment {
    let rows = [
        Row(
            "replay",
            "a replay of 1 % of 2 M records, beside reading them",
            unit: "records/s",
            .ratioAtLeast(0.7),
            isQuick: false
        ),
        Row(
            "replay-by-type",
            "a replay that looks at 2 M records' types, beside reading them",
            unit: "records/s",
            .ratioAtLeast(0.7),
            isQuick: false
        ),
        Row("replay-rss", "its worker's peak of memory", unit: "MB", .atMost(120), isQuick: false),
    ]

    private static let partitions = 8
    /// No divisor in common with the partitions: each key's records are spread over all of them.
    private static let keys = 101

    func begin(_ stage: Stage) throws -> any Trial {
        let queue = try stage.queue(partitions: Self.partitions)
        // As many of each key in each partition.
        let equal = Self.keys * Self.partitions
        let jobs = stage.scaled(2_000_000, least: 4000) / equal * equal
        try stage.fill(queue, jobs: jobs, keys: "cyclic:\(Self.keys)", isRoundRobin: true, isCompressed: true)
        return Running(stage: stage, queue: queue, jobs: jobs)
    }

    private struct Running: Trial {
        let stage: Stage
        let queue: Stage.StageQueue
        let jobs: Int

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            let (replays, bare) = try turn.take {
                // The two replays take turns as well.
                try turn.take {
                    try replay(by: "key", selecting: jobs / Replaying.keys)
                } baseline: {
                    try replay(by: "type", selecting: 0)
                }
            } baseline: {
                try stage.part("consume", on: queue, ["jobs": "\(jobs)"])
            }
            let (byKey, byType) = replays
            return [
                "replay": .init(value: try byKey.require("rate"), baseline: try bare.require("rate")),
                "replay-by-type": .init(value: try byType.require("rate"), baseline: try bare.require("rate")),
                "replay-rss": .init(value: try byKey.require("peak") / 1e6, baseline: nil),
            ]
        }

        private func replay(by selection: String, selecting count: Int) throws -> Metrics {
            let words = [
                "jobs": "\(jobs)", "replay": try stage.replay(of: queue), "select": selection, "selected": "\(count)",
            ]
            return try stage.part("replay", queue.parameters.merging(words) { $1 })
        }
    }
}
