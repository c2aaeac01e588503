internal import RdKafka
internal import Synchronization

/// A queue as one worker works it; the same for as long as the worker runs.
final class QueueRuntime: Sendable {
    let index: Int32
    let queue: Queue
    let jobs: JobRegistry
    let handlers: HandlerTable
    let order: WorkerConfiguration.Order
    let retryPolicy: any RetryPolicy
    let maximumAttempts: Int
    /// So many attempts, from the first on, are each followed by another if they fail, as far as anybody can say.
    let retriedAttempts: Int
    let attemptTimeout: Duration?
    /// How long an attempt may run, whether the worker minds it or the handler does.
    let usualTime: Duration?
    let resultLimit: Int
    let resultRetention: Duration
    let refusals: Refusals
    let expiredJobs: ExpiryPolicy
    let redaction: Redaction
    let logger: Logger
    /// Of a queue that is a replay's.
    let replay: ReplayRun?
    /// Ends the wait of the queue's dispatcher.
    let wakeup: Wakeup
    /// What the dispatcher shows of itself to the watch.
    let vitals = DispatcherVitals()
    /// What operators want of the queue's offsets.
    let rewinds = RewindBoard()
    /// What they want of its jobs.
    let fleet: FleetBoard
    /// The queue's schedules, and whether this worker is in charge of them.
    let schedules: ScheduleBoard
    /// What the queue's jobs leave for later attempts and for others.
    let state: QueueState
    /// Nil where no type produces records with its completion.
    let outputs: QueueOutputs?
    /// Until when jobs may begin without a look at the leases.
    let startLimit: StartLimit
    /// Whether its lease has lapsed: no job begins, also none that had been given out before.
    let isInDoubt = Atomic(false)
    /// Whether its partitions are being handed back, or its worker shut down: what runs had better come to an end.
    let isStopping = Atomic(false)
    /// Whether jobs of it may run whose partitions were handed back and have not come again.
    let hasSuspended = Atomic(false)
    /// Whether any job may have to be looked at more closely than its record says: plain jobs are run without another
    /// look while this is false.
    let needsCare = Atomic(false)
    private let cares = Mutex<Set<Care>>([])

    init(
        index: Int32,
        queue: Queue,
        jobs: JobRegistry,
        configuration: WorkerConfiguration,
        replay: ReplayRun? = nil,
        startLimit: StartLimit = StartLimit(),
        logger: Logger
    ) throws {
        self.index = index
        self.startLimit = startLimit
        self.queue = queue
        schedules = ScheduleBoard(queue: queue.name)
        self.replay = replay
        self.jobs = jobs
        var settings = QueueState.Settings()
        settings.idempotencyWindow = configuration.idempotencyWindow
        state = QueueState(queue: queue, settings: settings, logger: logger)
        fleet = FleetBoard(queue: queue)
        handlers = HandlerTable(jobs)
        self.logger = logger
        outputs = jobs.outputTypes.isEmpty ? nil : QueueOutputs()
        order = configuration.order
        retryPolicy = configuration.retryPolicy
        maximumAttempts = configuration.retryPolicy.maximumAttempts(ladder: queue.ladder)
        retriedAttempts = Self.retriedAttempts(of: configuration.retryPolicy, on: queue.ladder)
        attemptTimeout = configuration.attemptTimeout
        usualTime = configuration.attemptTimeout ?? configuration.handlerTimeout
        resultLimit = configuration.resultLimit
        resultRetention = configuration.resultRetention
        refusals = Refusals(unknownTypes: configuration.unknownTypes, newerVersions: configuration.newerVersions)
        expiredJobs = configuration.expiredJobs
        redaction = try Redaction(configuration.redactedFields)
        wakeup = try Wakeup()
        if outputs != nil { care(for: .outputs, true) }
        if !configuration.hooks.isEmpty { care(for: .hooks, true) }
    }

    /// A policy's own word for it is its maximum; that it ends no earlier is asked of it.
    private static func retriedAttempts(of policy: any RetryPolicy, on ladder: Ladder) -> Int {
        func isRetried(_ attempt: Int) -> Bool {
            [0, UInt64.max].allSatisfy { policy.delay(afterAttempt: attempt, ladder: ladder, randomness: $0) != nil }
        }
        return (1..<min(max(policy.maximumAttempts(ladder: ladder), 1), 64)).prefix(while: isRetried).count
    }

    /// Why the queue's jobs have to be looked at more closely.
    enum Care: Sendable, Hashable {
        /// Some of them are cancelled.
        case cancellations
        /// Some of them produce records with their completion.
        case outputs
        /// Somebody is told of each.
        case hooks
    }

    /// Sets ``needsCare`` as long as there is a reason.
    func care(for reason: Care, _ isNeeded: Bool) {
        cares.withLock { cares in
            if isNeeded {
                cares.insert(reason)
            } else {
                cares.remove(reason)
            }
            needsCare.store(!cares.isEmpty, ordering: .sequentiallyConsistent)
        }
    }

    /// As ``care(for:_:)``, of cancellations: whether some stand is looked at under the lock, because they come and go by
    /// several threads.
    func careForCancellations() {
        cares.withLock { cares in
            if fleet.hasCancellations { cares.insert(.cancellations) } else { cares.remove(.cancellations) }
            needsCare.store(!cares.isEmpty, ordering: .sequentiallyConsistent)
        }
    }

    /// What becomes of one of the queue's jobs after an attempt, with nothing in it that is to be redacted.
    ///
    /// - Parameters: as of ``Disposition/after(_:ofAttempt:policy:ladder:now:randomness:expiredJobs:)``.
    func disposition(after end: AttemptEnd, ofAttempt attempt: Int, now: Int64, randomness: UInt64) -> Disposition {
        func decide(_ end: AttemptEnd) -> Disposition {
            Disposition.after(
                end,
                ofAttempt: attempt,
                policy: retryPolicy,
                ladder: queue.ladder,
                now: now,
                randomness: randomness,
                expiredJobs: expiredJobs
            )
        }
        return redaction.isEmpty ? decide(end) : decide(end.redacted(by: redaction)).redacted(by: redaction)
    }

    /// The topic for a job that is due in `wait` milliseconds, and its due time where that does not say it all.
    ///
    /// - Parameter now: milliseconds since the epoch.
    func destination(after wait: Int64, now: Int64) -> (topic: String, dueAt: Int64?) {
        switch Disposition.destination(after: wait, now: now, ladder: queue.ladder) {
        case .rung(let rung, let dueAt): (queue.retryTopic(rung), dueAt)
        // A replay writes nothing to the live topic: its shortest rung takes longer, and never less.
        case .main where queue.replay != nil: (queue.retryTopics[0], nil)
        case .main(let dueAt): (queue.mainTopic, dueAt)
        }
    }

    /// What operators want of the queue's gate.
    var hold: QueueGate.Hold? {
        guard fleet.isKnown else { return .unknown }
        return fleet.pause.map { $0.mode == .draining ? .drain(at: $0.at) : .pause(at: $0.at) }
    }
}
