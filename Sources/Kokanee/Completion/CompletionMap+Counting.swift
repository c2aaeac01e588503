extension CompletionMap {
    /// How many of the offsets in `range` are finished.
    func count(in range: Range<Int64>) -> Int64 {
        runs.reduce(0) { $0 + Int64($1.clamped(to: range).count) }
    }

    /// The lowest offset at or above `start` that is not finished.
    func firstUnfinished(from start: Int64) -> Int64 {
        var offset = start
        for run in runs where run.contains(offset) { offset = run.upperBound }
        return offset
    }
}
