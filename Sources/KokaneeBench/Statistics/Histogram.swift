/// Counts values in buckets that are fine where values are small and coarse where they are large, as HdrHistogram does:
/// every value is known to three significant digits, whatever its size, and nothing is sampled or forgotten.
///
/// Values below 2048 have a bucket each. From there on each doubling has 1024 buckets of equal width, so that a bucket is at
/// most 1/1024 of its values wide. Recording is an increment; two histograms are merged without any loss.
package struct Histogram: Sendable {
    /// A bucket's width is at most this share of the values in it.
    package static let relativeError = 1.0 / 1024
    private static let bits = 11
    private static let linear: UInt64 = 1 << 11
    private static let half = 1 << 10

    private var counts: [UInt64] = []
    package private(set) var count: UInt64 = 0
    /// Exact; 0 where nothing was recorded.
    package private(set) var maximum: UInt64 = 0
    private var sum = 0.0

    package init() {}

    /// Nanoseconds, or whatever the unit is.
    package mutating func record(_ value: UInt64, times: UInt64 = 1) {
        guard times > 0 else { return }
        let index = Self.index(of: value)
        if index >= counts.count {
            counts.append(contentsOf: repeatElement(0, count: index + 1 - counts.count))
        }
        counts[index] += times
        count += times
        sum += Double(value) * Double(times)
        maximum = max(maximum, value)
    }

    package mutating func merge(_ other: Histogram) {
        if other.counts.count > counts.count {
            counts.append(contentsOf: repeatElement(0, count: other.counts.count - counts.count))
        }
        for index in other.counts.indices { counts[index] += other.counts[index] }
        count += other.count
        sum += other.sum
        maximum = max(maximum, other.maximum)
    }

    /// 0 where nothing was recorded.
    package var mean: Double { count == 0 ? 0 : sum / Double(count) }

    /// The least value that at least `percent` of the recorded ones do not exceed, up to the bucket's width: it is never
    /// below the true one, and at most ``relativeError`` above it. 0 where nothing was recorded.
    package func value(atPercentile percent: Double) -> UInt64 {
        guard count > 0 else { return 0 }
        let wanted = min(count, max(1, UInt64((Double(count) * percent / 100).rounded(.up))))
        var seen: UInt64 = 0
        for (index, number) in counts.enumerated() {
            seen += number
            if seen >= wanted { return min(Self.last(ofBucket: index), maximum) }
        }
        return maximum
    }

    static func index(of value: UInt64) -> Int {
        guard value >= linear else { return Int(value) }
        let shift = UInt64.bitWidth - value.leadingZeroBitCount - bits
        return Int(linear) + (shift - 1) * half + Int(value >> UInt64(shift)) - half
    }

    /// The largest value that a bucket counts.
    static func last(ofBucket index: Int) -> UInt64 {
        guard index >= Int(linear) else { return UInt64(index) }
        let shift = UInt64((index - Int(linear)) / half + 1)
        let part = UInt64((index - Int(linear)) % half + half)
        return part << shift | (1 << shift - 1)
    }
}
