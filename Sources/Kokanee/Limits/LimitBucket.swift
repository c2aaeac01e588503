/// One count of running jobs, one bucket of tokens, and those that wait for them: of a limit, or of one of its groups.
struct LimitBucket {
    /// What a limit is, as the buckets need it.
    struct Rule: Hashable {
        /// `.max` is no bound.
        var concurrency: Int
        /// Tokens in a nanosecond over the fleet; 0 is no rate.
        var rate: Double
        var burst: Double

        init(_ limit: JobLimit) {
            concurrency = limit.concurrency ?? .max
            rate = limit.rate.map { $0.perSecond / 1e9 } ?? 0
            burst = limit.effectiveBurst
        }

        /// Nothing starts.
        static let paused = Rule(JobLimit(concurrency: 0))

        /// The most tokens that a share of the partitions can have. Less than one would never start a job.
        func capacity(share: Double) -> Double { share > 0 ? max(1, burst * share) : 0 }
    }

    struct Key: Hashable {
        var rule: Int
        /// 0 where the limit has no groups.
        var group: UInt64
        /// Of a group that lives in one partition; -1 for what all partitions share.
        var partition: Int32
    }

    /// A job that waits; those that came first go first.
    struct Waiter: Comparable {
        var stamp: UInt64
        var place: Int

        static func < (lhs: Self, rhs: Self) -> Bool { lhs.stamp < rhs.stamp }
        static func == (lhs: Self, rhs: Self) -> Bool { lhs.stamp == rhs.stamp }
    }

    /// Against sums of fractions that miss a whole by a hair.
    private static let hair = 1e-6

    let key: Key
    var rule: Rule
    /// Of the rate: all, or the worker's partitions of all.
    var share: Double
    var tokens: Double
    private var filledAt: Int64
    /// What belongs to each partition that was handed back and may come again.
    var kept = 0.0
    var running = 0
    /// Jobs that it has let go and that have not asked again: it has something in hand for each.
    var awakened = 0
    /// With those that have left, of which nobody tells it.
    var waiters = Heap<Waiter>()
    var waiting = 0
    /// Jobs in flight that it bounds.
    var references = 0
    /// For when it is listed, to be looked at: the time of its next token.
    var listedAt: Int64?

    /// Jobs started since it was last measured how many that is in a second, and what came of it, in a nanosecond.
    var starts = 0
    private var measuredAt: Int64
    private var pace = 0.0
    /// The longest that a job is sent away for, in nanoseconds, whatever is before it: a day. Where nothing starts there is no
    /// pace to tell, and all that leave would add up.
    private static let longestWait = 86_400e9
    /// Until when those that have left for a rung have their turns.
    private var outsideUntil: Int64 = .min

    init(_ key: Key, _ rule: Rule, share: Double, tokens: Double, now: Int64) {
        self.key = key
        self.rule = rule
        self.share = share
        self.tokens = min(tokens, rule.capacity(share: share))
        filledAt = now
        measuredAt = now
    }

    var capacity: Double { rule.capacity(share: share) }

    mutating func fill(now: Int64) {
        guard rule.rate > 0, now > filledAt else { return }
        tokens = min(capacity, tokens + rule.rate * share * Double(now - filledAt))
        filledAt = now
    }

    /// How many more may start now.
    var available: Int {
        var available = rule.concurrency == .max ? Int.max : rule.concurrency - running
        if rule.rate > 0 { available = min(available, Int(tokens + Self.hair)) }
        return available
    }

    /// The same, beside those that it has let go.
    var free: Int { available - awakened }

    /// When there will be a token more than those that are spoken for; nil if it is not tokens that are missing.
    var nextTokenAt: Int64? {
        guard rule.rate > 0, share > 0, rule.concurrency == .max || rule.concurrency - running > awakened else {
            return nil
        }
        let missing = Double(awakened + 1) - tokens
        guard missing > 0 else { return filledAt }
        return filledAt + Int64(min(missing / (rule.rate * share), 1e18).rounded(.up)) + 1
    }

    /// Whether one that is made anew would be as it is, but for what it remembers.
    func isIdle(now: Int64) -> Bool {
        guard references == 0, running == 0, waiting == 0, awakened == 0, kept == 0, listedAt == nil else {
            return false
        }
        return rule.rate == 0 || tokens + rule.rate * share * Double(now - filledAt) >= capacity
    }

    /// A job leaves for a rung: about how long it is until its turn comes, in nanoseconds; 0 where nobody knows.
    ///
    /// Those that leave come back one after the other, as the limit lets them start, and not all at once.
    mutating func waitOutside(now: Int64) -> Int64 {
        if now - measuredAt >= 1_000_000_000 {
            pace = max(Double(starts) / Double(now - measuredAt), pace / 2)
            (measuredAt, starts) = (now, 0)
        }
        // A little more than was seen: who comes too early only leaves again.
        let expected = rule.rate > 0 ? rule.rate * share : pace * 1.25
        guard expected > 0, rule.concurrency > 0 else { return 0 }
        let ahead = Int64(min(Double(waiting) / expected, Self.longestWait))
        let at = min(max(outsideUntil, now + ahead), now + Int64(Self.longestWait))
        outsideUntil = at + Int64(min(1 / expected, Self.longestWait))
        return at - now
    }
}
