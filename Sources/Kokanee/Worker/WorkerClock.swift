internal import RdKafka

/// Where a worker's shell gets the time from; decisions get it as a value.
///
/// What is due is told by the brokers' clock, which all workers share, as soon as an acknowledgement has brought a stamp
/// of it. Clusters whose topics keep the producers' times instead leave the machine's own clock.
final class WorkerClock: Sendable {
    private enum Source {
        /// Nobody knows yet whether the brokers tell their time.
        case unknown
        case brokers(ClusterClock)
        case machine
    }

    private let source = BargingLock(Source.unknown)

    /// For timeouts and pauses, whatever happens to the wall clock.
    func monotonic() -> ContinuousClock.Instant { .now }

    /// Milliseconds since the epoch, for what is due.
    func wall() -> Int64 { both().wall }

    /// The present moment by both, with one look at the monotonic one.
    func both() -> (monotonic: ContinuousClock.Instant, wall: Int64) {
        let now = ContinuousClock.now
        return (now, brokers?.now(now) ?? Timestamp.now)
    }

    /// The brokers' time; nil where they don't tell it.
    private var brokers: ClusterClock? {
        source.withLock { source in
            guard case .brokers(let clock) = source else { return nil }
            return clock
        }
    }

    /// Whether it is known whose time is to be told. Until then nothing that is due at a time may start.
    var isSettled: Bool {
        source.withLock { source in
            if case .unknown = source { return false }
            return true
        }
    }

    /// By how many milliseconds the machine's clock is ahead of the brokers', at most a round trip less than this;
    /// nil where their time is not known.
    var lead: Int64? {
        brokers?.now(.now).map { Timestamp.now - $0 }
    }

    /// A record has been acknowledged just now, or a moment ago.
    func note(_ delivery: Delivery) {
        let now = ContinuousClock.now
        source.withLock { note(delivery.timestamp, delivery.timestampType, now, &$0) }
    }

    /// Those of the records that have been acknowledged, were so just now.
    func note(_ records: [SettledRecord]) {
        let now = ContinuousClock.now
        source.withLock { source in
            for record in records where record.error == nil {
                note(record.timestamp, record.timestampType, now, &source)
            }
        }
    }

    private func note(
        _ timestamp: Int64,
        _ type: Record.TimestampType,
        _ now: ContinuousClock.Instant,
        _ source: inout Source
    ) {
        guard type == .logAppendTime, timestamp >= 0 else { return }
        var clock = ClusterClock()
        if case .brokers(let known) = source { clock = known }
        clock.note(timestamp, acknowledgedAt: now)
        source = .brokers(clock)
    }

    /// The brokers don't tell their time, as far as anybody can find out: the machine's clock has to do, until they do.
    ///
    /// - Returns: whether nothing better was known.
    func settleForMachine() -> Bool {
        source.withLock { source in
            guard case .unknown = source else { return false }
            source = .machine
            return true
        }
    }
}
