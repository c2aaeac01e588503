/// How an attempt ended.
enum AttemptEnd: Sendable {
    case completed
    /// It has completed, as this attempt's transaction says, or an earlier one's, `before` this was begun: what it leaves in
    /// the queue's state stands already.
    case committed(before: Bool)
    /// It was not begun: an earlier owner of its partition had finished its job, and by what is not known.
    case finishedBefore
    case failed(any Error)
    /// It was not begun: nothing in this worker runs such jobs.
    case refused(DeadReason, Envelope.Failure)
    /// It was not begun: the job's time, in milliseconds since the epoch, was over.
    case expired(at: Int64)
    /// It was not begun: its key is done, or another job stands for it; `isOwn` if this job itself has done it before.
    case skipped(isOwn: Bool)
    /// It was not begun, or was given up: an operator wants it no more.
    case cancelled(JobCancellation)
    /// It overran its timeout; `ignoredCancellation` if it was still going when the grace was over, too.
    case timedOut(Duration, ignoredCancellation: Bool)
}

extension AttemptEnd {
    /// Whether the job never came to its handler, of what a runner says of an attempt.
    var isUnbegun: Bool {
        switch self {
        case .committed(let before): before
        case .finishedBefore, .refused, .expired, .skipped, .cancelled: true
        case .completed, .failed, .timedOut: false
        }
    }

    /// Whether the job stopped in the middle, to go on later.
    var isStop: Bool {
        if case .failed(let error) = self { error is JobStop } else { false }
    }

    /// Whether the job may become a dead letter by it that a circuit counts, as far as that can be said before it is decided.
    func mayBeDeath(mayBeLast: @autoclosure () -> Bool) -> Bool {
        switch self {
        // One that came too late is no release's fault.
        case .completed, .committed, .finishedBefore, .skipped, .cancelled, .expired: return false
        case .refused: return true
        case .failed(let error as JobError):
            switch error.verdict {
            case .discard: return false
            case .deadLetter: return true
            case .retry: return mayBeLast()
            }
        case .failed(is PayloadError): return true
        case .failed(is JobStop): return false
        case .failed, .timedOut: return mayBeLast()
        }
    }
}

/// What becomes of a job.
enum Disposition: Sendable, Equatable {
    case complete
    case discard(String)
    /// It is finished without having run; see ``AttemptEnd/skipped(isOwn:)``.
    case skip(isOwn: Bool)
    /// It was finished before, with all that it was to leave, and is counted as nothing again.
    case finishedBefore
    /// Another attempt, after a wait in milliseconds.
    case retry(attempt: Int, after: Int64, Envelope.Failure)
    case bury(DeadReason, Envelope.Failure?)
    /// The same attempt again, after a wait in milliseconds: it has ended unfinished, and that is no failure. Where its
    /// partition is being taken away nothing is written: whoever gets that reads the record again.
    case postpone(after: Int64)

    /// A year: intake takes what is much further ahead for a mistake.
    private static let longestWait: Int64 = 365 * 86_400_000

    /// Where a job that moves is to go.
    enum Destination: Equatable {
        case rung(Ladder.Rung, dueAt: Int64?)
        /// The main topic, for a wait that is shorter than the shortest rung.
        case main(dueAt: Int64)
    }

    /// Whether the job moves to another topic, and is finished only when that has it.
    var hops: Bool {
        switch self {
        case .complete, .discard, .skip, .finishedBefore: false
        case .retry, .bury, .postpone: true
        }
    }

    /// Decides after an attempt.
    ///
    /// - Parameters:
    ///   - attempt: its number.
    ///   - now: milliseconds since the epoch.
    ///   - randomness: the jitter's source.
    ///   - expiredJobs: what becomes of one whose time was over.
    static func after(
        _ end: AttemptEnd,
        ofAttempt attempt: Int,
        policy: any RetryPolicy,
        ladder: Ladder,
        now: Int64,
        randomness: UInt64,
        expiredJobs: ExpiryPolicy = .discard
    ) -> Disposition {
        let failure: Envelope.Failure
        var wished: Duration?
        switch end {
        case .completed, .committed:
            return .complete
        case .finishedBefore:
            return .finishedBefore
        case .skipped(let isOwn):
            return .skip(isOwn: isOwn)
        case .refused(let reason, let failure):
            return .bury(reason, failure)
        case .expired(let time):
            let message = "it was not to start at \(Timestamp.text(time)) or later"
            guard expiredJobs.kind == .deadLetter else { return .discard(message) }
            return .bury(.expired, Envelope.Failure(type: "Expired", message: message, at: now))
        case .cancelled(let cancellation):
            return .discard(cancellation.words)
        case .timedOut(let timeout, let ignoredCancellation):
            let detail = ignoredCancellation ? ", and ignored its cancellation" : ""
            let message = "the attempt ran over \(timeout.text)\(detail)"
            failure = Envelope.Failure(type: "Timeout", message: message, at: now)
        case .failed(let error as JobError):
            switch error.verdict {
            case .discard: return .discard(error.reason)
            case .deadLetter:
                return .bury(.rejected, Envelope.Failure(type: "JobError", message: error.reason, at: now))
            case .retry(let after):
                failure = Envelope.Failure(type: "JobError", message: error.reason, at: now)
                wished = after
            }
        case .failed(let stop as JobStop):
            return .postpone(after: min(max(0, stop.wait.milliseconds), longestWait))
        case .failed(let error as PayloadError):
            return .bury(.undecodable, Envelope.Failure(error, at: now))
        case .failed(let error):
            failure = Envelope.Failure(error, at: now)
        }
        let policyDelay = policy.delay(afterAttempt: attempt, ladder: ladder, randomness: randomness)
        guard let policyDelay else { return .bury(.attemptsExhausted, failure) }
        let delay = min(max(0, (wished ?? policyDelay).milliseconds), longestWait)
        return .retry(attempt: attempt + 1, after: delay, failure)
    }

    /// Where a job waits that is due in `wait` milliseconds.
    static func destination(after wait: Int64, now: Int64, ladder: Ladder) -> Destination {
        switch ladder.step(remaining: wait) {
        case .rung(let rung, exact: true): .rung(rung, dueAt: nil)
        case .rung(let rung, exact: false): .rung(rung, dueAt: now + wait)
        case .hold: .main(dueAt: now + wait)
        }
    }
}
