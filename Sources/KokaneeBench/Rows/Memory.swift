/// What one more job in flight costs, beside its payload: workers that hold 10,000 and 100,000 jobs, whose handlers never
/// return, and the difference of what they have resident.
struct InFlightMemory: Experiment {
    let rows = [
        Row("rss-in-flight", "memory of a job in flight beside its payload", unit: "bytes", .atMost(1024))
    ]

    func begin(_ stage: Stage) throws -> any Trial {
        let queue = try stage.queue()
        // As many again as are held: what is fetched ahead is there in both.
        let most = stage.scaled(100_000, least: 4000)
        try stage.fill(queue, jobs: most * 3)
        return Running(stage: stage, queue: queue, most: most)
    }

    private struct Running: Trial {
        let stage: Stage
        let queue: Stage.StageQueue
        /// A worker with many partitions, rungs among them, fills half of its bound for certain; the bound is twice as high.
        let most: Int

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            let few = most / 10
            let (many, base) = try turn.take {
                try stage.work(queue, jobs: most, .suspend, ["in-flight": "\(most * 10)"])
            } baseline: {
                try stage.work(queue, jobs: few, .suspend, ["in-flight": "\(few * 10)"])
            }
            let held = try many.require("in-flight") - base.require("in-flight")
            let bytes = try many.require("rss") - base.require("rss")
            return ["rss-in-flight": .init(value: bytes / held - Double(Payload.size), baseline: nil)]
        }
    }
}

/// Backlogs that grow from 10,000 jobs to 5 million: the worker's peak of memory, and what a job costs.
///
/// The cost is the process's time on processors, less that of a worker of as many partitions that finds one job; and the wall
/// time from the first job's end to the last's. With a backlog comes a number of partitions that the embedded broker's 5 MiB
/// each suffice for.
struct Backlog: Experiment {
    let rows = [
        Row("rss-1m", "worker's peak of memory, 1 M jobs waiting", unit: "MB", .atMost(120), isQuick: false),
        Row("rss-5m", "worker's peak of memory, 5 M jobs waiting", unit: "MB", .atMost(120), isQuick: false),
        Row(
            "cost-backlog",
            "processor time a job, 10 k to 5 M jobs",
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
        /// With as many partitions, and one job.
        let lonely: Stage.StageQueue
        let jobs: Int
    }

    func begin(_ stage: Stage) throws -> any Trial {
        var sizes = [10_000, 100_000, 1_000_000]
        if !stage.settings.isQuick { sizes.append(5_000_000) }
        var lonely: [Int: Stage.StageQueue] = [:]
        let points = try sizes.map { size in
            let partitions = max(64, size / 8000 + 4)
            let jobs = stage.scaled(size, least: 1000)
            let queue = try stage.queue(partitions: partitions)
            try stage.fill(queue, jobs: jobs)
            if lonely[partitions] == nil {
                let other = try stage.queue(partitions: partitions)
                try stage.fill(other, jobs: 1)
                lonely[partitions] = other
            }
            return Point(queue: queue, lonely: lonely[partitions]!, jobs: jobs)
        }
        return Running(stage: stage, points: points)
    }

    private struct Running: Trial {
        let stage: Stage
        let points: [Point]

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            var start: [String: Double] = [:]
            var measured: [Int: Metrics] = [:]
            for (index, point) in turn.ordered(Array(points.enumerated())) {
                if start[point.lonely.name] == nil {
                    start[point.lonely.name] = try stage.work(point.lonely, jobs: 1, .noop).require("cpu")
                }
                measured[index] = try stage.work(point.queue, jobs: point.jobs, .noop)
            }
            var processor: [Double] = []
            var wall: [Double] = []
            for (index, point) in points.enumerated() {
                guard let metrics = measured[index] else { continue }
                let used = try metrics.require("cpu") - (start[point.lonely.name] ?? 0)
                processor.append(max(used, 1e-6) / Double(point.jobs) * 1e6)
                wall.append(try metrics.require("wall") * 1e6)
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
