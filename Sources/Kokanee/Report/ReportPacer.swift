/// Decides when a worker reports: at once where its health or a circuit has changed, or how far it is with what an
/// operator wants, else every 10 seconds.
struct ReportPacer {
    /// What of a report is news.
    struct Essence: Equatable {
        var health: Health.Level
        var kinds: Set<Alert.Kind>
        var circuit: QueueStatus.Circuit
        var hold: WorkerReport.Hold?
        /// Whether it tells of jobs that take long; of which, waits for the next report.
        var hasLongJobs = false
    }

    static let interval = Duration.seconds(10)
    /// After a refusal: each refused record costs an idempotent producer a new epoch.
    private var pause = GrowingPause(from: .seconds(60), to: .seconds(600))
    private var resumesAt = Duration.zero

    private var reported: Essence?
    private var reportedAt = Duration.zero
    private var isUnderWay = false

    /// Whether to report now; if so, ``ended(isRefused:time:)`` is to follow.
    mutating func shouldReport(_ essence: Essence, time: Duration) -> Bool {
        guard !isUnderWay, !pause.isGrowing || time >= resumesAt else { return false }
        guard essence != reported || time >= reportedAt + Self.interval else { return false }
        reported = essence
        reportedAt = time
        isUnderWay = true
        return true
    }

    /// The broker has taken the report, or has not. True if that is a refusal to be told: the first in a row.
    mutating func ended(isRefused: Bool, time: Duration) -> Bool {
        isUnderWay = false
        guard isRefused else {
            pause.reset()
            return false
        }
        let isFirst = !pause.isGrowing
        resumesAt = time + pause.next()
        return isFirst
    }
}
