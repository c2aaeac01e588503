internal import RdKafka
internal import Synchronization

/// Runs what the ``Scheduler`` decides: the attempts in long-lived runners, the hops through the producer.
///
/// Dispatchers bring records, runners take jobs and report their ends, the producer reports hops; all meet under one
/// lock, in which nothing but the scheduler's and the runners' state changes. Effects happen outside it.
final class Engine: Sendable {
    typealias Ticket = Scheduler<JobContent>.Ticket
    typealias PartitionID = Scheduler<JobContent>.PartitionID

    let configuration: WorkerConfiguration
    let logger: Logger
    let clock = WorkerClock()
    let startedAt = ContinuousClock.now
    let producer: Producer
    /// Taken by this file, and by the watch in Engine+Watching.swift.
    let state: Mutex<EngineState>

    init(configuration: WorkerConfiguration, producer: Producer, logger: Logger) {
        self.configuration = configuration
        self.producer = producer
        self.logger = logger
        state = Mutex(EngineState(configuration))
    }

    var statistics: WorkerStatistics {
        state.withLock { state in
            var statistics = state.statistics.total
            statistics.fenced = state.scheduler.fencedJobs
            return statistics
        }
    }

    /// Jobs that are admitted and not finished.
    var inFlight: Int { state.withLock { $0.scheduler.inFlight } }

    /// Reads or changes the scheduler on a dispatcher's behalf, and starts what may run after that.
    func withScheduler<R: Sendable>(_ body: (inout Scheduler<JobContent>) -> R) -> R {
        let (result, handovers) = state.withLock { state in
            let result = body(&state.scheduler)
            return (result, state.handOver(now: clock.monotonic()))
        }
        perform(handovers)
        return result
    }

    /// The dispatcher has stopped reading for want of room: wake it when there is some.
    func wakeWhenThereIsRoom(_ runtime: QueueRuntime) {
        state.withLock { $0.waitForRoom(runtime) }
    }

    func noteLapse(of runtime: QueueRuntime) {
        state.withLock { $0.statistics[runtime.index].lapses += 1 }
    }

    func noteLost(_ count: Int64, of runtime: QueueRuntime) {
        state.withLock { $0.statistics[runtime.index].lostToRetention += count }
    }

    // MARK: - Gates

    /// Works a queue from now on. Its thread is to call ``renewLease(of:)`` well within `leaseLength`.
    func add(_ runtime: QueueRuntime, leaseLength: Duration) {
        let now = clock.monotonic()
        state.withLock { $0.add(runtime, policy: configuration.circuit, leaseLength: leaseLength, now: now) }
    }

    /// False once the queue's lease has lapsed: nothing of it starts or is written until ``confirmLease(of:asOf:)``.
    func renewLease(of queue: Int32) -> Bool {
        let now = clock.monotonic()
        return state.withLock { $0.renewLease(of: queue, now: now) }
    }

    /// The group knew this worker as a member at `instant`; returns whether the lease holds again by that.
    func confirmLease(of queue: Int32, asOf instant: ContinuousClock.Instant) -> Bool {
        let now = clock.monotonic()
        let (holds, handovers) = state.withLock { state in
            let holds = state.confirmLease(of: queue, asOf: instant, now: now)
            return (holds, state.handOver(now: now))
        }
        perform(handovers)
        return holds
    }

    // MARK: - Intake

    /// Takes in records of one partition, in the log's order; returns where the log went back, if it did.
    func admit(_ id: PartitionID, _ decisions: [Intake.Decision], of runtime: QueueRuntime) -> Int? {
        var moves: [(Ticket, Intake.Decision)] = []
        var regression: Int?
        let handovers = state.withLock { state in
            for (index, decision) in decisions.enumerated() {
                let offset = decision.content.record.offset
                switch state.scheduler.admit(id, offset: offset, decision.facts, decision.content) {
                case .accepted(let ticket):
                    if decision.move != nil { moves.append((ticket, decision)) }
                case .finishedBefore, .adopted, .refused: break
                case .regressed:
                    regression = index
                    return state.handOver(now: clock.monotonic())
                }
            }
            return state.handOver(now: clock.monotonic())
        }
        perform(handovers)
        for (ticket, decision) in moves { start(decision.move, of: decision.content, ticket) }
        return regression
    }

    private func start(_ move: Intake.Move?, of content: JobContent, _ ticket: Ticket) {
        let now = clock.wall()
        switch move {
        case nil: return
        case .wait(let dueAt):
            state.withLock { $0.statistics[content.runtime.index].delayed += 1 }
            let record = HopRecord.retry(content, attempt: content.attempt, after: dueAt - now, failure: nil, now: now)
            hop(ticket, record, content)
        case .bury(let reason, let failure):
            bury(content, reason, failure, ticket, now)
        }
    }

    // MARK: - Runners

    /// Starts the runners. Each lives until the engine stops or one of its attempts is cancelled.
    func startRunners() {
        for index in 0..<configuration.concurrency { startRunner(index) }
    }

    private func startRunner(_ index: Int) {
        let generation = state.withLock { $0.runners[index].begin() }
        let task = Task { await self.run(index, generation) }
        if state.withLock({ $0.runners[index].attach(task, generation) }) { task.cancel() }
    }

    private func run(_ index: Int, _ generation: Int) async {
        var ended: EndedAttempt?
        while let assignment = await next(index, generation, after: ended) {
            ended = EndedAttempt(assignment, await execute(assignment))
        }
    }

    private func execute(_ assignment: Assignment) async -> AttemptEnd {
        let content = assignment.content
        if let refusal = content.refusal { return .refused(refusal.reason, refusal.failure) }
        guard let job = content.job, let handler = content.handler else { return .completed }
        if let expiresAt = job.envelope.expiresAt, expiresAt <= clock.wall() {
            return .expired(at: expiresAt)
        }
        let context = JobContext(
            queue: content.runtime.queue.name,
            envelope: job.envelope,
            maximumAttempts: content.runtime.maximumAttempts,
            key: content.record.key,
            source: content.place,
            logger: logger
        )
        let end: AttemptEnd
        do {
            try FailPoint.attemptStarting.check()
            try await handler.perform(job.payload, context)
            end = .completed
        } catch {
            end = .failed(error)
        }
        return FailPoint.attemptEnded.failure().map(AttemptEnd.failed) ?? end
    }

    /// Settles the attempt that ended and gives the runner its next one, waiting for it if need be; nil ends it.
    private func next(_ index: Int, _ generation: Int, after ended: EndedAttempt?) async -> Assignment? {
        let decided = ended.map { decide($0, index, generation) }
        let now = clock.monotonic()
        let wall = decided == nil ? 0 : clock.wall()
        let turn = state.withLock { state in
            let conclusion = decided.map { state.conclude($0, now: now, wall: wall) }
            let step = state.nextStep(of: index, generation, now: now)
            return EngineState.Turn(
                conclusion: conclusion,
                step: step,
                handovers: state.handOver(now: now),
                wakes: state.takeWakes(),
                circuitChanges: state.takeCircuitChanges()
            )
        }
        finish(turn, decided, wall)
        switch turn.step {
        case .run(let assignment): return assignment
        case .end(let replace):
            if replace { startRunner(index) }
            return nil
        case .wait: break
        }
        return await withUnsafeContinuation { continuation in
            let handovers = state.withLock { state in
                guard state.park(index, generation, continuation) else {
                    return [Handover(continuation: continuation, assignment: nil)]
                }
                return state.handOver(now: now)
            }
            perform(handovers)
        }
    }

    /// Carries out, without a runner's turn, what an attempt's end means for its job.
    private func conclude(_ decided: DecidedAttempt) {
        let (now, wall) = (clock.monotonic(), clock.wall())
        let turn = state.withLock { state in
            let conclusion = state.conclude(decided, now: now, wall: wall)
            return EngineState.Turn(
                conclusion: conclusion,
                step: .wait,
                handovers: state.handOver(now: now),
                wakes: state.takeWakes(),
                circuitChanges: state.takeCircuitChanges()
            )
        }
        finish(turn, decided, wall)
    }

    private func decide(_ ended: EndedAttempt, _ index: Int, _ generation: Int) -> DecidedAttempt {
        let content = ended.assignment.content
        var end = ended.end
        if case .failed(let error) = end, !(error is JobError), !(error is PayloadError) {
            switch state.withLock({ $0.runners[index].cancellation(generation) }) {
            case .timeout(let limit): end = .timedOut(limit, ignoredCancellation: false)
            // Shut down, or taken away in the middle: it is as if it had not run, and it runs again.
            case .shutdown: return DecidedAttempt(ticket: ended.assignment.ticket, content: content, disposition: nil)
            case nil: break
            }
        }
        return decide(ended.assignment.ticket, content, end)
    }

    private func decide(_ ticket: Ticket, _ content: JobContent, _ end: AttemptEnd) -> DecidedAttempt {
        if case .completed = end { return DecidedAttempt(ticket: ticket, content: content, disposition: .complete) }
        let envelope = content.job?.envelope ?? Envelope(id: content.id, type: content.runtime.queue.defaultType)
        let disposition = Disposition.after(
            end,
            of: envelope,
            policy: content.runtime.retryPolicy,
            ladder: content.runtime.queue.ladder,
            now: clock.wall(),
            randomness: .random(in: 0...UInt64.max)
        )
        return DecidedAttempt(ticket: ticket, content: content, disposition: disposition)
    }

    /// The effects of a turn, outside the lock.
    private func finish(_ turn: EngineState.Turn, _ decided: DecidedAttempt?, _ now: Int64) {
        perform(turn.handovers)
        for wakeup in turn.wakes { wakeup.wake() }
        for change in turn.circuitChanges { log(change) }
        guard let decided, let conclusion = turn.conclusion else { return }
        let content = decided.content
        guard conclusion == .accepted else {
            if conclusion == .fenced { logFenced(content) }
            return
        }
        switch decided.disposition {
        case nil: return
        case .complete: FailPoint.jobFinished.pass()
        case .discard(let reason):
            FailPoint.jobFinished.pass()
            logger.log(.info, "job discarded", ["queue": content.queueName, "job": content.id, "reason": reason])
        case .retry(let attempt, let wait, let failure):
            logRetry(content, wait, failure)
            let record = HopRecord.retry(content, attempt: attempt, after: wait, failure: failure, now: now)
            hop(decided.ticket, record, content)
        case .bury(let reason, let failure):
            bury(content, reason, failure, decided.ticket, now)
        }
    }

    func perform(_ handovers: [Handover]) {
        for handover in handovers { handover.continuation.resume(returning: handover.assignment) }
    }

    // MARK: - Time

    /// Does what is due: held jobs, hops to be tried again, attempts that overran.
    ///
    /// - Returns: how long until something is due again, at most 100 ms.
    func tick() -> Duration {
        let now = clock.monotonic()
        let wall = clock.wall()
        let due = state.withLock { $0.tick(now: now, wall: wall) }
        perform(due.handovers)
        for change in due.circuitChanges { log(change) }
        for hop in due.hops { self.hop(hop.ticket, hop.record, hop.content, tries: hop.tries) }
        for (task, content) in due.cancellations {
            logger.log(.warning, "attempt overran its timeout and is cancelled", content.fields)
            task.cancel()
        }
        for stuck in due.stuck {
            let (ticket, content) = (stuck.attempt.ticket, stuck.attempt.content)
            logger.log(
                .error,
                "attempt ignores its cancellation: it is given up, its slot replaced, its result ignored",
                content.fields
            )
            switch stuck.cancellation {
            case .timeout(let limit):
                conclude(decide(ticket, content, .timedOut(limit, ignoredCancellation: true)))
            case .shutdown:
                conclude(DecidedAttempt(ticket: ticket, content: content, disposition: nil))
            }
            startRunner(stuck.runner)
        }
        let untilHeld = due.nextHeld.map { Duration.milliseconds($0 - wall) }
        return max(.zero, min(.milliseconds(100), untilHeld ?? .milliseconds(100)))
    }

    /// Asks the tasks of these attempts to end; what they return then counts for nothing.
    func cancel(_ tickets: [Ticket]) {
        let now = clock.monotonic()
        for task in state.withLock({ $0.cancel(tickets, now: now) }) { task.cancel() }
    }

    /// Ends the idle runners, and the others with their attempts. No hop is tried again from now on.
    func close() {
        let idle = state.withLock { $0.close() }
        for continuation in idle { continuation.resume(returning: nil) }
    }
}
