/// What a replay covers. It is fixed when the replay begins, whatever is enqueued or done afterwards.
public struct ReplayPlan: Sendable, Hashable, Codable {
    /// What the plan covers of one partition of the main topic.
    public struct Partition: Sendable, Hashable, Codable {
        /// Its number in the topic.
        public var partition: Int32
        /// The first offset.
        public var from: Int64
        /// The offset behind the last one; `from` where the range holds nothing.
        public var to: Int64
        /// Records that were asked for, and that retention had taken when the plan was made: at most so many where the
        /// range is one of time.
        public var lostToRetention: Int64
        /// What was counted; nil where nobody looked.
        public var count: Count?

        /// Offsets that it covers: gaps, such as transactions' markers, count as well.
        public var records: Int64 { to - from }

        public init(partition: Int32, from: Int64, to: Int64, lostToRetention: Int64 = 0, count: Count? = nil) {
            self.partition = partition
            self.from = from
            self.to = max(from, to)
            self.lostToRetention = lostToRetention
            self.count = count
        }
    }

    /// What a scan of a range found.
    public struct Count: Sendable, Hashable, Codable {
        /// Records that are there.
        public var scanned: Int64 = 0
        /// Those that are selected.
        public var matched: Int64 = 0
        /// Keys and payloads of those that are selected.
        public var bytes: Int64 = 0

        public init(scanned: Int64 = 0, matched: Int64 = 0, bytes: Int64 = 0) {
            self.scanned = scanned
            self.matched = matched
            self.bytes = bytes
        }
    }

    /// The replay's; see ``ReplayID``.
    public var id: String
    /// The live queue whose history it is.
    public var queue: String
    /// What of the ranges is meant; ids of a list are in the listed offsets instead.
    public var selection: Selection
    /// In the order of their numbers.
    public var partitions: [Partition]
    /// What it did where a range was unusual, in sentences for people.
    public var notes: [String]
    /// The selected offsets are listed in the queue's state topic, since they can't be told from the records alone.
    public var hasListedOffsets: Bool
    /// When it was made, in milliseconds since the epoch: what was due only later is left to live work. Nil of a plan that
    /// does not say, which covers that as well.
    public var at: Int64?

    public init(
        id: String,
        queue: String,
        selection: Selection,
        partitions: [Partition],
        notes: [String] = [],
        hasListedOffsets: Bool = false,
        at: Int64? = nil
    ) {
        self.id = id
        self.queue = queue
        self.selection = selection
        self.partitions = partitions
        self.notes = notes
        self.hasListedOffsets = hasListedOffsets
        self.at = at
    }

    /// What it covers, by partition.
    var ranges: [Int32: Range<Int64>] {
        Dictionary(partitions.map { ($0.partition, $0.from..<$0.to) }) { first, _ in first }
    }

    /// Offsets that the plan covers.
    public var records: Int64 { partitions.reduce(0) { $0 + $1.records } }
    /// Records of all partitions that retention had taken when the plan was made.
    public var lostToRetention: Int64 { partitions.reduce(0) { $0 + $1.lostToRetention } }

    /// What all partitions hold; nil where not all were looked at.
    public var count: Count? {
        var total = Count()
        for partition in partitions {
            guard let count = partition.count else { return nil }
            total.scanned += count.scanned
            total.matched += count.matched
            total.bytes += count.bytes
        }
        return total
    }
}
