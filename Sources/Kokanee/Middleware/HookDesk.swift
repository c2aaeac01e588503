internal import RdKafka
internal import Synchronization

/// Calls a worker's hooks, in a task of its own and one at a time, so that none of them can hold a job or a thread up.
final class HookDesk: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// The event that is told, to which of the hooks, and by which of its calls.
    private struct Hand {
        let event: HookEvent
        var hook = 0
        var call = 0
        var startedAt = Instant.now

        /// The one after it; nil where that was the event's last.
        func next(_ hooks: Int) -> Hand? {
            if call + 1 < event.calls.count { return Hand(event: event, hook: hook, call: call + 1) }
            return hook + 1 < hooks ? Hand(event: event, hook: hook + 1) : nil
        }
    }

    private struct State {
        var waiting = Fifo<HookEvent>()
        var hand: Hand?
        var task: Task<Void, Never>?
        /// Names the task; one that was left behind finds another, and ends.
        var generation = 0
        var hasRoom: (@Sendable () -> Void)?
    }

    /// How many events wait until no more attempts are begun.
    static let most = 1000
    /// Jobs that die without an attempt are not held back by that: past so many the hooks are not told of them.
    private static let mostWithoutAttempt = 10_000

    private let hooks: [any JobHooks]
    private let limit: Duration
    private let failures: MetricsRegistry.Counter
    private let untold: MetricsRegistry.Counter
    private let logger: Logger
    private let state = Mutex(State())
    private let fullness = Atomic(false)

    /// - Parameter limit: how long a call may take.
    init(_ hooks: [any JobHooks], metrics: MetricsRegistry, logger: Logger, limit: Duration = .seconds(30)) {
        self.hooks = hooks
        self.limit = limit
        self.logger = logger
        failures = metrics.counter("kokanee_hooks_failed_total", help: "Calls of hooks that threw or took too long.")
        untold = metrics.counter("kokanee_hooks_untold_total", help: "Dead jobs that the hooks could not be told of.")
    }

    /// Whether so much waits to be told that no more attempts are to begin.
    var isFull: Bool { fullness.load(ordering: .relaxed) }

    /// - Parameter body: called when ``isFull`` has become false again.
    func whenThereIsRoom(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.hasRoom = body }
    }

    /// An attempt begins; it waits for this.
    nonisolated(nonsending) func before(_ content: JobContent) async {
        for hook in hooks {
            do {
                try await hook.before(JobContext(content))
            } catch {
                report(hook, "before", content, "\(error)")
            }
        }
    }

    /// A job's fate is settled.
    func tell(_ event: HookEvent) {
        guard !event.calls.isEmpty else { return }
        let isTaken = state.withLock { state in
            guard event.took != nil || state.waiting.count < Self.mostWithoutAttempt else { return false }
            state.waiting.append(event)
            if state.waiting.count >= Self.most { fullness.store(true, ordering: .relaxed) }
            if state.task == nil { start(&state) }
            return true
        }
        if !isTaken { untold.add() }
    }

    /// Leaves a call behind that takes too long.
    func tick(now: Instant) {
        let left = state.withLock { state -> Hand? in
            guard let hand = state.hand, now - hand.startedAt >= limit else { return nil }
            state.task?.cancel()
            start(&state)
            // The new task goes on behind it.
            state.hand?.startedAt = now
            return hand
        }
        guard let left else { return }
        report(left, "it took longer than \(limit.text) and is left behind")
    }

    /// Waits until all is told, `limit` at most.
    func close(within limit: Duration) async {
        let end = ContinuousClock.now + limit
        while state.withLock({ $0.task != nil }), ContinuousClock.now < end {
            tick(now: .now)
            try? await Task.sleep(for: .milliseconds(5))
        }
        let (task, count) = state.withLock { ($0.task, $0.waiting.count) }
        guard let task else { return }
        task.cancel()
        logger.log(.error, "the worker ends before its hooks do", ["waiting": "\(count)"])
    }

    private func start(_ state: inout State) {
        state.generation += 1
        state.task = Task { [generation = state.generation] in await work(generation) }
    }

    private func work(_ generation: Int) async {
        while let hand = next(generation) {
            do {
                try await hand.event.make(hand.event.calls[hand.call], to: hooks[hand.hook])
            } catch {
                // What was left behind was reported then.
                if state.withLock({ $0.generation == generation }) { report(hand, "\(error)") }
            }
        }
    }

    private func next(_ generation: Int) -> Hand? {
        let (hand, hasRoom) = state.withLock { state -> (Hand?, (@Sendable () -> Void)?) in
            guard state.generation == generation else { return (nil, nil) }
            if let next = state.hand?.next(hooks.count) {
                state.hand = next
                return (next, nil)
            }
            state.hand = state.waiting.popFirst().map { Hand(event: $0) }
            if state.hand == nil { state.task = nil }
            guard isFull, state.waiting.count <= Self.most / 2 else { return (state.hand, nil) }
            fullness.store(false, ordering: .relaxed)
            return (state.hand, state.hasRoom)
        }
        hasRoom?()
        return hand
    }

    private func report(_ hand: Hand, _ error: String) {
        report(hooks[hand.hook], hand.event.calls[hand.call].rawValue, hand.event.content, error)
    }

    private func report(_ hook: any JobHooks, _ call: String, _ content: JobContent, _ error: String) {
        failures.add()
        logger.log(
            .error,
            "a hook failed, which changes nothing about its job",
            [
                "hook": String(describing: type(of: hook)), "call": call, "queue": content.queueName,
                "job": content.id, "error": SafeText.line(error, limit: Envelope.Failure.maximumSize),
            ]
        )
    }
}
