extension Duration {
    /// The duration in milliseconds as librdkafka takes them: rounded up, and clamped to what it can hold.
    var wholeMilliseconds: Int32 {
        let (seconds, attoseconds) = components
        guard seconds < 2_000_000 else { return 2_000_000_000 }
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        return Int32(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}

/// When something has to be done, for calls that take what is left of a timeout.
struct Deadline: Sendable {
    private let end: ContinuousClock.Instant

    init(after timeout: Duration) {
        end = .now + timeout
    }

    var remaining: Duration { max(.zero, ContinuousClock.now.duration(to: end)) }
    var isOver: Bool { remaining == .zero }
}
