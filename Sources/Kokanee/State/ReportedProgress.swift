/// When an attempt's progress is written: at once where it has not been for a second, else when that is over.
struct ReportedProgress: Sendable {
    struct Report: Sendable, Equatable {
        /// From 0 to 1.
        var share: Double
        var note: String?
    }

    static let interval = Duration.seconds(1)
    /// What a note may be long, in bytes.
    static let longestNote = 200

    /// The newest.
    private(set) var last: Report?
    private var nextAt: ContinuousClock.Instant?

    /// Takes a report; true if it is to be written now.
    mutating func take(_ report: Report, now: ContinuousClock.Instant) -> Bool {
        guard report != last else { return false }
        last = report
        if let nextAt, now < nextAt { return false }
        nextAt = now + Self.interval
        return true
    }
}
