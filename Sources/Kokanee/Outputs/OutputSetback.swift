internal import RdKafka

/// How often it is tried again, and told of, that outputs can't be committed.
///
/// It is pure. What passes is over within a second or two mostly; what an operator has to mend is neither asked for nor logged
/// five times a second meanwhile.
struct OutputSetback: Sendable {
    typealias Instant = ContinuousClock.Instant

    static let shortestPause = Duration.milliseconds(200)
    /// Of what passes by itself: jobs keep their slots meanwhile.
    static let usualLimit = Duration.seconds(1)
    /// Of what an operator has to mend.
    static let longestPause = Duration.seconds(10)
    /// From one word of the same error to the next.
    static let silence = Duration.seconds(60)

    private var pause = Self.shortestPause
    private var told: (code: KafkaError.Code, at: Instant)?

    /// It has failed once more.
    ///
    /// - Returns: how long to wait, and whether to tell of it.
    mutating func note(_ code: KafkaError.Code, now: Instant) -> (pause: Duration, isNews: Bool) {
        let limit = code == .transactionalIDAuthorizationFailed ? Self.longestPause : Self.usualLimit
        pause = min(pause, limit)
        defer { pause = min(pause * 2, limit) }
        if let told, told.code == code, now - told.at < Self.silence { return (pause, false) }
        told = (code, now)
        return (pause, true)
    }
}
