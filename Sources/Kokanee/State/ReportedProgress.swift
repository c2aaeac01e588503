/// What a job says about how far it is, and when that is written: at once where it has not been for a second, else when
/// that is over.
struct ReportedProgress: Sendable {
    struct Report: Sendable, Equatable {
        /// From 0 to 1.
        var share: Double
        var note: String?
    }

    enum Action: Equatable {
        case nothing
        case write(Report)
        /// Ask ``due(now:)`` then.
        case wait(until: ContinuousClock.Instant)
    }

    static let interval = Duration.seconds(1)
    /// What a note may be long, in bytes.
    static let longestNote = 200

    private var last: Report?
    private var written: Report?
    private var nextAt: ContinuousClock.Instant?
    private var isWaiting = false

    mutating func take(_ report: Report, now: ContinuousClock.Instant) -> Action {
        last = report
        guard !isWaiting, report != written else { return .nothing }
        if let nextAt, now < nextAt {
            isWaiting = true
            return .wait(until: nextAt)
        }
        return write(report, now)
    }

    /// The wait is over: the newest report.
    mutating func due(now: ContinuousClock.Instant) -> Action {
        isWaiting = false
        guard let last, last != written else { return .nothing }
        return write(last, now)
    }

    private mutating func write(_ report: Report, _ now: ContinuousClock.Instant) -> Action {
        nextAt = now + Self.interval
        written = report
        return .write(report)
    }
}
