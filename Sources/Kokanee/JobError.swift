/// Thrown by a handler to say what happens to the job, instead of the queue's retry policy.
public struct JobError: Error, Sendable, CustomStringConvertible {
    enum Verdict: Sendable {
        case deadLetter
        case discard
        case retry(after: Duration?)
    }

    let verdict: Verdict
    /// Why, for people: it stands in the log, in `kokanee-error` and in the dead letter.
    public let reason: String

    /// The job can never succeed: it becomes a dead letter now.
    public static func deadLetter(_ reason: String) -> JobError {
        JobError(verdict: .deadLetter, reason: reason)
    }

    /// The job is not needed any more: it is finished without a trace but a count.
    public static func discard(_ reason: String) -> JobError {
        JobError(verdict: .discard, reason: reason)
    }

    /// The attempt failed; the next one comes after `delay`, of at most 365 days, or when the retry policy says, where
    /// that is nil.
    ///
    /// The attempt counts: after the last one the job is a dead letter all the same.
    public static func retry(after delay: Duration? = nil, _ reason: String) -> JobError {
        JobError(verdict: .retry(after: delay), reason: reason)
    }

    public var description: String { reason }
}
