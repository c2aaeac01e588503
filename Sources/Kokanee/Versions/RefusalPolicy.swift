/// What a worker does with jobs that its build can't run.
public struct RefusalPolicy: Sendable, Hashable {
    /// Nil for none.
    let limit: Duration?

    /// They are dead letters as soon as it is their turn.
    public static let deadLetter = RefusalPolicy(limit: nil)

    /// They wait on the shortest rung, again and again, for a worker that can run them, as while a deploy rolls. No attempt
    /// is counted, and nothing is noted as a failure. Whoever takes one off the rung, old build or new, goes on with it.
    ///
    /// - Parameter limit: how long after they were first refused, by the brokers' clock, they become dead letters if nobody
    ///   could run them. It is looked at each time that the rung is over, so that it may be by a rung's delay later. At most
    ///   365 days.
    public static func wait(upTo limit: Duration) -> RefusalPolicy {
        RefusalPolicy(limit: limit)
    }
}

/// What becomes of the refused jobs of one queue.
struct Refusals: Sendable {
    enum Course: Equatable {
        /// A dead letter; after a wait of so many milliseconds where there was one.
        case bury(waited: Int64?)
        /// It is not due for so long that it has not to be run yet by anybody.
        case hold(until: Int64)
        /// Onto the shortest rung; refused first at `since`, in milliseconds since the epoch.
        case wait(since: Int64)
    }

    var unknownTypes = RefusalPolicy.deadLetter
    var newerVersions = RefusalPolicy.deadLetter

    /// - Parameter now: milliseconds since the epoch.
    func course(of envelope: Envelope, _ reason: DeadReason, ladder: Ladder, now: Int64) -> Course {
        let policy = reason == .versionTooNew ? newerVersions : unknownTypes
        guard let limit = policy.limit?.milliseconds else { return .bury(waited: nil) }
        if let dueAt = envelope.dueAt, dueAt > now, dueAt - now <= Intake.furthestDue,
            case .rung = ladder.step(remaining: dueAt - now)
        {
            return .hold(until: dueAt)
        }
        // A time ahead is somebody's invention, and would be waited for.
        let since = min(envelope.refusedSince ?? now, now)
        return now - since >= limit ? .bury(waited: now - since) : .wait(since: since)
    }
}

extension Envelope.Failure {
    /// As it is, and how long the job waited for a build that can run it.
    func after(waiting milliseconds: Int64?) -> Envelope.Failure {
        guard let milliseconds, milliseconds > 0 else { return self }
        let wait = Duration.milliseconds(milliseconds).text
        return Envelope.Failure(text: "\(text); it waited \(wait) for one that can run it", at: at)
    }
}
