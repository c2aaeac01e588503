/// The brokers' time, as far as a worker can know it: behind it by a round trip at most, and never ahead, whatever the
/// worker's own clock says.
///
/// A broker stamps a record when it appends it (`LogAppendTime`), and the acknowledgement brings the stamp. The append
/// came first, so that ever since the acknowledgement the broker's clock shows at least the stamp and what a monotonic
/// clock has measured from there. This is the lower bound of Cristian's algorithm (Probabilistic clock
/// synchronization, 1989); the upper one is of no use to whoever must not be early.
struct ClusterClock {
    typealias Instant = ContinuousClock.Instant

    /// Of two clocks that are disciplined by NTP, each by 500 ppm at most, one may go so much slower.
    private static let slownessPerMille: Int64 = 1
    /// After this a newer stamp is believed though it is lower: somebody may have set the brokers' clocks back.
    private static let lifetime = Duration.seconds(60)

    private var best: (stamp: Int64, at: Instant)?

    /// - Parameters:
    ///   - stamp: the broker's, in milliseconds since the epoch.
    ///   - instant: when its acknowledgement arrived, or later.
    mutating func note(_ stamp: Int64, acknowledgedAt instant: Instant) {
        if let best, let now = now(instant), instant - best.at < Self.lifetime, now > stamp { return }
        best = (stamp, instant)
    }

    /// Milliseconds since the epoch; nil before the first stamp.
    func now(_ instant: Instant) -> Int64? {
        guard let best else { return nil }
        let elapsed = max(0, (instant - best.at).milliseconds)
        return best.stamp + elapsed - (elapsed * Self.slownessPerMille + 999) / 1000
    }
}
