internal import Kokanee

/// A side replay that selects one record of a hundred by its key, and one that selects none by its type, for which each
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

    func begin(_ stage: Stage) throws -> any Trial {
        let queue = try stage.queue(partitions: 8)
        let jobs = stage.scaled(2_000_000, least: 4000)
        try stage.fill(queue, jobs: jobs, keys: "cyclic:100", isRoundRobin: true, isCompressed: true)
        return Running(stage: stage, queue: queue, jobs: jobs)
    }

    private struct Running: Trial {
        let stage: Stage
        let queue: Stage.StageQueue
        let jobs: Int

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            let byType = try replay(by: "type")
            let (ours, bare) = try turn.take {
                try replay(by: "key")
            } baseline: {
                try stage.part("consume", on: queue, ["jobs": "\(jobs)"])
            }
            return [
                "replay": .init(value: try ours.require("rate"), baseline: try bare.require("rate")),
                "replay-by-type": .init(value: try byType.require("rate"), baseline: try bare.require("rate")),
                "replay-rss": .init(value: try ours.require("peak") / 1e6, baseline: nil),
            ]
        }

        private func replay(by selection: String) throws -> Metrics {
            let words = ["jobs": "\(jobs)", "replay": try stage.replay(of: queue), "select": selection]
            return try stage.part("replay", queue.parameters.merging(words) { $1 })
        }
    }
}
