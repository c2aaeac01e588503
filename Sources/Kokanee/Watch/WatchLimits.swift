/// How long something may last before the watch says so.
struct WatchLimits: Sendable {
    /// How often it looks.
    var interval = Duration.seconds(1)
    /// A watermark that does not move while there is work.
    var stall = Duration.seconds(60)
    /// A watermark that has not moved for so long that it is told, in the report, what holds it.
    var look = Duration.seconds(10)
    /// A thread that does not go round.
    var silence = Duration.seconds(10)
    /// A due record of a rung that is not taken in.
    var overdue = Duration.seconds(10)
    /// The oldest record that is not acknowledged, or a hop that goes on failing.
    var delivery = Duration.seconds(30)
    /// A group that gives the worker no share of its partitions; nil is ``assignment(sessionTimeout:revocationLimit:)``.
    var assignment: Duration?
    /// A thread that does not go round, and will not.
    var wedge = Duration.seconds(60)

    static let leastAssignment = Duration.seconds(30)

    /// How long a group may go without giving a worker its share, and nothing be wrong: it waits for a member that died, as
    /// a new one joins once more, and for jobs and commits of one that lives.
    static func assignment(sessionTimeout: Duration, revocationLimit: Duration) -> Duration {
        max(leastAssignment, sessionTimeout * 2 + revocationLimit + .seconds(5))
    }
}
