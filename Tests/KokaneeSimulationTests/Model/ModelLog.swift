/// One partition's log: records at rising offsets, with gaps where compaction or a transaction's marker was.
struct ModelLog {
    /// All that ever were, also those that retention took.
    private(set) var records: [ModelRecord] = []
    /// The lowest offset that there is.
    private(set) var start: Int64 = 0
    /// The offset of the next record, as far as it follows at once.
    private(set) var end: Int64 = 0
    /// What a worker has reported as taken by retention.
    var reported: [Range<Int64>] = []

    /// What retention took before the group had committed anything, or where the worker could not ask what it had:
    /// nobody can know whether that was ever to be worked.
    private(set) var unknown: Range<Int64> = 0..<0

    mutating func noteUnknown(upTo offset: Int64) {
        unknown = 0..<max(unknown.upperBound, min(start, offset))
    }

    /// Where the open transaction begins, past which nobody reads who wants to see only what is committed.
    var heldFrom: Int64?

    var readable: Int64 { heldFrom ?? end }

    mutating func append(_ record: ModelRecord) {
        records.append(record)
        end = record.place.offset + 1
    }

    /// Leaves offsets out.
    mutating func skip(_ count: Int64) { end += count }

    /// They were of a transaction that was aborted: readers pass over them.
    mutating func takeBack(_ aborted: [ModelRecord]) {
        records.removeAll { record in aborted.contains { $0 === record } }
    }

    /// Retention: everything below `offset` goes.
    mutating func cut(below offset: Int64) {
        for record in records[index(of: start)..<index(of: offset)] {
            record.isCut = true
            if !record.isFinished { record.job.lost += 1 }
        }
        start = max(start, offset)
    }

    /// The first record at or above an offset, by its place in ``records``.
    func index(of offset: Int64) -> Int {
        var (low, high) = (0, records.count)
        while low < high {
            let middle = (low + high) / 2
            if records[middle].place.offset < offset { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
