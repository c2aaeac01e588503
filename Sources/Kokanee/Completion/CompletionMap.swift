/// The offsets of one partition that are finished beyond its committed offset.
///
/// It rides in the commit's metadata, so that after a crash they don't run again. On the wire it is a sequence of
/// unsigned LEB128 numbers: the distance from the committed offset to the first run's start, its length, the distance
/// from its end to the next run's start, and so on.
struct CompletionMap: Equatable {
    /// Disjoint, rising, none empty, no two adjacent.
    private(set) var runs: [Range<Int64>] = []

    var isEmpty: Bool { runs.isEmpty }
    /// Finished offsets in it.
    var count: Int64 { runs.reduce(0) { $0 + Int64($1.count) } }

    init() {}

    /// - Parameter runs: rising; empty ones are dropped and adjacent ones joined.
    init(runs: some Sequence<Range<Int64>>) {
        for run in runs { append(run) }
    }

    /// Adds a run that starts at or above the last one's end.
    mutating func append(_ run: Range<Int64>) {
        guard !run.isEmpty else { return }
        if let last = runs.last, last.upperBound == run.lowerBound {
            runs[runs.count - 1] = last.lowerBound..<run.upperBound
        } else {
            runs.append(run)
        }
    }

    func contains(_ offset: Int64) -> Bool {
        var low = 0
        var high = runs.count
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].upperBound <= offset { low = middle + 1 } else { high = middle }
        }
        return low < runs.count && runs[low].contains(offset)
    }
}

extension CompletionMap {
    /// The bytes, `limit` at most: the highest runs are left out where they don't fit, and would run again.
    func encoded(above committed: Int64, limit: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var end = committed
        for run in runs {
            let before = bytes.count
            Self.append(UInt64(run.lowerBound - end), to: &bytes)
            Self.append(UInt64(run.count), to: &bytes)
            guard bytes.count <= limit else {
                bytes.removeLast(bytes.count - before)
                break
            }
            end = run.upperBound
        }
        return bytes
    }

    /// Nil for bytes that no map has: cut short, a run of no length, offsets beyond 2⁶³-1.
    init?(decoding bytes: [UInt8], above committed: Int64) {
        var rest = bytes[...]
        var end = committed
        while !rest.isEmpty {
            guard let gap = Self.number(from: &rest), let length = Self.number(from: &rest), length > 0,
                let gap = Int64(exactly: gap), let length = Int64(exactly: length)
            else { return nil }
            let (start, startOverflows) = end.addingReportingOverflow(gap)
            let (newEnd, endOverflows) = start.addingReportingOverflow(length)
            guard !startOverflows, !endOverflows else { return nil }
            append(start..<newEnd)
            end = newEnd
        }
    }

    private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private static func number(from bytes: inout ArraySlice<UInt8>) -> UInt64? {
        var result: UInt64 = 0
        var shift: UInt64 = 0
        while let byte = bytes.popFirst() {
            guard shift < 63 || (shift == 63 && byte <= 1) else { return nil }
            result |= UInt64(byte & 0x7F) << shift
            guard byte & 0x80 != 0 else { return result }
            shift += 7
        }
        return nil
    }
}
