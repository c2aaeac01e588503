internal import RdKafka
internal import Synchronization

/// Until when jobs may begin without a look at the leases; see ``Lease``. Runners read it before each job, without a lock.
final class StartLimit: Sendable {
    private let nanoseconds = Atomic(Int64.max)

    /// - Parameter instant: nil is for ever.
    func set(_ instant: ContinuousClock.Instant?) {
        nanoseconds.store(instant.map { MonotonicTime.nanoseconds(of: $0) } ?? .max, ordering: .releasing)
    }

    func allows(_ now: Int64) -> Bool { now < nanoseconds.load(ordering: .acquiring) }

    /// Whether a job that has waited for something since its runner asked may begin now.
    var allowsNow: Bool { allows(MonotonicTime.nanoseconds) }

    /// How long such a job waits before it asks again.
    static let pause = Duration.milliseconds(10)
}
