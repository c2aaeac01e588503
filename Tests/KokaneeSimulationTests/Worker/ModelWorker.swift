import RdKafka

@testable import Kokanee

/// A worker's process: the real ``Scheduler`` and what else it decides with, in a model of the shell around them.
///
/// What the shell does, it does in the shell's order: see `Dispatcher`, `CommitPacer` and `Engine`. A call of
/// ``turn()`` is one of its thread's rounds, ``settleAttempts()`` what its runners do, ``settleHops()`` what its
/// producer calls back, ``heartbeat()`` what it hears of the group: a history interleaves them as threads would be.
final class ModelWorker {
    /// What the scheduler holds of a job.
    struct Content {
        let record: ModelRecord
        let decoded: DecodedJob?
        /// Why nothing runs it.
        var refusal: (reason: DeadReason, failure: Envelope.Failure)?
    }

    typealias Ticket = Scheduler<Content>.Ticket

    enum Mode {
        case working
        case draining(until: Int64, then: Leaving)
        /// Before its last commit it waits for the one that is under way.
        case awaitingEarlierCommit(until: Int64, then: Leaving)
        case awaitingLastCommit(until: Int64, then: Leaving)
        case gone
    }

    /// Why it hands back what it has.
    enum Leaving {
        case rebalance
        /// Told to stop; what does not end in time is cancelled.
        case stop
        case stopCancelled
    }

    unowned let simulation: Simulation
    let number: Int
    /// How far its wall clock is ahead.
    let skew: Int64
    var scheduler: Scheduler<Content>
    var mode = Mode.working
    var isStopping = false
    var frozenUntil: Int64 = 0

    /// When its consumer tells the group again that it lives.
    var heartbeatAt: Int64 = 0

    // The group, as far as it knows.
    var member: Int?
    var generation = 0
    var isJoining = false
    var suspendedAt: Int64?

    var intakes: [ModelIntake] = []
    var epochs: [Int: Epoch] = [:]
    var running: [Execution] = []
    /// Attempts that were given up and go on.
    var stragglers: [Execution] = []
    var hops: [Hop] = []
    var hopsToRetry: [Hop] = []
    var commits: ModelPacer
    var clusterClock = ClusterClock()
    /// When its first acknowledgement comes.
    private let clockKnownAt: Int64
    var gate: ModelGate
    var lapsedAt: Int64?

    var state = StateTable()
    /// When the reading of a partition's state is through; and how many records that has brought.
    var restoresAt: [Int: Int64] = [:]
    var restored: [Int: Int] = [:]
    var writes: [StateWrite] = []
    var assignment = 0
    private(set) var keeper: ModelKeeper?

    init(_ simulation: Simulation, number: Int) {
        self.simulation = simulation
        self.number = number
        let (profile, dice) = (simulation.profile, simulation.dice)
        skew = profile.skew == 0 ? 0 : dice.time(in: -profile.skew...profile.skew)
        let limits = profile.limits
        scheduler = Scheduler(
            limits: .init(jobs: limits.jobs, bytes: limits.bytes, gap: limits.gap),
            asLimited: { $0 }
        )
        commits = ModelPacer(limit: profile.workerMetadataLimit)
        clockKnownAt = simulation.now + dice.time(in: 10...500)
        gate = ModelGate(
            lease: Lease(length: .milliseconds(profile.sessionTimeout / 3), now: simulation.instant),
            circuit: profile.circuit.map { Circuit($0, now: simulation.instant) }
        )
        if !simulation.schedules.isEmpty { keeper = ModelKeeper(self) }
        if skew != 0 { simulation.tally.note(.skewedClocks) }
    }

    var isAwake: Bool {
        if case .gone = mode { return false }
        return simulation.now >= frozenUntil
    }

    /// What it takes the cluster's time to be: never more than that is.
    var clusterTime: Int64? { clusterClock.now(simulation.instant) }

    var wall: Int64 { simulation.now + skew }

    /// One round of the thread that owns the consumer.
    func turn() throws {
        switch mode {
        case .gone: return
        case .working:
            learnTime()
            if isStopping { return try beginStop() }
            try keepLease()
            restoreState()
            try readPartitions()
            try releaseRungs()
            try tick()
            try commitIfDue()
            forgetSuspendedIfLate()
        case .draining(let until, let leaving):
            if case .stop = leaving { try keepLease() } else { _ = renewLease() }
            try tick()
            try takeCommitResults()
            try commitIfDue()
            guard scheduler.isDrained(intakes.map(\.id)) || simulation.now >= until else { return }
            try drained(leaving)
        case .awaitingEarlierCommit(let until, let leaving):
            try takeCommitResults()
            guard commits.outstanding == nil || simulation.now >= until else { return }
            giveUpCommit()
            try sendCommit(isLast: true)
            mode = .awaitingLastCommit(until: until, then: leaving)
        case .awaitingLastCommit(let until, let leaving):
            try takeCommitResults()
            guard commits.outstanding == nil || simulation.now >= until else { return }
            try handBack(leaving)
        }
    }

    /// What the engine's tick does: held jobs, hops to be tried again, attempts that overran.
    func tick() throws {
        tickCircuit()
        if scheduler.needsTime { _ = scheduler.advance(to: nanoseconds) }
        leaveLimited()
        if let clusterTime { _ = scheduler.releaseHeld(now: clusterTime) }
        try startReady()
        retryHops()
        try findOverdue()
    }

    /// The producer's first acknowledgement tells the cluster's time; until then nothing is read.
    private func learnTime() {
        guard clusterTime == nil, simulation.now >= clockKnownAt else { return }
        clusterClock.note(simulation.now - simulation.dice.time(in: 0...300), acknowledgedAt: simulation.instant)
    }

    /// The id by which the scheduler knows a partition.
    func id(topic: Int, partition: Int) -> Int { topic * simulation.profile.partitions + partition }
}

/// One assigned partition as its thread reads it.
final class ModelIntake {
    let id: Int
    let topic: Int
    let partition: Int
    /// The rung's; nil in the main topic.
    let delay: Int64?
    /// Where the next fetch begins.
    var position: Int64
    var expected: Int64?
    var end: Int64?
    var endTold: Int64?
    var waiting = Fifo<(record: ModelRecord, dueAt: Int64)>()

    init(id: Int, topic: Int, partition: Int, delay: Int64?, position: Int64, expected: Int64?) {
        self.id = id
        self.topic = topic
        self.partition = partition
        self.delay = delay
        self.position = position
        self.expected = expected
    }
}
