/// Bounds how many jobs of a replay start in a second: a bucket that fills at the asked rate, and holds a tenth of a
/// second's jobs, or one.
struct ReplayPace {
    /// Jobs a second; nil is without limit.
    private(set) var rate: Double?
    private var tokens = 1.0
    private var filledAt: Duration
    /// The control topic may hold any number. Below the slowest nothing ever starts, and above the fastest a rate is none.
    private static let slowest = 1e-9
    private static let fastest = 1e9

    /// - Parameter now: time since any fixed instant.
    init(now: Duration) {
        filledAt = now
    }

    /// What was saved up at the old rate is kept as far as the new one allows.
    mutating func set(_ rate: Double?, now: Duration) {
        fill(now)
        self.rate = rate.map { $0 >= Self.slowest ? min($0, Self.fastest) : 0 }
        tokens = min(tokens, capacity)
    }

    /// How many jobs may start now; nil is any number.
    mutating func allowance(now: Duration) -> Int? {
        guard rate != nil else { return nil }
        fill(now)
        return Int(tokens)
    }

    /// So many have been taken in; below 0 is that they were given back.
    mutating func take(_ count: Int) {
        guard rate != nil else { return }
        tokens -= Double(count)
    }

    /// How long until a job may start, as of the last look; nil where one may now, or never.
    var untilNext: Duration? {
        guard let rate, rate > 0, tokens < 1 else { return nil }
        return .seconds((1 - tokens) / rate)
    }

    private var capacity: Double { max(1, (rate ?? 0) / 10) }

    private mutating func fill(_ now: Duration) {
        defer { filledAt = now }
        guard let rate, now > filledAt else { return }
        tokens = min(capacity, tokens + rate * ((now - filledAt) / .seconds(1)))
    }
}
