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
    /// A group that gives the worker no share of its partitions.
    var assignment = Duration.seconds(30)
    /// A thread that does not go round, and will not.
    var wedge = Duration.seconds(60)
}
