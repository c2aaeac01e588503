/// Decides when marks are written, and how long a commit waits for them. Marks must never stop commits.
struct OutcomePacer {
    typealias Instant = ContinuousClock.Instant

    /// How long a commit waits for its jobs' marks.
    static let patience = Duration.seconds(2)
    /// After a refusal: each refused record costs an idempotent producer a new epoch.
    private var pause = GrowingPause(from: .seconds(5), to: .seconds(600))
    private var resumesAt: Instant?

    private var sentAt: Instant?
    /// Somebody has been told that commits go on without marks; until marks are acknowledged in time.
    private var isTold = false

    /// Whether marks may be handed over now; if so, and if there are any, ``sent(now:)`` is to follow.
    func mayWrite(now: Instant) -> Bool {
        sentAt == nil && resumesAt.map { now >= $0 } ?? true
    }

    /// To be followed by ``ended(isRefused:now:)``.
    mutating func sent(now: Instant) {
        sentAt = now
    }

    /// Whether a commit has to wait for what is under way. It does not where the last ones were refused: those are tries.
    func isAwaited(now: Instant) -> Bool {
        guard let sentAt, !pause.isGrowing else { return false }
        return now - sentAt < Self.patience
    }

    /// True once, where what is under way takes so long that commits go on without it.
    mutating func noteLateness(now: Instant) -> Bool {
        guard let sentAt, !isTold, now - sentAt >= Self.patience else { return false }
        isTold = true
        return true
    }

    /// The broker has taken what was under way, or has not. True if that is a refusal to be told: the first in a row.
    mutating func ended(isRefused: Bool, now: Instant) -> Bool {
        let wasInTime = sentAt.map { now - $0 < Self.patience } ?? false
        sentAt = nil
        guard isRefused else {
            pause.reset()
            resumesAt = nil
            if wasInTime { isTold = false }
            return false
        }
        let isFirst = !pause.isGrowing
        resumesAt = now + pause.next()
        return isFirst
    }
}
