import RdKafka

/// What a job's record says beside its payload: CloudEvents attributes and retry state.
///
/// Times are milliseconds since the epoch, as on the wire.
public struct Envelope: Sendable, Equatable {
    /// `ce_id`; of a record without CloudEvents headers `topic/partition/offset` of its first sight.
    public var id: String
    /// `ce_type`, or the queue's default type.
    public var type: String
    /// `ce_dataschemaversion`; 1 where there is none.
    public var version: Int
    /// The number of the attempt that this record is for; the first is 1.
    public var attempt: Int
    /// When the first attempt failed; nil before that.
    public var firstFailedAt: Int64?
    /// The first attempt's error, `type: message`; nil before that.
    public var firstError: String?
    /// The last attempt's error, `type: message`; nil before the first has failed.
    public var lastError: String?
    /// Not to be started before this, whatever the rung says.
    public var dueAt: Int64?
    /// Not to be started at this time or later.
    public var expiresAt: Int64?
    public var idempotencyKey: String?
    /// For how many milliseconds the idempotency key counts as done; nil is as long as the worker says.
    public var idempotencyWindow: Int64?
    var unique: UniqueWish?
    /// Since when it waits for a worker whose build can run it; nil where it doesn't.
    public var refusedSince: Int64?
    /// Whether its attempt has begun before, and stopped unfinished.
    var hasBegun = false
    /// The name of the schedule that the job is of; nil for any other.
    public var schedule: String?
    /// Where the job stood before its first hop.
    public var origin: Origin?

    /// A place in a log: `topic/partition/offset` on the wire.
    public struct Origin: Sendable, Hashable, CustomStringConvertible {
        public var topic: String
        public var partition: Int32
        public var offset: Int64

        public init(topic: String, partition: Int32, offset: Int64) {
            self.topic = topic
            self.partition = partition
            self.offset = offset
        }

        public var description: String { "\(topic)/\(partition)/\(offset)" }
    }

    public init(id: String, type: String, version: Int = 1, attempt: Int = 1) {
        self.id = id
        self.type = type
        self.version = version
        self.attempt = attempt
    }
}
