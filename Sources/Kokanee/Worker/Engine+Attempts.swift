internal import RdKafka
internal import Synchronization

extension Engine {
    /// Starts the runners. Each lives until the engine stops or one of its attempts is cancelled.
    func startRunners() {
        for index in 0..<configuration.concurrency { startRunner(index) }
    }

    func startRunner(_ index: Int) {
        let generation = state.withLock { $0.runners[index].begin() }
        let task = Task { await self.run(index, generation) }
        if state.withLock({ $0.runners[index].attach(task, generation) }) { task.cancel() }
    }

    private nonisolated(nonsending) func run(_ index: Int, _ generation: Int) async {
        // A copy of the handler that ran last: every read of the registry's would count at a place that all runners share.
        var entry: Unmanaged<JobRegistry.Entry>?
        var handler: (any JobHandler)?
        while let batch = await next(index, generation) {
            var meter = CostMeter()
            var now = MonotonicTime.nanoseconds
            var deaths = 0
            while startLimit.allows(now), let job = batch.begin(at: now, after: deaths) {
                let itsEntry = job._withUnsafeGuaranteedRef { $0.entry }
                if itsEntry?.toOpaque() != entry?.toOpaque() {
                    entry = itsEntry
                    handler = entry?._withUnsafeGuaranteedRef { $0.handler }
                }
                if let end = await execute(job.takeUnretainedValue(), handler) {
                    if !end.isStop { await outlastRebalance(job.takeUnretainedValue()) }
                    job._withUnsafeGuaranteedRef { job in
                        job.end = JobContent.End(end)
                        if end.mayBeDeath(mayBeLast: job.mayBeLastAttempt) { deaths += 1 }
                    }
                }
                batch.end()
                let then = MonotonicTime.nanoseconds
                meter.note(itsEntry, Int(then - now))
                now = then
            }
            meter.flush()
            // Until here: what it has given out lives as long as it does.
            withExtendedLifetime(batch) {}
        }
    }

    /// Runs an attempt; nil is that it has completed.
    private nonisolated(nonsending) func execute(_ content: JobContent, _ handler: (any JobHandler)?) async
        -> AttemptEnd?
    {
        guard let handler, content.isPlain, !content.needsCare else {
            return await executeWithCare(content, handler)
        }
        let end = await perform(content, handler)
        return end == nil && content.hasNotes.load(ordering: .acquiring) ? .completed : end
    }

    /// Waits until it is known whether a partition that was handed back comes again. Of what has ended meanwhile nothing counts
    /// but that it has: it would be done again for a result, a mark or a retry that it is to leave.
    nonisolated(nonsending) func outlastRebalance(_ content: JobContent) async {
        guard content.runtime.hasSuspended.load(ordering: .acquiring) else { return }
        while state.withLock({ $0.scheduler.standing(of: content.ticket) }) == .inDoubt {
            do { try await Task.sleep(for: .milliseconds(5)) } catch { return }
        }
    }

    /// Has the handler run the job; nil is that it has completed.
    nonisolated(nonsending) func perform(_ content: JobContent, _ handler: any JobHandler) async -> AttemptEnd? {
        do {
            try FailPoint.attemptStarting.check()
            try await handler.perform(content.payload, JobContext(content))
        } catch {
            return Self.end(.failure(error))
        }
        return Self.end(.success(()))
    }

    /// How an attempt has ended whose handler has; nil is that it has completed.
    static func end(_ result: Result<Void, any Error>) -> AttemptEnd? {
        if let failure = FailPoint.attemptEnded.failure() { return .failed(failure) }
        guard case .failure(let error) = result else { return nil }
        return .failed(error)
    }

    /// Accounts for what the runner has run and gives it what it is to run next, waiting for that if need be; nil ends
    /// it.
    private nonisolated(nonsending) func next(_ index: Int, _ generation: Int) async -> Batch? {
        switch nextStep(index, generation) {
        case .run(let batch): return batch
        case .end(let replace):
            if replace { startRunner(index) }
            return nil
        case .wait: break
        }
        return await withUnsafeContinuation { continuation in
            let now = clock.monotonic()
            let handovers = state.withLock { state in
                guard state.park(index, generation, continuation) else {
                    return [Handover.wake(continuation, nil)]
                }
                return state.handOver(now: now)
            }
            perform(handovers)
        }
    }

    /// By itself, so that a runner that waits, perhaps for long, keeps nothing of the jobs that it ran last.
    private func nextStep(_ index: Int, _ generation: Int) -> EngineState.Step {
        settle(CollectionOfOne(RunnerGeneration(index: index, generation: generation))) { state, turn, now in
            // Whoever lets it go last frees its records, one by one: not under the lock.
            if state.runners[index].generation == generation { turn.spent = state.runners[index].batch }
            turn.step = state.nextStep(of: index, generation, now: now)
        }
        .step
    }

    /// Accounts for what runners' batches have come to, and decides about what has not completed.
    ///
    /// - Parameter body: what the runners do next, in the visit in which there is nothing left to be decided about: they may
    ///   have to end because of that.
    @discardableResult
    func settle(
        _ runners: some Collection<RunnerGeneration>,
        then body: (inout EngineState, inout EngineState.Turn, ContinuousClock.Instant) -> Void
    ) -> EngineState.Turn {
        var decided: [DecidedAttempt] = []
        while true {
            let turn = visit(runners, decided, then: body)
            finish(turn, decided)
            guard !turn.ended.isEmpty else { return turn }
            decided = decide(turn.ended)
        }
    }

    private func visit(
        _ runners: some Collection<RunnerGeneration>,
        _ decided: [DecidedAttempt],
        then body: (inout EngineState, inout EngineState.Turn, ContinuousClock.Instant) -> Void
    ) -> EngineState.Turn {
        let (now, wall) = clock.both()
        return state.withLock { state in
            var turn = EngineState.Turn()
            turn.conclusions = decided.map { state.conclude($0, now: now, wall: wall) }
            for runner in runners where state.runners[runner.index].generation == runner.generation {
                state.takeBack(runner.index)
                state.settle(runner.index, now: now, wall: wall, &turn)
            }
            if turn.ended.isEmpty { body(&state, &turn, now) }
            state.finish(&turn, now: now)
            return turn
        }
    }

    // MARK: - Ends

    /// Carries out, without a runner's turn, what the ends of attempts mean for their jobs.
    func conclude(_ ended: [EndedAttempt]) {
        if !ended.isEmpty { conclude(decide(ended)) }
    }

    func conclude(_ decided: [DecidedAttempt]) {
        let (now, wall) = clock.both()
        let turn = state.withLock { state in
            var turn = EngineState.Turn()
            turn.conclusions = decided.map { state.conclude($0, now: now, wall: wall) }
            state.finish(&turn, now: now)
            return turn
        }
        finish(turn, decided)
    }

    private func decide(_ ended: [EndedAttempt]) -> [DecidedAttempt] {
        let now = clock.wall()
        var randomness = SystemRandomPool(expecting: ended.count)
        return ended.map { decide($0, now: now, randomness: randomness.next()) }
    }

    private func decide(_ ended: EndedAttempt, now: Int64, randomness: UInt64) -> DecidedAttempt {
        guard let cause = ended.cancellation, case .failed(let error) = ended.end else {
            let isUnbegun = ended.end.isUnbegun
            return decide(ended.item, ended.end, isUnbegun: isUnbegun, now: now, randomness: randomness)
        }
        if case .operator(let cancellation) = cause {
            return decide(ended.item, .cancelled(cancellation), now: now, randomness: randomness)
        }
        // What the handler says of itself stands.
        guard !(error is JobError), !(error is PayloadError) else {
            return decide(ended.item, ended.end, now: now, randomness: randomness)
        }
        guard case .timeout(let limit) = cause else {
            // Shut down, or taken away in the middle: it is as if it had not run, and it runs again.
            return DecidedAttempt(item: ended.item, disposition: nil)
        }
        let end = AttemptEnd.timedOut(limit, ignoredCancellation: false)
        return decide(ended.item, end, now: now, randomness: randomness)
    }

    /// Decides about an attempt that ignored its cancellation until it was given up.
    func decideStuck(_ attempt: EndedAttempt) -> DecidedAttempt {
        let end: AttemptEnd
        switch attempt.cancellation {
        case .timeout(let limit): end = .timedOut(limit, ignoredCancellation: true)
        case .operator(let cancellation): end = .cancelled(cancellation)
        case .shutdown, nil: return DecidedAttempt(item: attempt.item, disposition: nil)
        }
        return decide(attempt.item, end, now: clock.wall(), randomness: .random(in: 0...UInt64.max))
    }

    private func decide(
        _ item: Batch.Item,
        _ end: AttemptEnd,
        isUnbegun: Bool = false,
        now: Int64,
        randomness: UInt64
    ) -> DecidedAttempt {
        let content = item.content
        let runtime = content.runtime
        let disposition = runtime.disposition(after: end, ofAttempt: content.attempt, now: now, randomness: randomness)
        var (isCancelled, stands) = (false, false)
        switch end {
        case .cancelled: isCancelled = true
        case .committed: stands = true
        case .completed, .finishedBefore, .failed, .refused, .expired, .skipped, .timedOut: break
        }
        var writes = runtime.state.writes(after: disposition, of: content, isCancelled: isCancelled, stands: stands)
        if !stands { writes += ScheduleDone.writes(after: disposition, of: content, at: now) }
        return DecidedAttempt(
            item: item,
            disposition: disposition,
            writes: writes,
            isCancelled: isCancelled,
            isUnbegun: isUnbegun
        )
    }

    /// The effects of a turn, outside the lock.
    func finish(_ turn: EngineState.Turn, _ decided: [DecidedAttempt] = []) {
        perform(turn.handovers)
        for wakeup in turn.wakes { wakeup.wake() }
        for change in turn.circuitChanges { log(change) }
        for content in turn.fenced { logFenced(content) }
        for _ in 0..<turn.completed { FailPoint.jobFinished.pass() }
        guard !decided.isEmpty else { return }
        let (now, wall) = clock.both()
        var hops: [PendingHop] = []
        for (attempt, conclusion) in zip(decided, turn.conclusions) {
            switch conclusion {
            case .accepted:
                let event = hooks.flatMap { _ in HookEvent(attempt) }
                if let hop = carryOut(attempt, telling: event, now: now, wall: wall) {
                    hops.append(hop)
                } else if let event {
                    hooks?.tell(event)
                }
            case .fenced: logFenced(attempt.item.content)
            case .unknown: continue
            }
        }
        hop(hops)
    }

    /// Does what follows from an attempt's end, but for the hop that it returns.
    private func carryOut(
        _ attempt: DecidedAttempt,
        telling event: HookEvent?,
        now: ContinuousClock.Instant,
        wall: Int64
    ) -> PendingHop? {
        let (ticket, content) = (attempt.item.ticket, attempt.item.content)
        let writes = attempt.writes.map { HopRecord.state(content, $0) }[...]
        switch attempt.disposition {
        case nil: return nil
        case .complete, .finishedBefore: return finish(ticket, writes, telling: event, now: now)
        case .skip:
            logger.log(.info, "job skipped: its key is done, or another job stands for it", content.fields)
            return finish(ticket, writes, telling: event, now: now)
        case .discard(let reason):
            logger.log(.info, "job discarded", ["queue": content.queueName, "job": content.id, "reason": reason])
            return finish(ticket, writes, telling: event, now: now)
        case .retry(let attempt, let wait, let failure):
            logRetry(content, wait, failure)
            let record = HopRecord.retry(content, attempt: attempt, after: wait, failure: failure, now: wall)
            return PendingHop(ticket, record, then: writes, told: event, now: now)
        case .postpone(let wait):
            let number = content.attempt
            let record = HopRecord.retry(content, attempt: number, after: wait, failure: nil, hasBegun: true, now: wall)
            return PendingHop(ticket, record, then: writes, told: event, now: now)
        case .bury(let reason, let failure):
            return burial(of: content, reason, failure, ticket, then: writes, told: event, wall)
        }
    }

    /// A job that goes nowhere is finished; where it leaves something in the queue's state, once that stands there.
    private func finish(
        _ ticket: Ticket,
        _ writes: ArraySlice<HopRecord>,
        telling event: HookEvent?,
        now: ContinuousClock.Instant
    ) -> PendingHop? {
        guard let first = writes.first else {
            FailPoint.jobFinished.pass()
            return nil
        }
        return PendingHop(ticket, first, then: writes.dropFirst(), told: event, now: now)
    }
}

/// Measures what attempts cost, and tells their types' estimates once for many.
private struct CostMeter {
    private var entry: Unmanaged<JobRegistry.Entry>?
    private var total = 0
    private var count = 0
    private var longest = 0

    mutating func note(_ entry: Unmanaged<JobRegistry.Entry>?, _ nanoseconds: Int) {
        if self.entry?.toOpaque() != entry?.toOpaque() {
            flush()
            self.entry = entry
        }
        total += nanoseconds
        count += 1
        longest = max(longest, nanoseconds)
    }

    mutating func flush() {
        guard count > 0 else { return }
        entry?._withUnsafeGuaranteedRef { $0.cost.note(total: total, count: count, longest: longest) }
        (total, count, longest) = (0, 0, 0)
    }
}
