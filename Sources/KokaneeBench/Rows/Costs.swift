/// What a job costs with ever more keys: a million jobs of 1, of 1,000 and of a million keys, spread over the partitions
/// whatever their key, so that one key is worked in every partition.
struct CostByKeys: Experiment {
    let rows = CostPoint.rows("cost-keys", "1 to 1 M keys")
    let maximumRounds = 3

    func begin(_ stage: Stage) throws -> any Trial {
        let jobs = stage.scaled(1_000_000, least: 1000)
        let points = try ["cyclic:1", "cyclic:1000", "distinct"].map { keys in
            let queue = try stage.queue(partitions: 128)
            try stage.fill(queue, jobs: jobs, keys: keys, isRoundRobin: true)
            return CostPoint(queue: queue, jobs: jobs)
        }
        return CostTrial(stage: stage, name: "cost-keys", points: points)
    }
}

/// What one more job costs with ever more partitions: 1, 64 and 1,024, with a million jobs, or what one partition of the
/// embedded broker holds of them when they are compressed; beyond what the first quarter as many cost, in which a worker of so
/// many partitions starts, and gets its memory.
struct CostByPartitions: Experiment {
    let rows = CostPoint.rows("cost-partitions", "1 to 1,024 partitions")
    let maximumRounds = 3

    func begin(_ stage: Stage) throws -> any Trial {
        let points = try [1, 64, 1024].map { partitions in
            func filled(_ jobs: Int) throws -> Stage.StageQueue {
                let queue = try stage.queue(partitions: partitions)
                try stage.fill(queue, jobs: jobs, isRoundRobin: true, isCompressed: true, batchBytes: 64 << 10)
                return queue
            }
            let jobs = stage.scaled(min(1_000_000, partitions * 100_000), least: 2000)
            let quarter = jobs / 4
            return CostPoint(queue: try filled(jobs), first: (try filled(quarter), quarter), jobs: jobs)
        }
        return CostTrial(stage: stage, name: "cost-partitions", points: points)
    }
}

/// What a job costs that ends while an older one of its partition does not: 100,000 jobs of one partition, whose first one ends
/// first, or last.
struct CostByGap: Experiment {
    let rows = CostPoint.rows("cost-gap", "completion gap of 0 to 100 k")
    let maximumRounds = 3

    func begin(_ stage: Stage) throws -> any Trial {
        let jobs = stage.scaled(100_000, least: 1000)
        let queue = try stage.queue(partitions: 1)
        try stage.fill(queue, jobs: jobs, isRoundRobin: true, isCompressed: true)
        let points = ["0", "1"].map { held in
            CostPoint(queue: queue, jobs: jobs, handler: .hold, words: ["held": held, "gap": "1000000"])
        }
        return CostTrial(stage: stage, name: "cost-gap", points: points)
    }
}

/// A size of the work at which a job's cost is measured.
struct CostPoint: Sendable {
    let queue: Stage.StageQueue
    /// With as many partitions, and fewer jobs, whose cost is taken off; nil where all points have the same.
    var first: (queue: Stage.StageQueue, jobs: Int)?
    let jobs: Int
    var handler = WorkHandler.noop
    var words: [String: String] = [:]

    static func rows(_ name: String, _ range: String) -> [Row] {
        [
            Row(name, "processor time a job, \(range)", unit: "us/job", .ratioAtMost(1.15), isQuick: false),
            Row("\(name)-wall", "wall time a job, \(range)", unit: "us/job", .ratioAtMost(1.15), isQuick: false),
        ]
    }
}

/// Measures the cost of a job at each point; the row shows the worst growth between any two of them.
struct CostTrial: Trial {
    let stage: Stage
    let name: String
    let points: [CostPoint]

    func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
        var costs: [Int: (processor: Double, wall: Double)] = [:]
        for (index, point) in turn.ordered(Array(points.enumerated())) {
            let start = try point.first.map { try stage.work($0.queue, jobs: $0.jobs, .noop).require("cpu") } ?? 0
            let metrics = try stage.work(point.queue, jobs: point.jobs, point.handler, point.words)
            let used = try metrics.require("cpu") - start
            let jobs = point.jobs - (point.first?.jobs ?? 0)
            costs[index] = (max(used, 1e-6) / Double(jobs) * 1e6, try metrics.require("wall") * 1e6)
        }
        let ordered = points.indices.compactMap { costs[$0] }
        return [
            name: Growth.worst(ordered.map(\.processor)),
            "\(name)-wall": Growth.worst(ordered.map(\.wall)),
        ]
    }
}
