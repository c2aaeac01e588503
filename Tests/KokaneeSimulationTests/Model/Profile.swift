@testable import Kokanee

/// What a history is made of: the sizes of things, and how often what goes wrong. All of it follows from the seed.
struct Profile {
    enum Kind: CaseIterable {
        case everything, calm, rebalances, crashes, zombies, retention, smallMetadata, ladder, refusals, stuck
    }

    let kind: Kind
    var steps = 260
    var jobs = 40
    var partitions = 2
    var workers = 2
    var rungs = 2
    var maximumAttempts = 3
    var concurrency = 4
    var limits = (jobs: 12, bytes: 2000, gap: Int64(10))
    /// Of the worker's clocks against the cluster's, in milliseconds, either way.
    var skew: Int64 = 300_000

    // Times in milliseconds.
    var sessionTimeout: Int64 = 10_000
    var heartbeatInterval: Int64 = 3000
    var attemptTimeout: Int64 = 3000
    var grace: Int64 = 1000
    var revocationLimit: Int64 = 2000
    var shutdownLimit: Int64 = 4000
    var commitInterval: Int64 = 500

    // Events, in thousandths of the steps.
    var crash = 0
    var stop = 0
    var start = 20
    var freeze = 0
    var cut = 0

    // In percent of the records, attempts, hops and commits.
    var gaps = 0
    var badRecords = 3
    var delayed = 8
    var keyed = 80
    var failures = 15
    var stuck = 0
    var slow = 5
    var refusedHops = 5
    var doubledHops = 2
    var refusedCommits = 3
    var lostAnswers = 2
    var unansweredOffsets = 0
    /// What the broker takes beside an offset, in bytes.
    var brokerMetadataLimit = CommitMetadata.defaultLimit
    /// What the worker takes that to be at its start.
    var workerMetadataLimit = CommitMetadata.defaultLimit

    /// For how long the key of an effect counts as done, in milliseconds.
    var onceWindow: Int64 = 3_600_000

    var circuit: CircuitPolicy?
    /// Of the jobs that may run.
    var jobLimits: [JobLimit] = []

    init(_ dice: Dice) {
        let kind = Kind.allCases[dice.number(below: Kind.allCases.count)]
        self.kind = kind
        partitions = dice.number(in: 1...3)
        workers = dice.number(in: 1...3)
        rungs = dice.number(in: 2...3)
        maximumAttempts = dice.number(in: 1...4)
        concurrency = dice.number(in: 2...6)
        limits.gap = Int64(dice.number(in: 6...24))
        limits.jobs = dice.number(in: 6...24)
        limits.bytes = dice.chance(40) ? dice.number(in: 100...400) : 3000
        commitInterval = Int64(dice.number(in: 100...2000))
        revocationLimit = Int64(dice.number(in: 50...2000))
        gaps = dice.chance(50) ? 15 : 0
        onceWindow = dice.chance(70) ? 3_600_000 : Int64(dice.number(in: 1000...60_000))
        // Half of the histories have all clocks right: what is early there is nobody's clock.
        skew = dice.chance(50) ? 300_000 : 0
        set(kind, dice)
        guard kind == .everything || kind == .ladder || dice.chance(20) else { return }
        var policy = CircuitPolicy()
        (policy.minimumJobs, policy.probes) = (dice.number(in: 3...8), dice.number(in: 1...3))
        (policy.window, policy.pause, policy.longestPause) = (.seconds(20), .seconds(2), .seconds(8))
        circuit = policy
    }

    /// Limits for a third of the histories.
    mutating func setJobLimits(_ dice: Dice) {
        guard dice.chance(35) else { return }
        // Few types, few keys, narrow limits: they are met all the time.
        if dice.chance(60) { jobLimits.append(JobLimit(type: "type-0", concurrency: dice.number(in: 1...3))) }
        if dice.chance(40) { jobLimits.append(JobLimit(grouping: .key, concurrency: 1)) }
        if dice.chance(60) {
            let rate = Rate(perSecond: Double(dice.number(in: 1...20)) / 2)
            jobLimits.append(
                JobLimit(type: dice.chance(50) ? "type-1" : nil, rate: rate, burst: dice.number(in: 1...5))
            )
        }
        if dice.chance(30) {
            let rate = Rate(perSecond: Double(dice.number(in: 1...4)))
            jobLimits.append(JobLimit(type: "type-2", grouping: .key, rate: rate, burst: dice.number(in: 1...3)))
        }
        for index in jobLimits.indices { jobLimits[index].allowsOvertaking = dice.chance(50) }
    }

    /// Schedules for a third of the histories.
    func schedules(_ dice: Dice, now: Int64) throws -> [String: ModelSchedule] {
        guard dice.chance(35) else { return [:] }
        let policies: [Schedule.Overlap] = [.skip, .queue, .allow]
        var schedules: [String: ModelSchedule] = [:]
        for number in 0..<dice.number(in: 1...3) {
            let name = "schedule-\(number)"
            let overlap = policies[dice.number(below: policies.count)]
            // What is fired whatever has become of the job before is fired seldom.
            let interval = Int64(overlap == .skip ? dice.number(in: 1...4) : dice.number(in: 5...20))
            var schedule = try Schedule(name, type: dice.chance(5) ? "unknown" : "known", at: "@every \(interval)s")
            schedule.overlap = overlap
            switch dice.number(below: 3) {
            case 0: schedule.misfire = .fireOnce
            case 1: schedule.misfire = .ignore
            default: schedule.misfire = .catchUp(dice.number(in: 1...5))
            }
            if dice.chance(70) { schedule.misfireThreshold = .milliseconds(dice.number(in: 2000...15_000)) }
            if dice.chance(30) { schedule.jitter = .milliseconds(dice.number(in: 1...3000)) }
            if dice.chance(20) { schedule.key = "mine" }
            let since = now + dice.time(in: 0...(dice.chance(50) ? 1000 : 60_000))
            schedules[name] = ModelSchedule(schedule, interval: interval * 1000, since: since)
        }
        return schedules
    }

    /// No more faults.
    mutating func calmDown() {
        (refusedHops, doubledHops, refusedCommits, lostAnswers, unansweredOffsets, stuck) = (0, 0, 0, 0, 0, 0)
    }

    private mutating func set(_ kind: Kind, _ dice: Dice) {
        switch kind {
        case .everything:
            (crash, stop, start, freeze, cut) = (8, 6, 40, 8, 4)
            (stuck, unansweredOffsets) = (2, 3)
        case .calm:
            (steps, jobs, workers, concurrency) = (500, 110, 1, 6)
            limits = (40, dice.chance(50) ? 500 : 20_000, 40)
            (refusedCommits, lostAnswers, refusedHops, doubledHops, slow) = (0, 0, 2, 0, 10)
        case .rebalances:
            (stop, start, workers, slow) = (15, 60, 3, 30)
        case .crashes:
            (crash, start) = (20, 60)
        case .zombies:
            (freeze, start, workers, slow) = (20, 40, max(workers, 2), 15)
        case .retention:
            (cut, crash, start) = (25, 6, 40)
        case .smallMetadata:
            (crash, stop, start) = (10, 6, 40)
            (brokerMetadataLimit, workerMetadataLimit) = (4096, 26)
            if partitions == 2 { (brokerMetadataLimit, workerMetadataLimit) = (28, 4096) }
            (limits, slow) = ((24, 4000, 30), 20)
        case .ladder:
            (delayed, failures, badRecords, maximumAttempts) = (30, 40, 10, 4)
        case .refusals:
            (crash, stop, start) = (6, 8, 50)
            (refusedHops, doubledHops, refusedCommits, lostAnswers, unansweredOffsets) = (30, 10, 30, 15, 10)
        case .stuck:
            (stuck, slow, stop, start) = (15, 25, 8, 40)
        }
    }
}
