/// From making a worker to its first job's start, beside the same from making a bare consumer to its first record. The
/// embedded broker lets a group's first member wait for three seconds, in both.
struct GroupJoin: Experiment {
    let rows = [
        Row("join", "start of a worker to its first job, beside a bare consumer", unit: "ms", .excessAtMost(200))
    ]

    func begin(_ stage: Stage) throws -> any Trial {
        let queue = try stage.queue()
        try stage.fill(queue, jobs: Running.jobs)
        return Running(stage: stage, queue: queue)
    }

    private struct Running: Trial {
        static let jobs = 1000
        let stage: Stage
        let queue: Stage.StageQueue

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            let (ours, bare) = try turn.take {
                try stage.work(queue, jobs: Self.jobs, .first)
            } baseline: {
                try stage.part("join", on: queue, [:])
            }
            let values = (try ours.require("first") * 1000, try bare.require("first") * 1000)
            return ["join": .init(value: values.0, baseline: values.1)]
        }
    }
}
