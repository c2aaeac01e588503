internal import RdKafka

/// Works one queue: reads its partitions into the engine, commits what is finished, answers rebalances.
///
/// It is the loop of the thread that owns the queue's consumer; everything in it happens on that thread.
final class Dispatcher {
    let runtime: QueueRuntime
    let engine: Engine
    let consumer: Consumer
    let control: WorkerControl
    let logger: Logger
    let configuration: WorkerConfiguration
    /// Delays in milliseconds of the rungs that are worked, by topic.
    let rungs: [String: Int64]
    /// The priorities of the topics that are worked beside the main topic.
    let priorities: [String: Priority]
    private let mainPartitions: Int
    /// All partitions of the queue's main topic, its priorities' and its rungs, whoever owns them.
    let allPartitions: [TopicPartition]
    var intakes: [TopicPartition: PartitionIntake] = [:]
    /// The partitions, which are read in turn. The rungs stand behind the others.
    var rotation: [PartitionIntake] = []
    /// Of those that are no rungs.
    var idsInRotation: [Engine.PartitionID] = []
    /// The rungs of which records wait until they are due.
    var holding: [PartitionIntake] = []
    var commits: CommitPacer
    var idleness = IdleWatch()
    var hasJoined = false
    /// When partitions were handed back whose jobs still run, until the next assignment.
    var suspendedAt: ContinuousClock.Instant?
    /// How long they may go on without one: a little less than the session timeout. The broker heard of this worker
    /// when it took them back, and can't go on without it, and give them to another, any sooner.
    let suspensionLimit: Duration
    /// Since when it is unknown whether the group still has this worker for a member; see ``Lease``.
    var lapsedAt: ContinuousClock.Instant?
    let leaseLength: Duration
    /// Rungs that need not be fetched for now, until librdkafka is told so; and when the next one has to be again.
    var toRest: [PartitionIntake] = []
    var nextRestEnd = ContinuousClock.now
    /// What ``serveRewinds()`` has seen, and whether it has more to do.
    var rewindsSeen = 0
    var hasRewindsToServe = false
    let prefetch: Prefetch
    /// Of a replay: what is to be done, and how fast.
    var pace: ReplayPace
    var appliedWish = ReplayRun.Wish()
    /// Among those that are no rungs.
    var firstInRotation = 0
    /// When the rungs were read last, in milliseconds since the epoch.
    var rungsReadAt: Int64 = 0
    /// The last round's memory, for the next one.
    var spareRound = Intake.Round()
    /// What ``resumeFetching()`` is to tell of.
    var roomy: [PartitionIntake] = []
    var readSinceNudge = 0
    var hasEmpty = false
    private var ids: [TopicPartition: Engine.PartitionID] = [:]
    private var partitions: [Engine.PartitionID: TopicPartition] = [:]
    private var lastFailure: KafkaError?

    init(
        runtime: QueueRuntime,
        engine: Engine,
        control: WorkerControl,
        client: ClientConfiguration,
        rungs: [String: Int64],
        priorities: [String: Priority],
        partitions: Int
    ) throws {
        self.runtime = runtime
        self.engine = engine
        self.control = control
        self.rungs = rungs
        self.priorities = priorities
        mainPartitions = partitions
        configuration = engine.configuration
        logger = runtime.logger
        let topics = [runtime.queue.mainTopic] + priorities.keys.sorted() + rungs.keys.sorted()
        allPartitions = topics.flatMap { topic in
            (0..<Int32(partitions)).map { TopicPartition(topic: topic, partition: $0) }
        }
        commits = CommitPacer(
            interval: configuration.commitInterval,
            owner: control.name,
            marks: OutcomeWriter(runtime, engine: engine)
        )
        let sessionTimeout = client.sessionTimeout
        suspensionLimit = .milliseconds(max(sessionTimeout - 1000, sessionTimeout / 2))
        leaseLength = .milliseconds(sessionTimeout / 3)
        pace = ReplayPace(now: .zero)
        prefetch = Prefetch(configuration, partitions: partitions)
        consumer = try Consumer(client, group: runtime.queue.group, wakeup: runtime.wakeup)
    }

    /// Works until the worker is stopped, then lets running jobs finish, commits and leaves the group.
    ///
    /// - Throws: ``KafkaError`` where the consumer can't go on.
    func run() throws {
        do {
            try work()
            try shutDown()
        } catch {
            abandon()
            throw error
        }
    }

    private func work() throws {
        engine.add(runtime, partitions: mainPartitions, leaseLength: leaseLength)
        if runtime.replay == nil { engine.hold(runtime) }
        try consumer.subscribe([runtime.queue.mainTopic] + priorities.keys.sorted() + rungs.keys.sorted())
        awaitControl()
        var pause = Duration.milliseconds(100)
        while !control.isStopping {
            FailPoint.dispatcherTurn.pass()
            consumer.wait(upTo: pause)
            try serveEvents()
            keepLease()
            serveRewinds()
            engine.lookAfterCancellations(of: runtime)
            let hasMore = readPartitions()
            restRungs()
            let untilRung = releaseRungs()
            let untilTick = engine.tick()
            let untilPace = applyWish()
            commits.commitIfDue(self)
            forgetSuspendedIfLate()
            noteSuspended()
            idleness.look(self)
            runtime.vitals.turn()
            pause = hasMore ? .zero : min(untilRung, untilTick, untilPace, commits.interval)
        }
    }

    // MARK: - Events

    func serveEvents() throws {
        while let event = consumer.nextEvent() {
            switch event {
            case .assigned(let partitions): try take(worked(partitions))
            case .revoked(let partitions): try giveBack(worked(partitions))
            case .lost(let partitions): try lose(worked(partitions))
            case .committed(let tag, let result): commits.ended(tag, result, self)
            case .record(let record):
                guard let intake = intakes[record.topicPartition] else { continue }
                accept(record, from: intake)
            case .failed(let error): try note(error)
            }
        }
    }

    private func note(_ error: KafkaError) throws {
        if error.isFatal { throw error }
        // Brokers that are away are reported again and again, for each connection.
        guard lastFailure?.code != error.code else { return }
        lastFailure = error
        logger.log(.warning, "the consumer reports a failure and goes on", ["queue": name, "error": "\(error)"])
    }

    // MARK: - Partitions

    var name: String { runtime.queue.name }

    /// Begins an epoch of a partition at an offset.
    func begin(_ intake: PartitionIntake, at committed: Int64?, restored: CompletionMap, movedAt: Int64? = nil) {
        let moved = movedAt ?? engine.clock.wall()
        let cancelled = engine.withSettledScheduler { scheduler in
            let running = scheduler.fence([intake.id])
            scheduler.assign(
                intake.id,
                queue: runtime.index,
                number: intake.topicPartition.partition,
                priority: priorities[intake.topicPartition.topic] ?? .normal,
                committed: committed,
                restored: restored,
                movedAt: moved
            )
            return running
        }
        engine.cancel(cancelled)
    }

    func id(of partition: TopicPartition) -> Engine.PartitionID {
        if let id = ids[partition] { return id }
        let id = Int(runtime.index) << 32 | ids.count
        ids[partition] = id
        partitions[id] = partition
        return id
    }

    /// The partition that an id of this dispatcher stands for.
    func partition(of id: Engine.PartitionID) -> TopicPartition? {
        partitions[id]
    }

    /// Whether nothing of this dispatcher's partitions is waiting, running or hopping, as far as it can see.
    var isAtRest: Bool {
        guard rotation.allSatisfy(\.waiting.isEmpty) else { return false }
        let ids = rotation.map(\.id)
        return engine.withScheduler { scheduler in
            ids.allSatisfy { id in
                guard let partition = scheduler.partitions[id] else { return false }
                return partition.isAtEnd && partition.inFlight == 0
            }
        }
    }
}
