internal import Dispatch
internal import RdKafka
internal import Synchronization

extension RehearsalRun {
    private enum Step {
        case run(Int, RehearsalJob)
        case wait
        case end
    }

    private static let tickInterval = Duration.milliseconds(50)
    private static let ticksPerReport = 4

    /// Runs one job after the other until there are no more.
    func work() async {
        while true {
            switch next() {
            case .run(let place, let job): finish(place, await rehearse(job, at: place))
            case .end: return
            case .wait:
                await withCheckedContinuation { continuation in
                    let mayGoOn = shared.withLock { shared in
                        let mayGoOn = shared.state.hasReady || isAtEnd(shared)
                        if !mayGoOn { shared.idle.append(continuation) }
                        return mayGoOn
                    }
                    if mayGoOn { continuation.resume() }
                }
            }
        }
    }

    private func next() -> Step {
        shared.withLock { shared in
            if isAtEnd(shared) { return .end }
            return shared.state.next().map { .run($0.place, $0.job) } ?? .wait
        }
    }

    private func isAtEnd(_ shared: borrowing Shared) -> Bool {
        isCancelled || shared.isRead && shared.state.count == 0
    }

    private func finish(_ place: Int, _ entry: RehearsalTally.Entry?) {
        let (hasRoom, idle) = shared.withLock { shared in
            if let entry { shared.tally.note(entry) }
            shared.state.finish(place)
            let hasRoom = shared.isReaderWaiting && !shared.state.isFull
            if hasRoom { shared.isReaderWaiting = false }
            guard isAtEnd(shared) else { return (hasRoom, [CheckedContinuation<Void, Never>]()) }
            defer { shared.idle = [] }
            return (hasRoom, shared.idle)
        }
        if hasRoom { room.signal() }
        for runner in idle { runner.resume() }
    }

    /// - Returns: nil where the attempt was cancelled with all of the rehearsal.
    private func rehearse(_ job: RehearsalJob, at place: Int) async -> RehearsalTally.Entry? {
        switch job.course {
        case .refuse(let reason, let failure):
            return RehearsalTally.Entry(job, .refused(reason, failure), duration: nil, effects: nil)
        case .run(let handler):
            if let expiresAt = job.envelope.expiresAt, expiresAt <= Timestamp.now {
                return RehearsalTally.Entry(job, .expired, duration: nil, effects: nil)
            }
            let effects = EffectLog()
            let start = MonotonicTime.nanoseconds
            guard let end = await execute(job, handler, effects, at: place) else { return nil }
            let duration = Int(MonotonicTime.nanoseconds - start)
            let ladder = rehearsal.queue.ladder
            let outcome = RehearsalEnd(end, of: job.envelope, ladder: ladder, now: Timestamp.now)
            return RehearsalTally.Entry(job, outcome, duration: duration, effects: effects)
        }
    }

    private func execute(
        _ job: RehearsalJob,
        _ handler: any JobHandler,
        _ effects: EffectLog,
        at place: Int
    ) async -> AttemptEnd? {
        let configuration = rehearsal.configuration
        let context = JobContext(
            queue: rehearsal.queue.mainTopic,
            envelope: job.envelope,
            maximumAttempts: configuration.retryPolicy.maximumAttempts(ladder: rehearsal.queue.ladder),
            key: job.key,
            source: job.place,
            replay: rehearsal.plan.id,
            effects: .noted(in: effects),
            logger: rehearsal.logger
        )
        let result = FirstResult<AttemptEnd>()
        // Not a child of this one, which must not wait for a handler that ignores its cancellation.
        let task = Task {
            do {
                try await handler.perform(job.payload, context)
                result.set(.success(.completed))
            } catch {
                result.set(.success(.failed(error)))
            }
        }
        let now = ContinuousClock.now
        var running = Running(task: task, result: result, deadline: configuration.attemptTimeout.map { now + $0 })
        let isTooLate = shared.withLock { shared in
            if isCancelled { running.givenUpAt = now + configuration.cancellationGrace }
            shared.running[place] = running
            return isCancelled
        }
        if isTooLate { task.cancel() }
        let end = (try? await result.value()) ?? .failed(CancellationError())
        let hasOverrun = shared.withLock { $0.running.removeValue(forKey: place)?.hasOverrun ?? false }
        // What a handler says of itself counts, however late.
        guard case .failed(let error) = end, !(error is JobError), !(error is PayloadError) else { return end }
        if hasOverrun, let limit = configuration.attemptTimeout {
            return .timedOut(limit, ignoredCancellation: false)
        }
        return isCancelled ? nil : end
    }

    // MARK: - Time

    /// Ends attempts that overrun, and tells of the progress, until all is over.
    func tick() async {
        var ticks = 0
        while !isOver.load(ordering: .relaxed) {
            try? await Task.sleep(for: Self.tickInterval)
            endOverrun()
            ticks += 1
            if ticks.isMultiple(of: Self.ticksPerReport) { report() }
        }
    }

    private func endOverrun() {
        let now = ContinuousClock.now
        let grace = rehearsal.configuration.cancellationGrace
        let (overrun, stuck) = shared.withLock { shared in
            var overrun: [Task<Void, Never>] = []
            var stuck: [Running] = []
            for (place, running) in shared.running {
                if let deadline = running.deadline, deadline <= now, !running.hasOverrun {
                    shared.running[place]?.hasOverrun = true
                    shared.running[place]?.givenUpAt = running.givenUpAt ?? now + grace
                    overrun.append(running.task)
                } else if let end = running.givenUpAt, end <= now {
                    stuck.append(running)
                }
            }
            return (overrun, stuck)
        }
        for task in overrun { task.cancel() }
        for running in stuck {
            let limit = running.hasOverrun ? rehearsal.configuration.attemptTimeout : nil
            running.result.set(
                .success(limit.map { .timedOut($0, ignoredCancellation: true) } ?? .failed(CancellationError()))
            )
        }
    }

    func report() {
        let (done, total) = shared.withLock { shared in
            let total = shared.total ?? (shared.isRead ? Int(matched.load(ordering: .relaxed)) : nil)
            return (shared.tally.count, total)
        }
        progress(
            Rehearsal.Progress(
                isSampling: isSampling.load(ordering: .relaxed),
                scanned: scanned.load(ordering: .relaxed),
                records: rehearsal.plan.records,
                done: done,
                total: total
            )
        )
    }
}
