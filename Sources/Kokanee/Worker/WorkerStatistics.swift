/// What a worker has done since it started.
public struct WorkerStatistics: Sendable, Hashable {
    /// Jobs whose handler returned.
    public internal(set) var completed = 0
    /// Attempts that threw or overran their timeout.
    public internal(set) var failedAttempts = 0
    /// Jobs moved to a rung after a failed attempt.
    public internal(set) var retried = 0
    /// Jobs moved to a rung, or down one, because their due time is ahead.
    public internal(set) var delayed = 0
    /// Jobs moved to a rung because a limit kept them from starting and too many waited for it already.
    public internal(set) var limited = 0
    /// Jobs that became dead letters.
    public internal(set) var dead = 0
    /// Jobs that a handler discarded, or that had expired.
    public internal(set) var discarded = 0
    /// Jobs that an operator cancelled, before they ran or while they did.
    public internal(set) var cancelled = 0
    /// Attempts whose partition was somebody else's by the time they ended: they ran, or will run, there.
    public internal(set) var fenced = 0
    /// Attempts that ignored their cancellation.
    public internal(set) var stuck = 0
    /// Hops that a broker refused or that timed out, each time.
    public internal(set) var failedHops = 0
    /// Times that a queue's circuit opened because too many jobs died.
    public internal(set) var circuitOpened = 0
    /// Times that the worker stood still for so long that it had to ask whether it was still a member of its group.
    public internal(set) var lapses = 0
    /// Records that retention took before they were worked.
    public internal(set) var lostToRetention: Int64 = 0

    public init() {}
}
