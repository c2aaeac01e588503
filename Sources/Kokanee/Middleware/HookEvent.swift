internal import RdKafka

/// What hooks are to be told of a job once its fate is settled.
final class HookEvent: Sendable {
    enum Fate: Sendable {
        case completed
        case retried(attempt: Int, wait: Duration, Envelope.Failure)
        case dead(DeadReason, Envelope.Failure?)
        case discarded(String)
    }

    /// A hook's function.
    enum Call: String, Sendable {
        case after, onRetry, onDead, onDiscard
    }

    let content: JobContent
    let fate: Fate
    /// How long the attempt took; nil where there was none.
    let took: Duration?

    init(_ content: JobContent, _ fate: Fate, took: Duration? = nil) {
        self.content = content
        self.fate = fate
        self.took = took
    }

    /// Nil for an attempt that leaves its job as if it had not run, or as it was finished before.
    convenience init?(_ decided: DecidedAttempt) {
        let content = decided.item.content
        let fate: Fate
        switch decided.disposition {
        case nil, .postpone, .finishedBefore: return nil
        case .complete: fate = .completed
        case .discard(let reason): fate = .discarded(reason)
        case .skip: fate = .discarded("its key was done, or another job stood for it")
        case .retry(let attempt, let wait, let failure):
            fate = .retried(attempt: attempt, wait: .milliseconds(wait), failure)
        case .bury(let reason, let failure): fate = .dead(reason, failure)
        }
        self.init(content, fate, took: content.attemptTook)
    }

    var isDead: Bool {
        if case .dead = fate { true } else { false }
    }

    /// What a hook is told of it by, in this order.
    var calls: [Call] {
        let fates: [Call] =
            switch fate {
            case .completed: []
            case .retried: [.onRetry]
            case .dead: [.onDead]
            case .discarded: [.onDiscard]
            }
        return took == nil ? fates : [.after] + fates
    }

    /// - Throws: what the hook does.
    nonisolated(nonsending) func make(_ call: Call, to hooks: any JobHooks) async throws {
        let context = JobContext(content)
        if call == .after, let took { return try await hooks.after(context, outcome, took: took) }
        switch fate {
        case .completed: return
        case .retried(let attempt, let wait, let failure):
            try await hooks.onRetry(context, attempt: attempt, wait: wait, error: failure)
        case .dead(let reason, let failure): try await hooks.onDead(context, reason: reason, error: failure)
        case .discarded(let reason): try await hooks.onDiscard(context, reason: reason)
        }
    }

    private var outcome: AttemptOutcome {
        switch fate {
        case .completed: .completed
        case .retried: .retried
        case .dead: .dead
        case .discarded: .discarded
        }
    }
}

extension PendingHop {
    /// What hooks are to be told once all of it stands on the brokers. A job that its rung would not take is dead, whatever
    /// was decided.
    var event: HookEvent? {
        guard record.isDeadLetter, told?.isDead != true else { return told }
        return HookEvent(content, .dead(.tooLarge, record.failure), took: told?.took)
    }
}
