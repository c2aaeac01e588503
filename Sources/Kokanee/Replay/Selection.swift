/// Which jobs of a queue's history are meant; everything that is set has to hold.
public struct Selection: Sendable, Hashable, Codable {
    /// Which time of a record a range is about.
    public enum Clock: String, Sendable, Hashable, Codable {
        /// The record's timestamp: the broker's or the producer's, as the topic has it.
        case record
        /// `ce_time`: when the job's producer says that it happened.
        case event
    }

    /// A stretch of one partition.
    public struct Stretch: Sendable, Hashable, Codable {
        public var partition: Int32
        /// The first offset; nil is the log's start.
        public var from: Int64?
        /// The offset behind the last one; nil is the log's end.
        public var to: Int64?

        public init(partition: Int32, from: Int64?, to: Int64?) {
            self.partition = partition
            self.from = from
            self.to = to
        }
    }

    /// The earliest time, in milliseconds since the epoch; nil is the beginning.
    public var from: Int64?
    /// The first time that is too late; nil is now.
    public var to: Int64?
    public var clock = Clock.record
    /// Nil is all of them.
    public var partitions: [Int32]?
    /// Nil is all offsets of all partitions; else partitions that are not named are left out.
    public var stretches: [Stretch]?
    /// Any of these; empty is all.
    public var types: [String] = []
    /// Any of these versions of the payload; empty is all.
    public var versions: [Int] = []
    /// Any of these ordering keys; empty is all.
    public var keys: [String] = []
    /// Any of these job ids; nil is all.
    public var ids: Set<String>?
    /// An expression on the payload; see ``PayloadExpression``.
    public var expression: String?
    /// Only jobs that are dead letters or have failed at least once.
    public var isOnlyFailed = false
    /// Only jobs that were completed by any of these builds; empty is all.
    public var completedBy: [String] = []
    /// Leave out what has a completion mark, by live work or by a replay. Marks by the builds of ``completedBy`` don't
    /// count: theirs is the work that is to be done again.
    public var skipsDone = false

    public init() {}
}
