internal import RdKafka

extension FleetBoard {
    /// What a queue's board wants to hear from the control topic, and what follows from it.
    ///
    /// - Parameter engine: works the queue.
    func subscriptions(_ runtime: QueueRuntime, _ engine: Engine) -> [FleetFollower.Subscription] {
        let queue = runtime.queue.name
        let changed: @Sendable (ControlFollower.Change) -> Void = { change in
            guard let news = runtime.fleet.take(change) else { return }
            engine.obey(news, change, runtime)
        }
        return [
            .init(
                prefix: Pause.key(queue: queue),
                caughtUp: {
                    runtime.fleet.know()
                    engine.hold(runtime)
                },
                changed: changed
            ),
            .init(prefix: JobCancellation.keyPrefix(queue: queue), changed: changed),
            .init(prefix: LimitTable.controlKey(of: queue), changed: changed),
        ]
    }
}

extension Engine {
    fileprivate func obey(_ news: FleetBoard.News, _ change: ControlFollower.Change, _ runtime: QueueRuntime) {
        switch news {
        case .pause:
            log(runtime.fleet.pause, runtime)
            hold(runtime)
        case .limits: limit(runtime)
        case .cancelled(let cancellation):
            // In this order: a job that begins now either sees it or is seen.
            runtime.careForCancellations()
            cancelRunning(of: runtime) { $0 == cancellation.id ? cancellation : nil }
            runtime.fleet.noteCancellation(at: clock.monotonic())
            // Thousands may stand when a worker starts.
            guard !change.isFromBefore else { return }
            logger.log(
                .info,
                "an operator cancels a job: it is discarded when it comes up",
                [
                    "queue": runtime.queue.name, "job": SafeText.line(cancellation.id, limit: 200),
                    "by": cancellation.by, "why": cancellation.reason ?? "",
                ]
            )
        case .uncancelled: runtime.careForCancellations()
        case .unreadable:
            runtime.careForCancellations()
            hold(runtime)
            limit(runtime)
            logger.log(
                .warning,
                "an entry of the control topic can't be read and counts as none",
                ["topic": Queue.controlTopic, "key": SafeText.line(change.key, limit: 300)]
            )
        }
    }

    private func log(_ pause: Pause?, _ runtime: QueueRuntime) {
        let queue = runtime.queue.name
        guard let pause else {
            // A worker that has just begun hears of pauses that ended long ago, too.
            guard isHeld(runtime) else { return }
            return logger.log(.notice, "the queue is not paused any more: jobs start again", ["queue": queue])
        }
        let wait = configuration.stopsWhenIdle ? "; the worker does not count as idle while work is left" : ""
        let what =
            pause.mode == .draining
            ? "the queue is drained: nothing more is taken in until it is resumed"
            : "the queue is paused: nothing starts until it is resumed"
        logger.log(
            .notice,
            what + wait,
            ["queue": queue, "by": pause.by, "why": pause.reason ?? "", "resume": "kokanee resume \(queue)"]
        )
    }

    /// Whether the queue's gate is closed because operators want it so.
    private func isHeld(_ runtime: QueueRuntime) -> Bool {
        state.withLock { state in
            switch state.gates[Int(runtime.index)]?.hold {
            case .pause, .drain: true
            case .unknown, nil: false
            }
        }
    }

    /// Has a queue's gate follow what operators want, as far as it is known.
    func hold(_ runtime: QueueRuntime) {
        let now = clock.monotonic()
        let handovers = state.withLock { state in
            state.setHold(runtime.hold, queue: runtime.index)
            return state.handOver(now: now)
        }
        perform(handovers)
        runtime.wakeup.wake()
    }

    /// Has a queue's limits follow what stands: a type that is paused is one of which nothing may start.
    private func limit(_ runtime: QueueRuntime) {
        var table = runtime.fleet.limits ?? configuration.limits[runtime.queue.name] ?? LimitTable()
        table.pausedTypes.formUnion(runtime.fleet.pausedTypes.keys)
        setLimits(table, queue: runtime.index)
        runtime.wakeup.wake()
    }

    /// Asks the attempts at cancelled jobs to end.
    ///
    /// - Parameter find: the cancellation of a job by its id.
    func cancelRunning(of runtime: QueueRuntime, _ find: (String) -> JobCancellation?) {
        let now = clock.monotonic()
        let running = state.withLock { $0.cancelRunning(of: runtime.index, now: now, find) }
        for (attempt, content) in running {
            logger.log(.notice, "an operator cancels a job that runs", content.fields)
            attempt.cancel()
        }
    }

    /// To be called at every turn of the queue's dispatcher: finds jobs that began while they were being cancelled, and
    /// forgets what has expired.
    func lookAfterCancellations(of runtime: QueueRuntime) {
        guard runtime.fleet.hasCancellations else { return }
        switch runtime.fleet.duty(at: clock.monotonic()) {
        case .none: return
        case .look:
            let wall = clock.wall()
            cancelRunning(of: runtime) { runtime.fleet.cancellation(of: $0, now: wall) }
        case .forget:
            if runtime.fleet.forgetExpired(now: clock.wall()) { runtime.careForCancellations() }
        }
    }
}

extension EngineState {
    /// These attempts, to be cancelled outside the lock.
    mutating func cancelRunning(
        of queue: Int32,
        now: Instant,
        _ find: (String) -> JobCancellation?
    ) -> [(RunningAttempt, JobContent)] {
        // What a handler has not begun yet is given out anew, and asked about then; what it has is found here.
        for index in runners.indices where runners[index].isLent { takeBack(index) }
        return runners.indices.compactMap { index in
            guard runners[index].cancellation == nil, let hand = runners[index].batch?.inHand,
                hand.item.content.queueIndex == queue, let cancellation = find(hand.item.content.id),
                let attempt = cancel(index, hand, .operator(cancellation), now: now)
            else { return nil }
            return (attempt, hand.item.content)
        }
    }
}
