/// What one more job in flight costs, beside its payload: workers that hold 8,000 and 80,000 jobs, and the difference of
/// what they have resident. As many jobs as are worked at once run, in handlers that never return, and the others wait
/// for their turn in the scheduler.
struct InFlightMemory: Experiment {
    let rows = [
        Row("rss-in-flight", "memory of a job in flight beside its payload", unit: "bytes", .atMost(1024))
    ]

    func begin(_ stage: Stage) throws -> any Trial {
        // As many as a worker's bound in bytes lets in, so that all that there is is in flight: how much it has fetched ahead
        // beside that depends on how fast it did.
        let most = stage.scaled(80_000, least: 4000)
        let (few, many) = (try stage.queue(), try stage.queue())
        try stage.fill(few, jobs: most / 10)
        try stage.fill(many, jobs: most)
        return Running(stage: stage, few: few, many: many, most: most)
    }

    private struct Running: Trial {
        let stage: Stage
        let few: Stage.StageQueue
        let many: Stage.StageQueue
        let most: Int

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            let (all, base) = try turn.take {
                try stage.work(many, jobs: most, .suspend, ["in-flight": "\(most * 10)"])
            } baseline: {
                try stage.work(few, jobs: most / 10, .suspend, ["in-flight": "\(most)"])
            }
            let held = try all.require("in-flight") - base.require("in-flight")
            let bytes = try all.require("rss") - base.require("rss")
            return ["rss-in-flight": .init(value: bytes / held - Double(Payload.size), baseline: nil)]
        }
    }
}

/// Backlogs that grow from 10,000 jobs to 5 million: the worker's peak of memory, and what a job costs.
///
/// The cost is what each job more takes of processors, from one backlog to the next larger one; and the wall time a job, from
/// the first job's end to the last's. Nothing else grows but the batches of the smallest: all are in 64 partitions, compressed
/// for the embedded broker's 5 MiB each to suffice, in batches of 256 KiB at most: that broker goes through a partition's
/// batches from the first for each fetch.
struct Backlog: Experiment {
    let rows = [
        Row("rss-1m", "worker's peak of memory, 1 M jobs waiting", unit: "MB", .atMost(120), isQuick: false),
        Row("rss-5m", "worker's peak of memory, 5 M jobs waiting", unit: "MB", .atMost(120), isQuick: false),
        Row(
            "cost-backlog",
            "processor time of one more job, 10 k to 5 M jobs",
            unit: "us/job",
            .ratioAtMost(1.15),
            isQuick: false
        ),
        Row(
            "cost-backlog-wall",
            "wall time a job, 10 k to 5 M jobs",
            unit: "us/job",
            .ratioAtMost(1.15),
            isQuick: false
        ),
    ]
    let maximumRounds = 3

    private struct Point {
        let queue: Stage.StageQueue
        let jobs: Int
    }

    func begin(_ stage: Stage) throws -> any Trial {
        var sizes = [10_000, 100_000, 1_000_000]
        if !stage.settings.isQuick { sizes.append(5_000_000) }
        let points = try sizes.enumerated().map { index, size in
            let jobs = stage.scaled(size, least: 1000 << index)
            let queue = try stage.queue()
            try stage.fill(queue, jobs: jobs, isCompressed: true, batchBytes: 256 << 10)
            return Point(queue: queue, jobs: jobs)
        }
        return Running(stage: stage, points: points)
    }

    private struct Running: Trial {
        let stage: Stage
        let points: [Point]

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            var measured: [Int: Metrics] = [:]
            for (index, point) in turn.ordered(Array(points.enumerated())) {
                measured[index] = try stage.work(point.queue, jobs: point.jobs, .noop)
            }
            var processor: [Double] = []
            var wall: [Double] = []
            var smaller: (jobs: Int, used: Double)?
            for (index, point) in points.enumerated() {
                guard let metrics = measured[index] else { continue }
                wall.append(try metrics.require("wall") * 1e6)
                let used = try metrics.require("cpu")
                if let smaller, point.jobs > smaller.jobs {
                    processor.append(max(used - smaller.used, 1e-6) / Double(point.jobs - smaller.jobs) * 1e6)
                }
                smaller = (point.jobs, used)
            }
            var rounds = ["cost-backlog": Growth.worst(processor), "cost-backlog-wall": Growth.worst(wall)]
            for (name, index) in [("rss-1m", 2), ("rss-5m", 3)] {
                guard let metrics = measured[index] else { continue }
                rounds[name] = .init(value: try metrics.require("peak") / 1e6, baseline: nil)
            }
            return rounds
        }
    }
}
