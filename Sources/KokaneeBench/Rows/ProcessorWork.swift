/// Jobs that use the processor for 100 µs each, beside bare threads, as many as there are processors, that do the same work.
///
/// The work is counted in steps, not by the clock: a job that is interrupted takes longer and does not do less.
struct ProcessorWork: Experiment {
    let rows = [
        Row("cpu-100us", "jobs that compute for 100 us, beside bare threads", unit: "jobs/s", .ratioAtLeast(0.95))
    ]

    func begin(_ stage: Stage) throws -> any Trial {
        let (queue, jobs) = try stage.backlog(of: 60_000, least: 1000)
        let iterations = try stage.part("spin-calibrate", ["microseconds": "100"]).require("iterations")
        return Running(stage: stage, queue: queue, jobs: jobs, iterations: Int(iterations))
    }

    private struct Running: Trial {
        let stage: Stage
        let queue: Stage.StageQueue
        let jobs: Int
        let iterations: Int

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            let words = ["iterations": "\(iterations)"]
            let (ours, bare) = try turn.take {
                try stage.work(queue, jobs: jobs, .spin, words)
            } baseline: {
                let load = ["threads": "\(stage.settings.cores)", "jobs": "\(jobs)"]
                return try stage.part("spin", load.merging(words) { $1 })
            }
            return ["cpu-100us": .init(value: try ours.require("rate"), baseline: try bare.require("rate"))]
        }
    }
}
