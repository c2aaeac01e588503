/// When a worker stops taking in a queue's jobs because too many of them die, and how it finds out that they no longer
/// do. A release that breaks every job then costs a few hundred dead letters, not the queue.
///
/// Counted are the jobs that ended: completed, discarded, or dead. Attempts that go on the ladder did not end yet, and
/// records that are no jobs at all (undecodable envelopes) say nothing about the release.
public struct CircuitPolicy: Sendable, Hashable {
    /// The share of dead letters among the jobs that ended within the window, from which on the circuit opens.
    /// Default 0.5; more than 0, at most 1.
    public var deadShare = 0.5
    /// The fewest ended jobs from which a share is taken. Default 100, at least 1.
    public var minimumJobs = 100
    /// How far back jobs are counted, to a twelfth of it. Default 1 minute, at least 1 s.
    public var window = Duration.seconds(60)
    /// How long an open circuit waits until it lets a few jobs through to see. Default 30 s, at least 1 ms. It doubles
    /// with each time that they fail, up to ``longestPause``.
    public var pause = Duration.seconds(30)
    /// Default 10 minutes.
    public var longestPause = Duration.seconds(600)
    /// How many jobs it lets through then. Default 5, at least 1. It closes once the share of
    /// those that failed, whether for the ladder or for good, will be below ``deadShare`` however the rest of them end.
    public var probes = 5

    public init() {}

    func validate() throws {
        guard deadShare > 0, deadShare <= 1 else {
            throw InputError("a circuit's share of dead letters is above 0 and at most 1, not \(deadShare)")
        }
        guard minimumJobs >= 1, probes >= 1 else {
            throw InputError("a circuit's fewest jobs and its probes are at least 1")
        }
        guard window >= .seconds(1), pause >= .milliseconds(1), longestPause >= .milliseconds(1) else {
            throw InputError("a circuit's window is at least 1s, and its pause at least 1ms")
        }
    }
}
