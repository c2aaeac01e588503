/// How often which durations occurred, within 3 %, however many they are.
struct DurationHistogram {
    /// A power of two is cut in 32 steps.
    private static let steps = 32
    private static let stepBits = 5

    private var counts: [Int] = []
    private(set) var count = 0
    private(set) var longest = 0

    /// - Parameter nanoseconds: a negative one is none at all.
    mutating func note(_ nanoseconds: Int) {
        let value = max(0, nanoseconds)
        let bucket = Self.bucket(of: value)
        if counts.count <= bucket { counts.append(contentsOf: repeatElement(0, count: bucket + 1 - counts.count)) }
        counts[bucket] += 1
        count += 1
        longest = max(longest, value)
    }

    /// The least duration, in nanoseconds, that a share of all do not exceed; 0 where there are none.
    func quantile(_ share: Double) -> Int {
        let rank = Int((Double(count) * share).rounded(.up))
        var seen = 0
        for (bucket, count) in counts.enumerated() where count > 0 {
            seen += count
            if seen >= rank { return min(Self.middle(of: bucket), longest) }
        }
        return longest
    }

    private static func bucket(of value: Int) -> Int {
        guard value >= steps else { return value }
        let shift = Int.bitWidth - 1 - value.leadingZeroBitCount - stepBits
        return (shift + 1) * steps + (value >> shift) - steps
    }

    private static func middle(of bucket: Int) -> Int {
        guard bucket >= steps else { return bucket }
        let shift = bucket / steps - 1
        return ((steps + bucket % steps) << shift) + (1 << shift) / 2
    }
}
