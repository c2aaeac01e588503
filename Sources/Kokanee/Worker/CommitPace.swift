/// How often a group's coordinator is asked to take a commit, and how much of it at a time.
///
/// All partitions of a queue share one request, and there is never more than one under way. A coordinator that takes its
/// time over them is asked less often, so that commits keep a tenth of it busy at most; what is finished in between would
/// run again after a crash.
struct CommitPace {
    /// Of the configured interval, at most.
    private static let longestStretch = 10
    /// Pauses for a round trip.
    private static let share = 10
    /// The bytes of metadata in one request, over all its partitions: brokers take a request of 100 MB, but not gladly.
    private static let metadataBytes = 1 << 20
    /// How many bytes of marks may be written in a second: where thousands of partitions have some at each commit, there
    /// are fewer commits.
    private static let markRate = 4 << 20
    /// Enough for a map of some runs, whatever the number of partitions.
    private static let leastMetadata = 128

    private let interval: Duration
    private var roundTrip = Duration.zero
    private var markTime = Duration.zero

    init(interval: Duration) {
        self.interval = interval
    }

    /// A commit was answered after so long.
    mutating func note(roundTrip: Duration) {
        // A slow answer counts at once, and is forgotten within some more.
        self.roundTrip = max(roundTrip, self.roundTrip / 2)
    }

    /// So many bytes of marks went before the last commit.
    mutating func note(markBytes: Int) {
        markTime = .milliseconds(markBytes * 1000 / Self.markRate)
    }

    /// From one commit to the next.
    var pause: Duration {
        max(interval, min(max(roundTrip * Self.share, markTime), interval * Self.longestStretch))
    }

    /// How many bytes of metadata a partition may have, of so many that are committed together.
    static func metadataLimit(partitions: Int) -> Int {
        max(leastMetadata, metadataBytes / max(1, partitions))
    }
}
