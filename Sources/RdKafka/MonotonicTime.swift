internal import CRdKafka

/// The clock of `ContinuousClock` as a number of nanoseconds, for what is asked so often that it has to be cheap.
package enum MonotonicTime {
    package static var nanoseconds: Int64 { crdkafka_boot_nanoseconds() }

    /// The same moment on this scale.
    package static func nanoseconds(of instant: ContinuousClock.Instant) -> Int64 {
        let (seconds, attoseconds) = (instant - origin.instant).components
        return origin.nanoseconds + seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }

    /// One moment on both scales, which on Linux are the same clock's.
    private static let origin = (instant: ContinuousClock.now, nanoseconds: nanoseconds)
}
