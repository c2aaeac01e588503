internal import RdKafka

/// How an attempt ended, and what follows; no disposition leaves its offset unfinished.
///
/// A reference, because it passes through many hands: each copy of all that it holds would count its owners.
final class DecidedAttempt: Sendable {
    let item: Batch.Item
    let disposition: Disposition?
    /// What has to stand in the queue's state before the job counts as finished.
    let writes: [StateRecord]
    /// Whether it ended because an operator cancelled it.
    let isCancelled: Bool
    /// Whether the job never came to its handler.
    let isUnbegun: Bool

    init(
        item: Batch.Item,
        disposition: Disposition?,
        writes: [StateRecord] = [],
        isCancelled: Bool = false,
        isUnbegun: Bool = false
    ) {
        self.item = item
        self.disposition = disposition
        self.writes = writes
        self.isCancelled = isCancelled
        self.isUnbegun = isUnbegun
    }

    /// Whether the job is finished only when a broker has something of it.
    var hops: Bool { disposition.map { $0.hops || !writes.isEmpty } ?? false }
}

/// An attempt that has ended in any way but completion, and about which nothing is decided yet.
struct EndedAttempt: Sendable {
    let item: Batch.Item
    let end: AttemptEnd
    /// Why it was cancelled, if it was.
    let cancellation: Runner.Cancellation?
}

/// What was given to an idle runner.
enum Handover: Sendable {
    /// Its task wakes up to it; nil ends it.
    case wake(UnsafeContinuation<Batch?, Never>, Batch?)
    /// Its task sleeps on: the job's handler is to run it.
    case lend(DirectAttempt)
}

/// What the engine's lock guards.
struct EngineState {
    typealias Instant = ContinuousClock.Instant

    enum Step: Sendable {
        case run(Batch)
        case wait
        case end(replace: Bool)
    }

    /// What one visit to the lock brought.
    struct Turn: Sendable {
        var step = Step.wait
        /// What the runner had been given before.
        var spent: Batch?
        /// To be decided about first; the step comes with the visit after that.
        var ended: [EndedAttempt] = []
        /// What became of the decisions that the visit brought, in their order.
        var conclusions: [Scheduler<JobContent>.Conclusion] = []
        /// Jobs that have completed.
        var completed = 0
        var fenced: [JobContent] = []
        var handovers: [Handover] = []
        var wakes: [Wakeup] = []
        var circuitChanges: [CircuitChange] = []
    }

    /// What a tick found to be done, outside the lock.
    struct Due: Sendable {
        var turn = Turn()
        var hops: [PendingHop] = []
        var cancellations: [(RunningAttempt, JobContent)] = []
        var stuck: [(runner: Int, attempt: EndedAttempt)] = []
        /// Tasks of replaced runners that only sleep.
        var sleepers: [Handover] = []
        var nextHeld: Int64?
        /// Of what limits keep from starting, what is to move to rungs; and when more may start, in nanoseconds.
        var leaving: [LeavingJob] = []
        var nextLimit: Int64?
        /// Whether jobs wait, or may come to wait, behind one that is not as quick as it seemed.
        var hasWaiting = false
        /// Whether ready jobs wait for a runner that will be back at once.
        var isHoldingBack = false
    }

    var scheduler: Scheduler<JobContent>
    var runners: [Runner]
    var statistics = StatisticsTable()
    /// Nil where nothing is marked; changed by the extension beside ``OutcomeBook``.
    var outcomes: OutcomeIndex?
    var hopsToRetry = Heap<PendingHop>()
    /// Of the hops that failed and go on being tried.
    var hopTroubles: [Engine.Ticket: HopTrouble] = [:]
    /// Attempts that were given up and whose tasks still run.
    var abandoned: [RunnerGeneration: AbandonedAttempt] = [:]
    /// By the queues' indices; changed by the extension beside ``QueueGate``, and by nobody else.
    var gates: [QueueGate?] = []
    var circuitChanges: [CircuitChange] = []
    var nextLeaseEnd: Instant?
    let startLimit: StartLimit
    /// Queues whose limits have been set from outside.
    var hasLimits: Set<Int32> = []
    private(set) var isClosed = false
    private var idle: [Int] = []
    /// Attempts that have ended, and of which no circuit has heard: about each something is decided soon.
    var undecided = 0
    /// Runners that have a batch; ``HandlerDemand`` says how many may at once.
    var busy = 0
    let demand: HandlerDemand?
    let hooks: HookDesk?
    /// Of the busy runners those that will be back at once, and since when jobs wait for them.
    var quickRunners = 0
    var heldBackSince: Instant?
    let grace: Duration
    /// Whether attempts have a timeout here, and not one that their handler minds.
    let mindsTimeouts: Bool
    /// A busy dispatcher ticks thousands of times a second, and all runners are looked at.
    private let scanInterval: Duration
    private var nextScanAt = ContinuousClock.now
    /// Dispatchers that stopped reading for want of room, and when there is enough of it.
    private var waitingForRoom: [(wakeup: Wakeup, mark: Scheduler<JobContent>.RoomMark)] = []

    init(_ configuration: WorkerConfiguration, startLimit: StartLimit, hooks: HookDesk?) {
        self.startLimit = startLimit
        self.hooks = hooks
        scheduler = Scheduler(
            limits: .init(
                jobs: configuration.maximumInFlight,
                bytes: configuration.maximumInFlightBytes,
                gap: configuration.maximumGap,
                ready: max(configuration.maximumInFlight / 5, configuration.concurrency * 2),
                concurrency: configuration.concurrency
            ),
            priorities: configuration.priorities,
            asLimited: { $0 }
        )
        runners = Array(repeating: Runner(), count: configuration.concurrency)
        scanInterval = max(.milliseconds(5), .microseconds(configuration.concurrency))
        grace = configuration.cancellationGrace
        demand = configuration.demand
        mindsTimeouts = configuration.attemptTimeout != nil
        if configuration.marksOutcomes { outcomes = OutcomeIndex(incarnation: OutcomeIndex.makeIncarnation()) }
    }

    // MARK: - Runners

    mutating func nextStep(of index: Int, _ generation: Int, now: Instant) -> Step {
        // A generation that has been replaced ends without a word.
        guard runners[index].generation == generation else {
            abandoned[RunnerGeneration(index: index, generation: generation)] = nil
            return .end(replace: false)
        }
        if runners[index].batch != nil { busy -= 1 }
        if runners[index].isQuick { quickRunners -= 1 }
        runners[index].finish()
        if isClosed { return .end(replace: false) }
        // Cancellation can't be taken back from a task: the slot goes on with a new one.
        if runners[index].cancellation != nil { return .end(replace: true) }
        // Where the handler may take jobs over, they go to runners that sleep.
        guard demand == nil, isWanted, let batch = takeBatch(now: now) else { return .wait }
        give(batch, to: index)
        // The others' turn begins anew.
        heldBackSince = nil
        return .run(batch)
    }

    private mutating func give(_ batch: Batch, to index: Int) {
        runners[index].take(batch)
        busy += 1
        if batch.isQuick { quickRunners += 1 }
    }

    /// Whether the handler can use one more attempt, and the hooks are not too far behind.
    private var isWanted: Bool { (demand.map { busy < $0.current } ?? true) && hooks?.isFull != true }

    /// Puts an idle runner aside. False if it has to end instead.
    mutating func park(_ index: Int, _ generation: Int, _ continuation: UnsafeContinuation<Batch?, Never>) -> Bool {
        guard !isClosed, runners[index].generation == generation else { return false }
        runners[index].continuation = continuation
        idle.append(index)
        return true
    }

    /// Gives ready jobs to idle runners.
    mutating func handOver(now: Instant) -> [Handover] {
        guard !idle.isEmpty, !scheduler.ready.isEmpty else { return [] }
        var handovers: [Handover] = []
        while isWanted, isWorthWaking(now: now), let index = idle.last, let continuation = runners[index].continuation,
            let batch = takeBatch(now: now)
        {
            idle.removeLast()
            give(batch, to: index)
            if demand != nil, batch.isDirect {
                runners[index].lend()
                let runner = RunnerGeneration(index: index, generation: runners[index].generation)
                handovers.append(.lend(DirectAttempt(runner: runner, batch: batch)))
            } else {
                runners[index].continuation = nil
                handovers.append(.wake(continuation, batch))
            }
        }
        return handovers
    }

    /// What a runner had lent has come back, and is accounted for: the runner is idle again, or, where the engine is closed,
    /// its task ends.
    mutating func noteReturned(_ runner: RunnerGeneration, _ turn: inout Turn) {
        let index = runner.index
        guard runners[index].generation == runner.generation else {
            abandoned[runner] = nil
            return
        }
        guard runners[index].isLent else { return }
        busy -= 1
        runners[index].finish()
        if !isClosed {
            idle.append(index)
        } else if let continuation = runners[index].continuation.take() {
            turn.handovers.append(.wake(continuation, nil))
        }
    }

    /// What ends every visit: ready jobs go to idle runners, and who is to be told of something is.
    mutating func finish(_ turn: inout Turn, now: Instant) {
        turn.handovers += handOver(now: now)
        turn.wakes = takeWakes()
        turn.circuitChanges = takeCircuitChanges()
    }

    // MARK: - Ends

    /// - Parameters:
    ///   - now: monotonic.
    ///   - wall: milliseconds since the epoch.
    mutating func conclude(_ decided: DecidedAttempt, now: Instant, wall: Int64) -> Scheduler<JobContent>.Conclusion {
        undecided -= 1
        let ticket = decided.item.ticket
        let place = scheduler.place(of: ticket)
        let conclusion: Scheduler<JobContent>.Conclusion
        if decided.isUnbegun { scheduler.giveTokensBack(ticket) }
        if case .postpone = decided.disposition, scheduler.isEnding(ticket) {
            // Its record is read again in the next epoch, here or elsewhere.
            scheduler.abandon(ticket)
            conclusion = .unknown
        } else if decided.disposition != nil {
            conclusion = scheduler.conclude(ticket, hops: decided.hops, now: wall)
        } else {
            scheduler.abandon(ticket)
            conclusion = .unknown
        }
        let queue = decided.item.content.queueIndex
        var outcome = Circuit.Outcome.undecided
        if conclusion == .accepted {
            switch decided.disposition {
            case nil, .postpone, .finishedBefore: break
            case .complete:
                outcomes?.mark(.completed, decided.item.content, at: place)
                statistics[queue].completed += 1
                outcome = .succeeded
            case .skip:
                outcomes?.mark(.completed, decided.item.content, at: place)
                statistics[queue].skipped += 1
            case .discard where decided.isCancelled: statistics[queue].cancelled += 1
            case .discard:
                statistics[queue].discarded += 1
                outcome = .succeeded
            case .retry:
                outcomes?.mark(.failed, decided.item.content, at: place)
                statistics[queue].failedAttempts += 1
                statistics[queue].retried += 1
                outcome = .retried
            case .bury(let reason, _):
                // A job that nothing here can run was not attempted, nor was one that came too late: no release's fault.
                if ![.unknownType, .versionTooNew, .expired].contains(reason) { statistics[queue].failedAttempts += 1 }
                outcome = reason == .expired ? .succeeded : .died
            }
        }
        noteEnd(of: ticket, outcome, queue: queue, now: now)
        return conclusion
    }

    /// See ``Engine/wakeWhenThereIsRoom(_:at:)``.
    mutating func waitForRoom(_ runtime: QueueRuntime, at mark: Scheduler<JobContent>.RoomMark?) -> Bool {
        // Its gate, and not what others finish, says when it goes on.
        guard !scheduler.stopsIntake(of: runtime.index) else { return true }
        let mark = mark ?? scheduler.room(in: EmptyCollection()).mark
        guard !scheduler.hasReached(mark) else { return false }
        // One that is full for long asks at every turn, which is not to put it off.
        if let index = waitingForRoom.firstIndex(where: { $0.wakeup === runtime.wakeup }) {
            waitingForRoom[index].mark = waitingForRoom[index].mark.first(mark)
        } else {
            waitingForRoom.append((runtime.wakeup, mark))
        }
        return true
    }

    /// The dispatchers for which there is enough room.
    mutating func takeWakes() -> [Wakeup] {
        var wakes: [Wakeup] = []
        for index in waitingForRoom.indices.reversed() where scheduler.hasReached(waitingForRoom[index].mark) {
            wakes.append(waitingForRoom.remove(at: index).wakeup)
        }
        return wakes
    }

    // MARK: - Time

    mutating func tick(now: Instant, wall: Int64) -> Due {
        var due = Due()
        tickCircuits(now: now)
        if scheduler.needsTime { advance(to: now) }
        due.nextHeld = scheduler.releaseHeld(now: wall)
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
            nextScanAt = now + scanInterval
            scan(now: now, wall: wall, &due)
        }
        finish(&due.turn, now: now)
        due.leaving = takeLeaving()
        due.nextLimit = scheduler.limiter.nextDueAt
        due.isHoldingBack = heldBackSince != nil
        // Any of them may prove to be slow, and nobody else would look.
        if quickRunners > 0 { due.hasWaiting = true }
        return due
    }

    mutating func close() -> [UnsafeContinuation<Batch?, Never>] {
        isClosed = true
        for runner in runners { runner.batch?.close() }
        let continuations = idle.compactMap { runners[$0].continuation }
        for index in idle { runners[index].continuation = nil }
        idle = []
        return continuations
    }
}
