internal import Glibc

/// Says how often a job is tried, and how long it waits in between.
///
/// A policy decides from its arguments alone, so that any worker, at any time, comes to the same answer; and at once, for the
/// thread that asks it may be the one that serves all of a pool's processes.
public protocol RetryPolicy: Sendable {
    /// How long a job waits whose attempt `attempt` failed; nil if that was its last.
    ///
    /// - Parameters:
    ///   - attempt: the number of the attempt that failed; the first is 1.
    ///   - randomness: uniformly distributed bits, the only source of jitter.
    func delay(afterAttempt attempt: Int, ladder: Ladder, randomness: UInt64) -> Duration?

    /// The number of the last attempt, at least 1: from it on there is no delay to be had, and before it there is.
    func maximumAttempts(ladder: Ladder) -> Int
}

extension RetryPolicy where Self == LadderRetry {
    /// Attempt n that fails waits on the ladder's rung n; the last rung also serves all attempts beyond it.
    ///
    /// - Parameter attempts: how often a job is tried in all; nil is the number of rungs and one.
    public static func ladder(attempts: Int? = nil) -> LadderRetry {
        LadderRetry(attempts: attempts)
    }
}

extension RetryPolicy where Self == ExponentialRetry {
    /// The wait is `base` after the first attempt and grows by `factor` with each, up to `maximum`.
    ///
    /// A wait that no rung states exactly costs a hop for every rung that fits in it.
    ///
    /// - Parameters:
    ///   - base: the first wait; below a millisecond it is one.
    ///   - factor: at least 1, which is what a smaller one is taken for.
    ///   - maximum: the longest wait, of at most 365 days, and never less than `base`.
    ///   - jitter: the share of a wait, from 0 to 1, of which a random part is taken away.
    ///   - attempts: how often a job is tried in all; below 1 it is 1.
    public static func exponential(
        base: Duration = .seconds(1),
        factor: Double = 2,
        maximum: Duration = .seconds(3600),
        jitter: Double = 0.2,
        attempts: Int = 10
    ) -> ExponentialRetry {
        ExponentialRetry(base: base, factor: factor, maximum: maximum, jitter: jitter, attempts: attempts)
    }
}

extension RetryPolicy where Self == NoRetry {
    /// The first attempt is the last.
    public static var never: NoRetry { NoRetry() }
}

/// See ``RetryPolicy/ladder(attempts:)``.
public struct LadderRetry: RetryPolicy, Hashable {
    private let attempts: Int?

    init(attempts: Int?) {
        self.attempts = attempts.map { max($0, 1) }
    }

    public func delay(afterAttempt attempt: Int, ladder: Ladder, randomness: UInt64) -> Duration? {
        guard attempt < maximumAttempts(ladder: ladder) else { return nil }
        return ladder.rungs[min(max(attempt, 1), ladder.rungs.count) - 1].delay
    }

    public func maximumAttempts(ladder: Ladder) -> Int {
        attempts ?? ladder.rungs.count + 1
    }
}

/// See ``RetryPolicy/exponential(base:factor:maximum:jitter:attempts:)``.
public struct ExponentialRetry: RetryPolicy, Hashable {
    private static let longest: Int64 = 365 * 86_400_000

    private let base: Double
    private let factor: Double
    private let maximum: Double
    private let jitter: Double
    private let attempts: Int

    init(base: Duration, factor: Double, maximum: Duration, jitter: Double, attempts: Int) {
        let base = min(max(base.milliseconds, 1), Self.longest)
        self.base = Double(base)
        self.maximum = Double(min(max(maximum.milliseconds, base), Self.longest))
        // Comparisons with NaN are false, so that it becomes the harmless value too.
        self.factor = factor > 1 ? factor : 1
        self.jitter = jitter > 0 ? min(jitter, 1) : 0
        self.attempts = max(attempts, 1)
    }

    public func delay(afterAttempt attempt: Int, ladder: Ladder, randomness: UInt64) -> Duration? {
        guard attempt < attempts else { return nil }
        var wait = min(base * pow(factor, Double(max(attempt, 1) - 1)), maximum)
        // 53 bits are what a Double holds exactly.
        let share = Double(randomness >> 11) / Double(1 << 53)
        wait -= wait * jitter * share
        return .milliseconds(max(Int64(wait.rounded()), 1))
    }

    public func maximumAttempts(ladder: Ladder) -> Int { attempts }
}

/// See ``RetryPolicy/never``.
public struct NoRetry: RetryPolicy, Hashable {
    public func delay(afterAttempt attempt: Int, ladder: Ladder, randomness: UInt64) -> Duration? { nil }

    public func maximumAttempts(ladder: Ladder) -> Int { 1 }
}
