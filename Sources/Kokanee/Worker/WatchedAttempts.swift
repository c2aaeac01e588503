internal import RdKafka

/// Names one life of a runner.
struct RunnerGeneration: Hashable, Sendable {
    var index: Int
    var generation: Int
}

/// An attempt that ignored its cancellation.
struct AbandonedAttempt: Sendable {
    var content: JobContent
    var startedAt: ContinuousClock.Instant
}

/// A hop that failed and goes on being tried.
struct HopTrouble: Sendable {
    /// When it failed first.
    var since: ContinuousClock.Instant
    var tries: Int
    var error: KafkaError
}
