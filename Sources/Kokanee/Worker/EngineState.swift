internal import RdKafka

/// An attempt that a runner has been given.
struct Assignment: Sendable {
    let ticket: Engine.Ticket
    let content: JobContent
}

/// How an attempt ended, and what follows; no disposition leaves its offset unfinished.
struct DecidedAttempt: Sendable {
    let ticket: Engine.Ticket
    let content: JobContent
    let disposition: Disposition?
}

struct EndedAttempt: Sendable {
    let assignment: Assignment
    let end: AttemptEnd

    init(_ assignment: Assignment, _ end: AttemptEnd) {
        self.assignment = assignment
        self.end = end
    }
}

/// An idle runner and the attempt it wakes up to; nil ends it.
struct Handover: Sendable {
    let continuation: UnsafeContinuation<Assignment?, Never>
    let assignment: Assignment?
}

/// A hop that waits to be tried again.
struct PendingHop: Comparable, Sendable {
    /// Longest pause between two tries.
    private static let longestPause = Duration.seconds(10)

    var ticket: Engine.Ticket
    var record: ProducerRecord
    var content: JobContent
    var tries: Int
    var dueAt = ContinuousClock.now

    /// The next try, after a pause that doubles from 100 ms. A record that was too large has to lose something first.
    ///
    /// - Parameter wall: milliseconds since the epoch.
    func next(after error: KafkaError, now: ContinuousClock.Instant, wall: Int64) -> PendingHop {
        var next = self
        if error.isTooLarge { next.record = HopRecord.smaller(record, of: content, now: wall) }
        next.dueAt = now + min(Self.longestPause, .milliseconds(100 << min(tries - 1, 10)))
        next.tries += 1
        return next
    }

    /// The same try, when it may be allowed.
    func deferred(now: ContinuousClock.Instant) -> PendingHop {
        var next = self
        next.dueAt = now + .milliseconds(100)
        return next
    }

    static func < (lhs: Self, rhs: Self) -> Bool { lhs.dueAt < rhs.dueAt }
    static func == (lhs: Self, rhs: Self) -> Bool { lhs.ticket == rhs.ticket }
}

/// One of the engine's slots. A new generation begins when its task is replaced; the old task's words are ignored.
struct Runner: Sendable {
    enum Cancellation {
        case timeout(Duration)
        case shutdown
    }

    private(set) var generation = 0
    private(set) var task: Task<Void, Never>?
    var running: Assignment?
    /// When the attempt is to be cancelled; once it is, when it is to be given up.
    var deadline: ContinuousClock.Instant?
    private(set) var startedAt: ContinuousClock.Instant?
    var cancellation: Cancellation?
    var continuation: UnsafeContinuation<Assignment?, Never>?

    mutating func begin() -> Int {
        generation += 1
        task = nil
        running = nil
        deadline = nil
        cancellation = nil
        continuation = nil
        return generation
    }

    /// True if the task has to be cancelled at once: it began to run, and was to be cancelled, before it was known.
    mutating func attach(_ task: Task<Void, Never>, _ generation: Int) -> Bool {
        guard generation == self.generation else { return false }
        self.task = task
        return cancellation != nil
    }

    func cancellation(_ generation: Int) -> Cancellation? {
        generation == self.generation ? cancellation : nil
    }

    mutating func take(_ assignment: Assignment, now: ContinuousClock.Instant) {
        running = assignment
        startedAt = now
        deadline = assignment.content.runtime.attemptTimeout.map { now + $0 }
    }
}

/// What the engine's lock guards.
struct EngineState {
    typealias Instant = ContinuousClock.Instant

    enum Step: Sendable {
        case run(Assignment)
        case wait
        case end(replace: Bool)
    }

    /// What one visit to the lock brought.
    struct Turn: Sendable {
        var conclusion: Scheduler<JobContent>.Conclusion?
        var step: Step
        var handovers: [Handover]
        var wakes: [Wakeup]
        var circuitChanges: [CircuitChange]
    }

    /// What a tick found to be done, outside the lock.
    struct Due: Sendable {
        var handovers: [Handover] = []
        var hops: [PendingHop] = []
        var cancellations: [(Task<Void, Never>, JobContent)] = []
        var stuck: [(runner: Int, attempt: Assignment, cancellation: Runner.Cancellation)] = []
        var nextHeld: Int64?
        var circuitChanges: [CircuitChange] = []
    }

    var scheduler: Scheduler<JobContent>
    var runners: [Runner]
    var statistics = StatisticsTable()
    var hopsToRetry = Heap<PendingHop>()
    /// Of the hops that failed and go on being tried.
    var hopTroubles: [Engine.Ticket: HopTrouble] = [:]
    /// Attempts that were given up and whose tasks still run.
    private(set) var abandoned: [RunnerGeneration: AbandonedAttempt] = [:]
    /// By the queues' indices; changed by the extension beside ``QueueGate``, and by nobody else.
    var gates: [QueueGate?] = []
    var circuitChanges: [CircuitChange] = []
    var nextLeaseEnd: Instant?
    private(set) var isClosed = false
    private var idle: [Int] = []
    private let grace: Duration
    /// Runners that have an attempt, and how many may at once.
    private var busy = 0
    private let demand: HandlerDemand?
    /// A busy dispatcher ticks thousands of times a second, and all runners are looked at.
    private static let scanInterval = Duration.milliseconds(20)
    private var nextScanAt = ContinuousClock.now
    /// Dispatchers that stopped reading for want of room, and how full it was then.
    private var waitingForRoom: [Wakeup] = []
    private var inFlightWhenFull = 0

    init(_ configuration: WorkerConfiguration) {
        scheduler = Scheduler(
            limits: .init(
                jobs: configuration.maximumInFlight,
                bytes: configuration.maximumInFlightBytes,
                gap: configuration.maximumGap
            )
        )
        runners = Array(repeating: Runner(), count: configuration.concurrency)
        grace = configuration.cancellationGrace
        demand = configuration.demand
    }

    // MARK: - Runners

    mutating func nextStep(of index: Int, _ generation: Int, now: ContinuousClock.Instant) -> Step {
        // A generation that has been replaced ends without a word.
        guard runners[index].generation == generation else {
            abandoned[RunnerGeneration(index: index, generation: generation)] = nil
            return .end(replace: false)
        }
        if runners[index].running != nil { busy -= 1 }
        runners[index].running = nil
        runners[index].deadline = nil
        if isClosed { return .end(replace: false) }
        // Cancellation can't be taken back from a task: the slot goes on with a new one.
        if runners[index].cancellation != nil { return .end(replace: true) }
        guard isWanted, let assignment = take(now: now) else { return .wait }
        runners[index].take(assignment, now: now)
        busy += 1
        return .run(assignment)
    }

    /// Whether the handler can use one more attempt.
    private var isWanted: Bool { demand.map { busy < $0.current } ?? true }

    /// Puts an idle runner aside. False if it has to end instead.
    mutating func park(
        _ index: Int,
        _ generation: Int,
        _ continuation: UnsafeContinuation<Assignment?, Never>
    ) -> Bool {
        guard !isClosed, runners[index].generation == generation else { return false }
        runners[index].continuation = continuation
        idle.append(index)
        return true
    }

    /// Gives ready jobs to idle runners.
    mutating func handOver(now: ContinuousClock.Instant) -> [Handover] {
        var handovers: [Handover] = []
        while isWanted, let index = idle.last, let continuation = runners[index].continuation,
            let assignment = take(now: now)
        {
            idle.removeLast()
            busy += 1
            runners[index].continuation = nil
            runners[index].take(assignment, now: now)
            handovers.append(Handover(continuation: continuation, assignment: assignment))
        }
        return handovers
    }

    // MARK: - Ends

    /// - Parameters:
    ///   - now: monotonic.
    ///   - wall: milliseconds since the epoch.
    mutating func conclude(
        _ decided: DecidedAttempt,
        now: Instant,
        wall: Int64
    ) -> Scheduler<JobContent>.Conclusion {
        let conclusion: Scheduler<JobContent>.Conclusion
        if let disposition = decided.disposition {
            conclusion = scheduler.conclude(decided.ticket, hops: disposition.hops, now: wall)
        } else {
            scheduler.abandon(decided.ticket)
            conclusion = .unknown
        }
        let queue = decided.content.runtime.index
        var outcome = Circuit.Outcome.undecided
        if conclusion == .accepted {
            switch decided.disposition {
            case nil: break
            case .complete:
                statistics[queue].completed += 1
                outcome = .succeeded
            case .discard:
                statistics[queue].discarded += 1
                outcome = .succeeded
            case .retry:
                statistics[queue].failedAttempts += 1
                statistics[queue].retried += 1
                outcome = .retried
            case .bury(let reason, _):
                // A job that nothing here can run was not attempted.
                if reason != .unknownType, reason != .versionTooNew { statistics[queue].failedAttempts += 1 }
                outcome = .died
            }
        }
        noteEnd(of: decided.ticket, outcome, queue: queue, now: now)
        return conclusion
    }

    mutating func waitForRoom(_ runtime: QueueRuntime) {
        // Its gate, and not what others finish, says when it goes on.
        guard !scheduler.stopsIntake(of: runtime.index) else { return }
        let wakeup = runtime.wakeup
        // A partition that is full for long asks at every turn.
        if !waitingForRoom.contains(where: { $0 === wakeup }) { waitingForRoom.append(wakeup) }
        inFlightWhenFull = scheduler.inFlight
    }

    /// The dispatchers for which a quarter of what was in flight has made room.
    mutating func takeWakes() -> [Wakeup] {
        guard !waitingForRoom.isEmpty, scheduler.inFlight <= inFlightWhenFull * 3 / 4 else { return [] }
        let wakes = waitingForRoom
        waitingForRoom = []
        return wakes
    }

    // MARK: - Time

    mutating func tick(now: ContinuousClock.Instant, wall: Int64) -> Due {
        var due = Due()
        tickCircuits(now: now)
        due.circuitChanges = takeCircuitChanges()
        due.nextHeld = scheduler.releaseHeld(now: wall)
        due.handovers = handOver(now: now)
        while let first = hopsToRetry.first, first.dueAt <= now {
            hopsToRetry.removeFirst()
            guard scheduler.mayHop(first.ticket) else {
                hopTroubles[first.ticket] = nil
                scheduler.abandonHop(first.ticket)
                continue
            }
            if mayWrite(first.content.runtime.index, now: now) {
                due.hops.append(first)
            } else {
                hopsToRetry.insert(first.deferred(now: now))
            }
        }
        if now >= nextScanAt {
            nextScanAt = now + Self.scanInterval
            findOverdue(now: now, &due)
        }
        return due
    }

    private mutating func findOverdue(now: ContinuousClock.Instant, _ due: inout Due) {
        for index in runners.indices {
            guard let deadline = runners[index].deadline, deadline <= now, let running = runners[index].running else {
                continue
            }
            guard let cancellation = runners[index].cancellation else {
                guard let task = runners[index].task else { continue }
                runners[index].cancellation = .timeout(running.content.runtime.attemptTimeout ?? .zero)
                runners[index].deadline = now + grace
                due.cancellations.append((task, running.content))
                continue
            }
            // From here on the stuck task has no word in this slot.
            let stuck = RunnerGeneration(index: index, generation: runners[index].generation)
            abandoned[stuck] = AbandonedAttempt(content: running.content, startedAt: runners[index].startedAt ?? now)
            _ = runners[index].begin()
            busy -= 1
            statistics[running.content.runtime.index].stuck += 1
            due.stuck.append((index, running, cancellation))
        }
    }

    /// The tasks of these attempts, to be cancelled outside the lock.
    mutating func cancel(_ tickets: [Engine.Ticket], now: ContinuousClock.Instant) -> [Task<Void, Never>] {
        guard !tickets.isEmpty else { return [] }
        let tickets = Set(tickets)
        var tasks: [Task<Void, Never>] = []
        for index in runners.indices {
            guard let running = runners[index].running, tickets.contains(running.ticket),
                runners[index].cancellation == nil
            else { continue }
            runners[index].cancellation = .shutdown
            runners[index].deadline = now + grace
            if let task = runners[index].task { tasks.append(task) }
        }
        return tasks
    }

    mutating func close() -> [UnsafeContinuation<Assignment?, Never>] {
        isClosed = true
        let continuations = idle.compactMap { runners[$0].continuation }
        for index in idle { runners[index].continuation = nil }
        idle = []
        return continuations
    }
}
