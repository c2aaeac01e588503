/// Jobs whose first attempt fails: how fast they hop to a rung, beside the rate at which `JobClient` enqueues in the same
/// round, and how exactly the rung gives them back.
///
/// The rate is measured with a rung of ten seconds, as a real ladder's shortest is a minute: a rung of less than two is
/// always fetched, and the hops would be read back, and second attempts made, while others still hop.
///
/// A job is due the rung's delay after the time that its record in the rung has, which is read back from the log at the
/// end. How late jobs start is measured with a rung of a second, and with so few of them that the last has hopped before
/// the first is due: a worker that is kept busy by first attempts is late by how busy it is, and not by its rungs. That
/// none starts early is measured in both.
struct RetryHops: Experiment {
    let rows = [
        Row("hops", "first attempts that fail, beside enqueueing", unit: "jobs/s", .ratioAtLeast(0.5)),
        Row("rung-late-p99", "start of a job after it was due", unit: "ms", .atMost(100)),
        Row("rung-early", "start of a job before it was due, at most", unit: "ms", .atMost(0)),
    ]

    func begin(_ stage: Stage) throws -> any Trial {
        let target = try stage.queue()
        // The broker's memory grows to its bound before anything is measured.
        try stage.fill(target, jobs: stage.scaled(900_000, least: 2000))
        return Running(
            stage: stage,
            target: target,
            jobs: stage.scaled(300_000, least: 1000),
            few: stage.scaled(10_000, least: 1000),
            enqueued: stage.scaled(300_000, least: 2000)
        )
    }

    private struct Running: Trial {
        let stage: Stage
        /// For enqueueing alone.
        let target: Stage.StageQueue
        let jobs: Int
        let few: Int
        let enqueued: Int

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            let (hops, enqueueing) = try turn.take {
                try work(jobs, ladder: "10s")
            } baseline: {
                try stage.part("enqueue", on: target, ["jobs": "\(enqueued)", "warmup": "\(enqueued / 20)"])
            }
            let calm = try work(few, ladder: "1s")
            let early = max(try calm.require("earliness"), try hops.require("earliness"))
            return [
                "hops": .init(value: try hops.require("hops"), baseline: try enqueueing.require("rate")),
                "rung-late-p99": .init(value: try calm.require("lateness"), baseline: nil),
                "rung-early": .init(value: early, baseline: nil),
            ]
        }

        private func work(_ jobs: Int, ladder: String) throws -> Metrics {
            let queue = try stage.queue(ladder: ladder)
            try stage.fill(queue, jobs: jobs)
            return try stage.work(queue, jobs: jobs, .flaky)
        }
    }
}
