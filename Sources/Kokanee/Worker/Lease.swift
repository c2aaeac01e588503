/// For how long a worker may take itself for a member of its group without having looked.
///
/// A process that stands still (stopped, swapped out, its virtual machine moved) for longer than the session timeout
/// has lost its partitions, and does not know it when it goes on. Its threads may well start jobs, and send hops,
/// before the one that serves the group hears of the loss. So they ask here first: once the lease has lapsed they
/// wait, until the group has confirmed the membership by accepting a commit, or has assigned anew.
struct Lease {
    /// A share of the session timeout, of which the broker has seen at most a heartbeat interval when time stops.
    let length: Duration
    private(set) var endsAt: ContinuousClock.Instant
    private(set) var hasLapsed = false

    init(length: Duration, now: ContinuousClock.Instant) {
        self.length = length
        endsAt = now + length
    }

    /// The thread that serves the group is at work. Ineffective once the lease has lapsed.
    mutating func renew(now: ContinuousClock.Instant) {
        check(now: now)
        if !hasLapsed { endsAt = now + length }
    }

    /// Finds out whether it has lapsed.
    mutating func check(now: ContinuousClock.Instant) {
        if now >= endsAt { hasLapsed = true }
    }

    /// The group has shown that it still knew this worker as a member at `instant`, or later: it has accepted what was
    /// sent then. That is no news where the answer was long under way, or the worker stood still again before it read it.
    mutating func confirm(asOf instant: ContinuousClock.Instant, now: ContinuousClock.Instant) {
        endsAt = instant + length
        hasLapsed = now >= endsAt
    }
}
