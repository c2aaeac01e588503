import Testing

@testable import Kokanee

@Suite("What becomes of a job after an attempt")
struct DispositionTests {
    private struct Broken: Error {}

    private static let ladder = Ladder.standard

    private func disposition(
        _ end: AttemptEnd,
        attempt: Int = 1,
        policy: any RetryPolicy = .ladder()
    ) -> Disposition {
        Disposition.after(
            end,
            ofAttempt: attempt,
            policy: policy,
            ladder: Self.ladder,
            now: 1_000_000,
            randomness: 0
        )
    }

    @Test("an attempt that returns completes the job, whichever it was", arguments: [1, 6, 99])
    func completed(attempt: Int) {
        #expect(disposition(.completed, attempt: attempt) == .complete)
    }

    @Test("attempt n that fails waits on rung n, and the last one is the job's death")
    func rungs() {
        for (index, rung) in Self.ladder.rungs.enumerated() {
            guard case .retry(let next, let wait, _) = disposition(.failed(Broken()), attempt: index + 1) else {
                Issue.record("attempt \(index + 1) is no retry")
                continue
            }
            #expect(next == index + 2 && wait == rung.milliseconds)
        }
        for attempt in [6, 7, 1000] {
            guard case .bury(.attemptsExhausted, .some) = disposition(.failed(Broken()), attempt: attempt) else {
                Issue.record("attempt \(attempt) is not the last")
                continue
            }
        }
    }

    @Test("a stop's wait is no longer than can be written, and no shorter than nothing")
    func stops() {
        #expect(disposition(.failed(JobStop(wait: .seconds(Int64.max)))) == .postpone(after: 365 * 86_400_000))
        #expect(disposition(.failed(JobStop(wait: .seconds(-5)))) == .postpone(after: 0))
    }

    @Test("the handler's word goes before the policy's, but not beyond the last attempt")
    func verdicts() {
        #expect(disposition(.failed(JobError.discard("old"))) == .discard("old"))
        guard case .bury(.rejected, let failure) = disposition(.failed(JobError.deadLetter("no such user"))) else {
            return #expect(Bool(false), "not a dead letter")
        }
        #expect(failure?.text.contains("no such user") == true)
        guard case .retry(2, 1234, _) = disposition(.failed(JobError.retry(after: .milliseconds(1234), "busy"))) else {
            return #expect(Bool(false), "not the wait that was asked for")
        }
        guard case .retry(2, 60_000, _) = disposition(.failed(JobError.retry("busy"))) else {
            return #expect(Bool(false), "not the policy's wait")
        }
        let late = disposition(.failed(JobError.retry(after: .zero, "busy")), attempt: 6)
        guard case .bury(.attemptsExhausted, _) = late else { return #expect(Bool(false), "a seventh attempt") }
    }

    @Test("a wait that nobody can mean is cut to a year, and one in the past is none")
    func waits() {
        guard case .retry(_, let longest, _) = disposition(.failed(JobError.retry(after: .seconds(Int64.max), "")))
        else {
            return #expect(Bool(false), "no retry")
        }
        #expect(longest == 365 * 86_400_000)
        guard case .retry(_, 0, _) = disposition(.failed(JobError.retry(after: .seconds(-5), ""))) else {
            return #expect(Bool(false), "a wait that is negative")
        }
    }

    @Test(
        "a payload that can't be decoded is dead at once, what expired is discarded, a timeout is a failure as others"
    )
    func others() {
        let payload = PayloadError(type: "t", version: 1, cause: Broken())
        guard case .bury(.undecodable, _) = disposition(.failed(payload)) else {
            return #expect(Bool(false), "undecodable, and retried")
        }
        guard case .discard = disposition(.expired(at: 5)) else {
            return #expect(Bool(false), "expired, and not discarded")
        }
        guard case .retry(2, _, let failure) = disposition(.timedOut(.seconds(3), ignoredCancellation: true)) else {
            return #expect(Bool(false), "a timeout, and no retry")
        }
        #expect(failure.text.hasPrefix("Timeout: ") && failure.text.contains("3s") && failure.text.contains("ignored"))
    }

    @Test("of whatever makes a dead letter it is known before that it may, and of what goes on that it will not")
    func deaths() {
        let refusal = Envelope.Failure(type: "UnknownType", message: "t", at: 0)
        let ends: [AttemptEnd] = [
            .completed, .committed(before: true), .finishedBefore, .skipped(isOwn: true),
            .refused(.unknownType, refusal),
            .failed(Broken()), .failed(CancellationError()), .failed(JobStop()), .failed(JobError.discard("old")),
            .failed(JobError.deadLetter("bad")), .failed(JobError.retry("busy")),
            .failed(PayloadError(type: "t", version: 1, cause: Broken())),
            .timedOut(.seconds(1), ignoredCancellation: false),
        ]
        let policies: [any RetryPolicy] = [.ladder(), .never, .exponential(attempts: 3)]
        for (end, policy) in ends.flatMap({ end in policies.map { (end, $0) } }) {
            for attempt in 1...7 {
                let isLast = attempt >= policy.maximumAttempts(ladder: Self.ladder)
                var isDead = false
                if case .bury = disposition(end, attempt: attempt, policy: policy) { isDead = true }
                #expect(end.mayBeDeath(mayBeLast: isLast) == isDead, "\(end), attempt \(attempt), \(policy)")
            }
        }
        // The circuit does not count it.
        #expect(!AttemptEnd.expired(at: 0).mayBeDeath(mayBeLast: true))
    }

    @Test("a job waits on the longest rung that is not longer than its wait, or where it is")
    func destinations() throws {
        let ladder = try Ladder(text: "10s,1m")
        #expect(Disposition.destination(after: 9999, now: 5, ladder: ladder) == .main(dueAt: 10_004))
        #expect(Disposition.destination(after: -1, now: 5, ladder: ladder) == .main(dueAt: 4))
        let exact = Disposition.destination(after: 10_000, now: 5, ladder: ladder)
        #expect(exact == .rung(ladder.rungs[0], dueAt: nil))
        let between = Disposition.destination(after: 59_999, now: 5, ladder: ladder)
        #expect(between == .rung(ladder.rungs[0], dueAt: 60_004))
        let beyond = Disposition.destination(after: 7_200_000, now: 5, ladder: ladder)
        #expect(beyond == .rung(ladder.rungs[1], dueAt: 7_200_005))
    }
}
