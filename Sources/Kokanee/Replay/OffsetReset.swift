/// A plan to move a group's offsets in a queue's main topic: from where to where, and what that means.
public struct OffsetReset: Sendable, Hashable {
    /// Where the offsets are to be, in the words of `kafka-consumer-groups --reset-offsets`.
    public struct Target: Sendable, Hashable {
        enum Kind: Sendable, Hashable {
            case earliest
            case latest
            case time(Int64)
            case offset(Int64)
            case shift(Int64)
            case exactly([Int32: Int64?])
        }

        let kind: Kind

        /// The first record that the log has.
        public static let earliest = Target(kind: .earliest)
        /// Behind the last record.
        public static let latest = Target(kind: .latest)
        /// The first record at or after a time, in milliseconds since the epoch; the end where there is none.
        public static func time(_ milliseconds: Int64) -> Target { Target(kind: .time(milliseconds)) }
        /// The same offset in every partition.
        public static func offset(_ offset: Int64) -> Target { Target(kind: .offset(offset)) }
        /// So far on from where the group is, back where it is negative. Every partition must have an offset.
        public static func shift(by distance: Int64) -> Target { Target(kind: .shift(distance)) }
        /// These offsets for these partitions, nil for none at all; other partitions stay as they are.
        public static func exactly(_ offsets: [Int32: Int64?]) -> Target { Target(kind: .exactly(offsets)) }
    }

    /// Why a partition does not get the offset that was asked for.
    public enum Clamping: Sendable, Hashable {
        /// The log begins only after it: retention took so many of the records that were asked for.
        case raisedToStart(lost: Int64)
        /// The log ends before it, by so many offsets.
        case loweredToEnd(by: Int64)
    }

    public struct Partition: Sendable, Hashable {
        public let partition: Int32
        /// What the group has committed; nil for nothing, which is a start at the earliest record.
        public let old: Int64?
        /// What it is to have.
        public let new: Int64?
        public let clamping: Clamping?
        /// Records that were finished and will run again.
        public let runsAgain: Int64
        /// Records that were not finished and will not run.
        public let skipped: Int64
        /// The old commit has metadata, such as a completion map, which the reset takes away.
        let hadMetadata: Bool

        var changesNothing: Bool { old == new && !hadMetadata }
    }

    public let queue: Queue
    /// The partitions that the target is about, in their order.
    public let partitions: [Partition]

    public var runsAgain: Int64 { partitions.reduce(0) { $0 + $1.runsAgain } }
    public var skipped: Int64 { partitions.reduce(0) { $0 + $1.skipped } }
    /// Records that were asked for and that retention has taken.
    public var lostToRetention: Int64 {
        partitions.reduce(0) { sum, partition in
            guard case .raisedToStart(let lost)? = partition.clamping else { return sum }
            return sum + lost
        }
    }
    /// Every partition is where it is to be.
    public var changesNothing: Bool { partitions.allSatisfy(\.changesNothing) }

    /// As ``ReplayRecord`` tells of it.
    public var moves: [ReplayRecord.Move] {
        partitions.map { .init(partition: $0.partition, old: $0.old, new: $0.new) }
    }

    /// The target that brings the old offsets back. What the group had finished beyond them is not brought back.
    public var undo: Target {
        .exactly(Dictionary(uniqueKeysWithValues: partitions.map { ($0.partition, $0.old) }))
    }
}

extension OffsetReset {
    /// What is known of a partition when the plan is made.
    struct Log {
        let low: Int64
        let end: Int64
        let old: Int64?
        let completed: CompletionMap
        let hadMetadata: Bool
        /// Where a target by time is; nil for other targets.
        let atTime: Int64?

        init(
            low: Int64,
            end: Int64,
            old: Int64?,
            completed: CompletionMap = CompletionMap(),
            hadMetadata: Bool = false,
            atTime: Int64? = nil
        ) {
            self.low = low
            self.end = max(low, end)
            self.old = old
            self.completed = completed
            self.hadMetadata = hadMetadata
            self.atTime = atTime
        }
    }

    /// Plans a reset.
    ///
    /// - Throws: ``ResetError`` for a shift from no offset; ``InputError`` for partitions that the queue does not have.
    init(_ target: Target, of queue: Queue, _ logs: [Int32: Log]) throws {
        self.queue = queue
        if case .exactly(let offsets) = target.kind, let unknown = offsets.keys.filter({ logs[$0] == nil }).min() {
            throw InputError("queue \(queue.name) has no partition \(unknown)")
        }
        let lacking = logs.filter { $0.value.old == nil }.keys.sorted()
        if case .shift = target.kind, !lacking.isEmpty {
            // As Kafka's tool: nothing says where such a partition is to be shifted from.
            throw ResetError(
                "can't shift: group \(queue.group) has no offset in partition\(lacking.count > 1 ? "s" : "") "
                    + "\(PartitionRanges.text(lacking)); --to-earliest or --to-offset sets one"
            )
        }
        partitions = logs.sorted { $0.key < $1.key }.compactMap { partition, log in
            switch target.kind {
            case .earliest: Partition(partition, log, log.low)
            case .latest: Partition(partition, log, log.end)
            case .time: Partition(partition, log, log.atTime ?? log.end)
            case .offset(let offset): Partition(partition, log, offset)
            case .shift(let distance):
                Partition(partition, log, (log.old ?? 0).addingSaturating(distance))
            case .exactly(let offsets):
                switch offsets[partition] {
                case nil: nil
                case .some(let offset): Partition(partition, log, offset, keepsBelowStart: true)
                }
            }
        }
    }
}

extension OffsetReset.Partition {
    /// - Parameter keepsBelowStart: leave an offset below the log's start as it is: a worker begins at the start
    ///   then, and an undo restores what there was to the letter.
    fileprivate init(
        _ partition: Int32,
        _ log: OffsetReset.Log,
        _ requested: Int64?,
        keepsBelowStart: Bool = false
    ) {
        self.partition = partition
        old = log.old
        hadMetadata = log.hadMetadata
        switch requested {
        case nil:
            new = nil
            clamping = nil
        case .some(let offset) where offset < log.low:
            let lost = log.low - max(0, offset)
            new = keepsBelowStart ? max(0, offset) : log.low
            clamping = lost > 0 || offset < 0 ? .raisedToStart(lost: lost) : nil
        case .some(let offset) where offset > log.end:
            new = log.end
            clamping = .loweredToEnd(by: offset - log.end)
        case .some(let offset):
            new = offset
            clamping = nil
        }
        // Where a worker would begin, before and after.
        let before = Self.start(log.old, log)
        let after = Self.start(new, log)
        let finishedBeyond = log.completed.count(in: max(before, after)..<max(log.end, before, after))
        runsAgain = max(0, before - after) + finishedBeyond
        skipped =
            after > before ? after - before - log.completed.count(in: before..<after) : 0
    }

    private static func start(_ offset: Int64?, _ log: OffsetReset.Log) -> Int64 {
        guard let offset, (log.low...log.end).contains(offset) else { return log.low }
        return offset
    }
}

extension Int64 {
    fileprivate func addingSaturating(_ other: Int64) -> Int64 {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? (other < 0 ? .min : .max) : sum
    }
}
