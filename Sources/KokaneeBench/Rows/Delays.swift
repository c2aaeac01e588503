/// Jobs of delays from 10 ms to 8 s, some of which the worker holds and some of which go down rungs: how late they start,
/// and that none starts early.
struct DelayLateness: Experiment {
    let rows = [
        Row("delay-lateness", "p99 start of a delayed job after it was due", unit: "ms", .atMost(100)),
        Row("delay-early", "start of a delayed job before it was due, at most", unit: "ms", .atMost(0)),
    ]
    let maximumRounds = 3

    func begin(_ stage: Stage) throws -> any Trial {
        Running(stage: stage, jobs: stage.scaled(3000, least: 300))
    }

    private struct Running: Trial {
        let stage: Stage
        let jobs: Int

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            var words = ["jobs": "\(jobs)", "rate": "300", "shortest": "10", "longest": "8000"]
            // See ``Latency``: a fetch that finds nothing would hold a new job up for half a second.
            if stage.settings.cluster == nil { words["fetch-wait"] = "1" }
            let ours = try stage.part("start-delayed", on: stage.queue(ladder: "1s,2s"), words)
            return [
                "delay-lateness": .init(value: try ours.require("p99"), baseline: nil),
                "delay-early": .init(value: try ours.require("earliness"), baseline: nil),
            ]
        }
    }
}

/// A million jobs that are due in a year: what the worker has resident while they wait on its rungs.
struct DelayedMemory: Experiment {
    let rows = [
        Row("delayed-rss", "worker's memory, 1 M delayed jobs waiting", unit: "MB", .atMost(120), isQuick: false)
    ]
    let maximumRounds = 1

    func begin(_ stage: Stage) throws -> any Trial {
        let jobs = stage.scaled(1_000_000, least: 1000)
        // Each has a record of some 400 bytes, of which the embedded broker holds 5 MiB a partition.
        let queue = try stage.queue(partitions: max(16, jobs / 8000 + 4), ladder: "6h")
        _ = try stage.part("enqueue-delayed", on: queue, ["jobs": "\(jobs)", "delay": "\(365 * 86_400_000)"])
        return Running(stage: stage, queue: queue, jobs: jobs)
    }

    private struct Running: Trial {
        let stage: Stage
        let queue: Stage.StageQueue
        let jobs: Int

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            let ours = try stage.part("wait-delayed", on: queue, ["jobs": "\(jobs)"])
            return ["delayed-rss": .init(value: try ours.require("rss") / 1e6, baseline: nil)]
        }
    }
}
