/// Spaces transactions so that no more jobs go back than a rate allows; without a rate nothing waits.
///
/// Time that was lost is not made up for: after a slow transaction, too, the next ones keep their distance, so that in no
/// stretch of time more goes back than the rate and one transaction.
struct SendingPace: Sendable {
    /// Transactions a second, about, where the rate allows several jobs in each.
    private static let transactionsPerSecond = 5.0

    private let rate: Rate?
    /// When the next transaction may begin.
    private var next: Duration?

    init(_ rate: Rate?) {
        self.rate = rate
    }

    /// How many jobs may go in one transaction.
    func batchSize(atMost most: Int) -> Int {
        guard let rate else { return most }
        return max(1, Int(min(Double(most), rate.perSecond / Self.transactionsPerSecond)))
    }

    /// Books a transaction of `count` jobs, and returns how long it has to wait.
    ///
    /// - Parameter now: on a monotonic clock.
    mutating func wait(for count: Int, now: Duration) -> Duration {
        guard let rate else { return .zero }
        let start = max(now, next ?? now)
        next = start + rate.duration(of: count)
        return start - now
    }
}

/// The monotonic clock by which a pace is kept.
package struct PacingClock: Sendable {
    var now: @Sendable () -> Duration
    var sleep: @Sendable (Duration) async throws -> Void

    package init(
        now: @escaping @Sendable () -> Duration,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.now = now
        self.sleep = sleep
    }

    package static var continuous: PacingClock {
        let start = ContinuousClock.now
        return PacingClock(now: { ContinuousClock.now - start }, sleep: { try await Task.sleep(for: $0) })
    }
}
