/// Which offsets of one partition are finished: the watermark that may be committed, and the map of what is
/// finished beyond it.
///
/// It knows only the records that it has been shown. An offset that the log skips (compacted away, a transaction's
/// marker) is no record, and nobody waits for it.
struct CompletionTracker {
    /// What is to be done with a record that has been read.
    enum Admission: Equatable {
        /// It has to run; the number is its name in ``finish(_:)``.
        case run(Int)
        /// It was finished before this assignment: the map said so.
        case finishedBefore
        /// It lies below what has been read: the log was cut and written anew, or somebody sought. Start afresh.
        case regressed
    }

    /// One record read and above the watermark: its offset, shifted left, and whether it is finished, in the low bit.
    private struct Entry {
        private var bits: Int64

        init(offset: Int64, isFinished: Bool) {
            bits = offset << 1 | (isFinished ? 1 : 0)
        }

        var offset: Int64 { bits >> 1 }
        var isFinished: Bool {
            get { bits & 1 == 1 }
            set { bits = offset << 1 | (newValue ? 1 : 0) }
        }
    }

    private var entries = Fifo<Entry>()
    /// The number of the first entry.
    private var firstNumber = 0
    private let restored: CompletionMap
    /// The next offset to be read; nil before the first record where nothing is committed.
    private(set) var position: Int64?
    /// Admitted records that are not finished.
    private(set) var unfinished = 0

    /// - Parameters:
    ///   - committed: where the group's commit says to start; nil where there is none.
    ///   - restored: what the commit's metadata says is finished beyond it.
    init(committed: Int64?, restored: CompletionMap = CompletionMap()) {
        position = committed
        self.restored = restored
    }

    /// Every record below it is finished; nil before anything is known.
    var watermark: Int64? { entries.first?.offset ?? position }

    /// Offsets from the watermark to the next one to be read.
    var gap: Int64 {
        guard let position, let first = entries.first else { return 0 }
        return position - first.offset
    }

    /// Takes note of the record at `offset`; records come in the log's order.
    mutating func admit(_ offset: Int64) -> Admission {
        guard !regresses(to: offset) else { return .regressed }
        position = offset + 1
        let isFinished = restored.contains(offset)
        // Nothing to wait for below it: the watermark has passed it with the position.
        if isFinished, entries.isEmpty { return .finishedBefore }
        entries.append(Entry(offset: offset, isFinished: isFinished))
        guard !isFinished else { return .finishedBefore }
        unfinished += 1
        return .run(firstNumber + entries.count - 1)
    }

    /// Whether a record lies below what has been read; see ``Admission/regressed``.
    func regresses(to offset: Int64) -> Bool {
        if let position { offset < position } else { false }
    }

    /// The partition has been read to `offset`, and there is no record between the last one and it.
    mutating func reachEnd(_ offset: Int64) {
        position = max(position ?? offset, offset)
    }

    /// Marks an admitted record as finished: completed, discarded, or durably hopped. Twice is once.
    ///
    /// - Returns: whether the watermark has moved.
    @discardableResult
    mutating func finish(_ number: Int) -> Bool {
        let index = number - firstNumber
        guard index >= 0, index < entries.count, !entries[index].isFinished else { return false }
        entries[index].isFinished = true
        unfinished -= 1
        guard index == 0 else { return false }
        while let first = entries.first, first.isFinished {
            _ = entries.popFirst()
            firstNumber += 1
        }
        return true
    }

    /// How many offsets of a range the map named that this assignment began with.
    func finishedBefore(in range: Range<Int64>) -> Int64 { restored.count(in: range) }

    /// What is finished above the watermark. What the log skips between two finished records counts with them.
    var completionMap: CompletionMap {
        var map = CompletionMap()
        var start: Int64?
        for index in 0..<entries.count {
            let entry = entries[index]
            if entry.isFinished {
                start = start ?? entry.offset
            } else if let runStart = start {
                map.append(runStart..<entry.offset)
                start = nil
            }
        }
        if let start, let position { map.append(start..<position) }
        // What the last assignment finished further up, and this one has not read yet.
        if let position {
            for run in restored.runs where run.upperBound > position {
                map.append(max(run.lowerBound, position)..<run.upperBound)
            }
        }
        return map
    }
}
