import RdKafka

@testable import Kokanee

/// A cluster, a group and its workers, in one thread, by one clock, from one seed: the same seed, the same history.
///
/// The workers' decisions are the product's own; brokers, network, clocks and handlers are models that are simple
/// enough to be believed. What is true of every job is kept beside, and what must hold is checked as it happens.
final class Simulation {
    let dice: Dice
    var profile: Profile
    let ladder: Ladder
    let policy: any RetryPolicy
    /// The cluster's clock, in milliseconds since the epoch.
    private(set) var now: Int64 = Simulation.start
    private static let start: Int64 = 1_700_000_000_000
    /// Any will do: only differences count.
    private static let origin = ContinuousClock.now

    /// By topic and partition: the main topic, the rungs, the dead letters.
    var logs: [[ModelLog]] = []
    var committed: [[Committed?]] = []
    /// By partition.
    var stateLogs: [ModelStateLog]
    /// The effects that jobs with a key have made.
    var done: [DoneEffect] = []
    var group: ModelGroup
    var workers: [ModelWorker] = []
    /// By name.
    var schedules: [String: ModelSchedule] = [:]
    var coordinator = ModelCoordinator()
    /// Of committed transactions.
    var scheduledJobs: [ModelJob] = []
    /// The jobs of which that stands in the state.
    var notedEnds: Set<String> = []
    /// What schedules take is theirs: histories without them are what they were.
    let scheduleDice: Dice
    /// What dead workers sent before they died.
    var orphans: [ModelWorker] = []
    var jobs: [ModelJob] = []
    var tally = Tally()
    /// When attempts started that a limit's rate counts, by the limit and the key's group.
    var limitedStarts: [LimitedStart: [Int64]] = [:]
    private(set) var mostWorkers = 0
    private var nextWorker = 1
    /// A hop that should not have been sent.
    var strayWrite: String?
    /// Takes a line for each step of a history that is to be looked at.
    private let trace: ((String) -> Void)?

    init(seed: UInt64, trace: ((String) -> Void)? = nil) throws {
        self.trace = trace
        dice = Dice(seed: seed)
        profile = Profile(dice)
        profile.setJobLimits(Dice(seed: ~seed))
        scheduleDice = Dice(seed: seed ^ 0x5C4E_D01E)
        schedules = try profile.schedules(scheduleDice, now: Self.start)
        let delays = [Duration.seconds(5), .seconds(30), .seconds(120)].prefix(profile.rungs)
        ladder = try Ladder(Array(delays))
        if dice.chance(70) {
            policy = .ladder(attempts: profile.maximumAttempts)
        } else {
            policy = .exponential(base: .seconds(3), factor: 4, jitter: 0.3, attempts: profile.maximumAttempts)
        }
        group = ModelGroup(partitions: profile.partitions, sessionTimeout: profile.sessionTimeout)
        stateLogs = Array(repeating: ModelStateLog(), count: profile.partitions)
        let none = [ModelLog](repeating: ModelLog(), count: profile.partitions)
        logs = Array(repeating: none, count: profile.rungs + 2)
        committed = Array(repeating: Array(repeating: nil, count: profile.partitions), count: profile.rungs + 2)
    }

    /// What a monotonic clock shows, the same on all machines.
    var instant: ContinuousClock.Instant { Self.origin + .milliseconds(now - Self.start) }

    var deadLetterTopic: Int { ladder.rungs.count + 1 }

    /// - Throws: ``Violation``.
    func run() throws {
        for _ in 0..<profile.workers { try startWorker() }
        for _ in 0..<profile.steps {
            if jobs.count < profile.jobs, dice.chance(30) { enqueue() }
            try misbehave()
            try pass(stepLength())
        }
        try end()
    }

    func note(_ line: @autoclosure () -> String) {
        trace?("\(now - Self.start) ms: \(line())")
    }

    /// Mostly little, now and then much: what has a limit in time must reach it.
    private func stepLength() -> Int64 {
        switch dice.number(below: 100) {
        case 0..<60: dice.time(in: 0...30)
        case 60..<85: dice.time(in: 30...300)
        case 85..<97: dice.time(in: 300...2000)
        default: dice.time(in: 2000...20_000)
        }
    }

    /// Lets time pass, and everybody act, in no order that could be relied on.
    func pass(_ length: Int64) throws {
        var left = length
        repeat {
            let slice = min(left, 1000)
            left -= slice
            now += slice
            for worker in workers where worker.isAwake && now >= worker.heartbeatAt {
                group.hear(from: worker.member, now: now)
                worker.heartbeatAt = now + profile.heartbeatInterval
            }
            group.tick(now: now)
            for worker in workers + orphans {
                try worker.deliverHops()
                worker.deliverState()
                try worker.deliverCommits()
                try worker.keeper?.deliver()
            }
            endTransactions()
            for worker in dice.shuffle(workers) where worker.isAwake { try act(worker, after: slice) }
            try checkBounds()
        } while left > 0
    }

    private func act(_ worker: ModelWorker, after slice: Int64) throws {
        // A thread may miss a moment; hardly ever a second.
        for action in dice.shuffle([0, 1, 2, 3]) where dice.chance(slice < 500 ? 75 : 98) {
            switch action {
            case 0: try worker.turn()
            case 1: try worker.settleAttempts()
            case 2:
                try worker.settleHops()
                worker.settleState()
            default: try worker.heartbeat()
            }
        }
        if let keeper = worker.keeper, scheduleDice.chance(slice < 500 ? 75 : 98) { try keeper.turn(worker) }
    }

    // MARK: - Faults

    private func misbehave() throws {
        if dice.chance(perMille: profile.crash), let worker = dice.pick(workers) { crash(worker) }
        if dice.chance(perMille: profile.stop), let worker = dice.pick(workers), worker.isAwake { stop(worker) }
        if workers.count < profile.workers, dice.chance(perMille: profile.start) { try startWorker() }
        if workers.count < profile.workers + 1, dice.chance(perMille: profile.start / 10) { try startWorker() }
        if dice.chance(perMille: profile.freeze), let worker = dice.pick(workers) { freeze(worker) }
        // Who has stood still once will do so again.
        if profile.freeze > 0, let worker = workers.first(where: { $0.lapsedAt != nil }), dice.chance(10) {
            freeze(worker)
        }
        if dice.chance(perMille: profile.cut) { cut() }
    }

    private func freeze(_ worker: ModelWorker) {
        guard worker.isAwake else { return }
        worker.frozenUntil = now + dice.time(in: 500...30_000)
        tally.note(.frozenWorkers)
        note("worker \(worker.number) stands still for \(worker.frozenUntil - now) ms")
    }

    func startWorker() throws {
        let worker = ModelWorker(self, number: nextWorker)
        try worker.setLimits()
        workers.append(worker)
        nextWorker += 1
        mostWorkers = max(mostWorkers, workers.count)
    }

    private func stop(_ worker: ModelWorker) {
        worker.isStopping = true
        tally.note(.stops)
        note("worker \(worker.number) is told to stop")
    }

    private func crash(_ worker: ModelWorker) {
        tally.note(.crashes)
        note("worker \(worker.number) dies")
        for id in worker.epochs.keys.sorted() {
            if let epoch = worker.epochs.removeValue(forKey: id) { end(epoch, .crash) }
        }
        for execution in worker.running { mayRunAgain(execution.record, .crash) }
        // What it sent last is on its way, or not.
        worker.hops.removeAll { $0.arrivedAt == nil && dice.chance(50) }
        worker.writes.removeAll { !$0.hasArrived && dice.chance(50) }
        worker.commits.requests.removeAll { $0.answer == nil && dice.chance(50) }
        worker.keeper?.die()
        remove(worker)
    }

    func leave(_ worker: ModelWorker) {
        if let member = worker.member { group.leave(member, now: now) }
        for execution in worker.running { mayRunAgain(execution.record, .handedBack) }
        worker.mode = .gone
        note("worker \(worker.number) leaves")
        remove(worker)
    }

    private func remove(_ worker: ModelWorker) {
        worker.running = []
        worker.hopsToRetry = []
        workers.removeAll { $0 === worker }
        orphans.append(worker)
    }

    private func cut() {
        let (topic, partition) = (dice.number(below: deadLetterTopic), dice.number(below: profile.partitions))
        let log = logs[topic][partition]
        guard log.end > log.start else { return }
        tally.note(.retentionCuts)
        defer { note("retention cuts \(topic)/\(partition) below \(logs[topic][partition].start)") }
        let offset = log.start + 1 + dice.time(in: 0...min(10, log.end - log.start - 1))
        logs[topic][partition].cut(below: min(offset, log.readable))
    }
}
