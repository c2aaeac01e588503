/// Where the engine's shell gets its time from; decisions get it as a value.
struct EngineClock: Sendable {
    /// Milliseconds since the epoch, for what is due.
    var wall: @Sendable () -> Int64
    /// For timeouts and pauses, whatever happens to the wall clock.
    var monotonic: @Sendable () -> ContinuousClock.Instant

    static let system = EngineClock(
        wall: { Timestamp.now },
        monotonic: { .now }
    )
}
