/// Jobs whose first attempt fails: how fast they hop to a rung, beside the rate at which `JobClient` enqueues in the same
/// round, and how exactly the rung gives them back.
///
/// A job is due a second after the time that its record in the rung has, which is read back from the log at the end.
struct RetryHops: Experiment {
    let rows = [
        Row("hops", "first attempts that fail, beside enqueueing", unit: "jobs/s", .ratioAtLeast(0.5)),
        Row("rung-late-p99", "start of a job after it was due", unit: "ms", .atMost(100)),
        Row("rung-early", "start of a job before it was due, at most", unit: "ms", .atMost(0)),
    ]

    func begin(_ stage: Stage) throws -> any Trial {
        Running(
            stage: stage,
            target: try stage.queue(),
            jobs: stage.scaled(100_000, least: 1000),
            enqueued: stage.scaled(300_000, least: 2000)
        )
    }

    private struct Running: Trial {
        let stage: Stage
        /// For enqueueing alone.
        let target: Stage.StageQueue
        let jobs: Int
        let enqueued: Int

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            let queue = try stage.queue(ladder: "1s")
            try stage.fill(queue, jobs: jobs)
            let (hops, enqueueing) = try turn.take {
                try stage.work(queue, jobs: jobs, .flaky)
            } baseline: {
                try stage.part("enqueue", on: target, ["jobs": "\(enqueued)", "warmup": "\(enqueued / 20)"])
            }
            return [
                "hops": .init(value: try hops.require("hops"), baseline: try enqueueing.require("rate")),
                "rung-late-p99": .init(value: try hops.require("lateness"), baseline: nil),
                "rung-early": .init(value: try hops.require("earliness"), baseline: nil),
            ]
        }
    }
}
