/// Restores a million marks of idempotency keys, beside a loop of rd_kafka_consume_batch_queue over the same records; and what a
/// worker has resident that owns 100,000 of them.
struct StateRestoring: Experiment {
    let rows = [
        Row(
            "state-restore",
            "restoring 1 M marks, beside reading them",
            unit: "records/s",
            .ratioAtLeast(0.5),
            isQuick: false
        ),
        Row("marks-rss", "worker's peak of memory, 100,000 marks owned", unit: "MB", .atMost(100), isQuick: false),
    ]

    func begin(_ stage: Stage) throws -> any Trial {
        let many = try stage.queue(partitions: 64)
        let marks = stage.scaled(1_000_000, least: 4000)
        _ = try stage.part("marks", many.parameters.merging(["jobs": "\(marks)"]) { $1 })
        let few = try stage.queue(partitions: 8)
        let owned = stage.scaled(100_000, least: 1000)
        _ = try stage.part("marks", few.parameters.merging(["jobs": "\(owned)"]) { $1 })
        return Running(stage: stage, many: many, few: few, marks: marks)
    }

    private struct Running: Trial {
        let stage: Stage
        let many: Stage.StageQueue
        let few: Stage.StageQueue
        let marks: Int

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            let words = ["jobs": "\(marks)"]
            let (ours, bare) = try turn.take {
                try stage.part("restore", on: many, words)
            } baseline: {
                try stage.part("consume", on: many, words.merging(["topic": "\(many.name).state"]) { $1 })
            }
            let owner = try stage.part("own-marks", on: few, [:])
            return [
                "state-restore": .init(value: try ours.require("rate"), baseline: try bare.require("rate")),
                "marks-rss": .init(value: try owner.require("peak") / 1e6, baseline: nil),
            ]
        }
    }
}
