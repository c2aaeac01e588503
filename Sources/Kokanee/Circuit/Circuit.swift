/// Whether one queue's jobs may start in this worker: the circuit breaker of guarantee 6.
///
/// Closed, it watches the share of jobs that die. Open, it starts none. After a pause it probes: a few jobs run, and
/// by what becomes of them it closes, or opens again for longer.
struct Circuit {
    typealias Instant = ContinuousClock.Instant

    enum Phase: Equatable {
        case closed
        case open(until: Instant)
        /// So many jobs may still start; of those that did so many have succeeded and failed.
        case probing(toStart: Int, succeeded: Int, failed: Int)
    }

    /// How a started job ended.
    enum Outcome {
        case succeeded
        /// It goes on the ladder.
        case retried
        case died
        /// It was taken away, and runs again: nothing is known.
        case undecided
    }

    enum Transition: Equatable {
        /// Of `ended` jobs `dead` died; intake stops for `pause`.
        case opened(dead: Int, ended: Int, pause: Duration)
        case probing
        /// `failed` of `ended` probes did.
        case reopened(failed: Int, ended: Int, pause: Duration)
        case closed
    }

    private static let buckets = 12

    let policy: CircuitPolicy
    private(set) var phase = Phase.closed
    private var window: [(ended: Int, dead: Int)]
    private var bucket = 0
    private var bucketEndsAt: Instant
    private var ended = 0
    private var dead = 0
    /// Times in a row that probes failed.
    private var failures = 0

    init(_ policy: CircuitPolicy, now: Instant) {
        self.policy = policy
        window = Array(repeating: (0, 0), count: Self.buckets)
        bucketEndsAt = now + policy.window / Self.buckets
    }

    /// How many jobs may start now; nil is any number.
    var allowance: Int? {
        switch phase {
        case .closed: nil
        case .open: 0
        case .probing(let toStart, _, _): toStart
        }
    }

    /// A job of a closed circuit has ended, or one that started before it opened.
    mutating func note(_ outcome: Outcome, now: Instant) -> Transition? {
        advance(to: now)
        switch outcome {
        case .retried, .undecided: return nil
        case .succeeded: count(isDead: false)
        case .died: count(isDead: true)
        }
        // In this order: each visit to the engine asks.
        guard ended >= policy.minimumJobs, Double(dead) >= policy.deadShare * Double(ended), phase == .closed else {
            return nil
        }
        phase = .open(until: now + pause)
        return .opened(dead: dead, ended: ended, pause: pause)
    }

    /// So many jobs have succeeded since the last word; as many calls of ``note(_:now:)``.
    mutating func noteSuccesses(_ count: Int, now: Instant) -> Transition? {
        guard count > 1 else { return note(.succeeded, now: now) }
        advance(to: now)
        window[bucket].ended += count - 1
        ended += count - 1
        return note(.succeeded, now: now)
    }

    /// How many more jobs have to die until it may open, however many succeed meanwhile; at least 1.
    var headroom: Int {
        // Where all have to die, and one has not.
        guard policy.deadShare < 1 || ended == dead else { return .max }
        // The least n of dead + n ≥ share × max(minimum, ended + n).
        let byNumber = policy.deadShare * Double(policy.minimumJobs) - Double(dead)
        let byShare = (policy.deadShare * Double(ended) - Double(dead)) / max(1 - policy.deadShare, .ulpOfOne)
        // A rounding error makes it no more than it is.
        return Int(min((max(1, byNumber, byShare) - 1e-9).rounded(.up), 1e9))
    }

    /// A job may start as one of the probes.
    mutating func probeStarted() {
        guard case .probing(let toStart, let succeeded, let failed) = phase else { return }
        phase = .probing(toStart: toStart - 1, succeeded: succeeded, failed: failed)
    }

    /// A probe has ended.
    mutating func probeEnded(_ outcome: Outcome, now: Instant) -> Transition? {
        // One that was slow, and ends when others have decided already, counts as any job does.
        guard case .probing(var toStart, var succeeded, var failed) = phase else { return note(outcome, now: now) }
        switch outcome {
        case .undecided: toStart += 1
        case .succeeded: succeeded += 1
        case .retried, .died: failed += 1
        }
        phase = .probing(toStart: toStart, succeeded: succeeded, failed: failed)
        if Double(failed) >= policy.deadShare * Double(policy.probes) {
            failures += 1
            phase = .open(until: now + pause)
            return .reopened(failed: failed, ended: succeeded + failed, pause: pause)
        }
        // Where those that are left can't change it they are not waited for: one of them may go on for hours.
        guard Double(policy.probes - succeeded) < policy.deadShare * Double(policy.probes) else { return nil }
        phase = .closed
        failures = 0
        // What died before the mending is no reason to open again.
        window = Array(repeating: (0, 0), count: Self.buckets)
        (ended, dead) = (0, 0)
        return .closed
    }

    /// Begins to probe once the pause is over.
    mutating func tick(now: Instant) -> Transition? {
        guard case .open(let until) = phase, until <= now else { return nil }
        phase = .probing(toStart: policy.probes, succeeded: 0, failed: 0)
        return .probing
    }

    private var pause: Duration {
        min(policy.pause * (1 << min(failures, 20)), max(policy.pause, policy.longestPause))
    }

    private mutating func count(isDead: Bool) {
        window[bucket].ended += 1
        ended += 1
        guard isDead else { return }
        window[bucket].dead += 1
        dead += 1
    }

    private mutating func advance(to now: Instant) {
        guard bucketEndsAt <= now else { return }
        let width = policy.window / Self.buckets
        var steps = 0
        while bucketEndsAt <= now, steps < Self.buckets {
            steps += 1
            bucketEndsAt += width
            bucket = (bucket + 1) % Self.buckets
            ended -= window[bucket].ended
            dead -= window[bucket].dead
            window[bucket] = (0, 0)
        }
        // After a quiet time of more than a window.
        if bucketEndsAt <= now { bucketEndsAt = now + width }
    }
}
