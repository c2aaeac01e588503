/// How far one partition of a replay's main topic has been read: from the plan's first offset to its end, past what is not
/// selected.
struct ReplayStretch {
    /// What is to be done with a record.
    enum Verdict: Equatable {
        /// It may be one that is to run.
        case consider
        /// It is none of the plan's, or stands for a job that ran here before it.
        case pass
        /// It stands behind the plan's end, as all that follow do.
        case over
    }

    let range: Range<Int64>
    /// All of the range has been read.
    private(set) var isOver: Bool
    /// Records of the range that were read.
    private(set) var scanned = 0
    /// Everything before it was read, and what of that was not selected needs nobody; nil where there is no news.
    private var passed: Int64?

    init(_ range: Range<Int64>) {
        self.range = range
        isOver = range.isEmpty
    }

    mutating func take(_ offset: Int64) -> Verdict {
        guard !isOver, offset < range.upperBound else {
            if !isOver { end() }
            return .over
        }
        guard offset >= range.lowerBound else {
            passed = offset + 1
            return .pass
        }
        scanned += 1
        return .consider
    }

    /// The record at `offset` was not selected.
    mutating func pass(_ offset: Int64) {
        passed = offset + 1
    }

    /// The log has been read to `offset`: behind the last record there may be markers and gaps.
    ///
    /// - Returns: whether the plan's end is reached by that. A log that ends before it may grow yet: a broker that has just
    ///   become a partition's leader may tell too low an end.
    mutating func reachLogEnd(_ offset: Int64) -> Bool {
        guard offset >= range.upperBound else {
            passed = max(passed ?? offset, offset)
            return false
        }
        if !isOver { end() }
        return true
    }

    /// Where the partition's watermark may go, as far as what was passed over is concerned; nil where there is no news.
    mutating func takePassed() -> Int64? {
        defer { passed = nil }
        return passed
    }

    private mutating func end() {
        isOver = true
        passed = range.upperBound
    }
}
