import Testing

@testable import KokaneeBench

struct HistogramTests {
    /// Values of every magnitude, and those beside the buckets' bounds.
    static let values: [UInt64] =
        Array(0..<100) + Array(2000..<2100) + Array(4050..<4150)
        + (11..<64).flatMap { bit in
            let power = UInt64(1) << UInt64(bit)
            return [power - 1, power, power + 1, power + power / 2, power + power / 3]
        } + [.max, .max - 1]

    @Test("a value is known to three significant digits, whatever its size, and never too low")
    func error() {
        for value in Self.values {
            var histogram = Histogram()
            histogram.record(value)
            // A larger one beside it, or the exact maximum would hide the bucket's width.
            histogram.record(.max)
            let found = histogram.value(atPercentile: 50)
            #expect(found >= value)
            #expect(Double(found - value) <= Double(value) * Histogram.relativeError, "\(found) for \(value)")
        }
    }

    @Test("buckets follow each other without a gap")
    func buckets() {
        var next: UInt64 = 0
        var wrong: [Int] = []
        for bucket in 0..<20_000 {
            let last = Histogram.last(ofBucket: bucket)
            if Histogram.index(of: next) != bucket || Histogram.index(of: last) != bucket { wrong.append(bucket) }
            next = last + 1
        }
        #expect(wrong == [])
    }

    @Test("percentiles of values below 2048 are exact")
    func small() {
        var histogram = Histogram()
        for value in (1...1000).reversed() { histogram.record(UInt64(value)) }
        #expect(histogram.value(atPercentile: 50) == 500)
        #expect(histogram.value(atPercentile: 99) == 990)
        #expect(histogram.value(atPercentile: 99.9) == 999)
        #expect(histogram.value(atPercentile: 100) == 1000)
        #expect(histogram.value(atPercentile: 0) == 1)
        #expect(histogram.mean == 500.5)
        #expect(histogram.maximum == 1000)
    }

    @Test("a percentile is never above the largest value")
    func maximum() {
        var histogram = Histogram()
        histogram.record(1_000_001)
        #expect(histogram.value(atPercentile: 100) == 1_000_001)
        #expect(histogram.value(atPercentile: 50) == 1_000_001)
    }

    @Test("merged histograms are as one that recorded everything")
    func merging() {
        var whole = Histogram()
        var parts = [Histogram(), Histogram(), Histogram()]
        for (index, value) in Self.values.enumerated() {
            whole.record(value, times: UInt64(index % 4))
            parts[index % 3].record(value, times: UInt64(index % 4))
        }
        var merged = Histogram()
        for part in parts { merged.merge(part) }
        #expect(merged.count == whole.count)
        #expect(merged.maximum == whole.maximum)
        for percent in stride(from: 0.0, through: 100, by: 0.5) {
            #expect(merged.value(atPercentile: percent) == whole.value(atPercentile: percent))
        }
    }

    @Test("an empty histogram has nothing to say")
    func empty() {
        let histogram = Histogram()
        #expect(histogram.value(atPercentile: 99) == 0)
        #expect(histogram.mean == 0)
        #expect(histogram.maximum == 0)
    }
}
