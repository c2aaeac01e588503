/// A record to be produced.
public struct ProducerRecord: Sendable {
    public var topic: String
    /// Nil leaves the choice to the partitioner: by key, and at random without one.
    public var partition: Int32?
    public var key: Bytes?
    /// The payload; nil makes a tombstone.
    public var value: Bytes?
    public var headers: [Header]
    /// Milliseconds since the epoch; nil is now. A topic with `LogAppendTime` replaces it.
    public var timestamp: Int64?

    public init(
        topic: String,
        partition: Int32? = nil,
        key: Bytes? = nil,
        value: Bytes?,
        headers: [Header] = [],
        timestamp: Int64? = nil
    ) {
        self.topic = topic
        self.partition = partition
        self.key = key
        self.value = value
        self.headers = headers
        self.timestamp = timestamp
    }
}

/// Where an acknowledged record stands.
public struct Delivery: Sendable, Hashable {
    public let topicPartition: TopicPartition
    public let offset: Int64
    /// Milliseconds since the epoch; -1 where there is none.
    public let timestamp: Int64
    /// Whose clock ``timestamp`` is of: the broker's, where the topic has `LogAppendTime`.
    public let timestampType: Record.TimestampType

    public init(
        topicPartition: TopicPartition,
        offset: Int64,
        timestamp: Int64 = -1,
        timestampType: Record.TimestampType = .none
    ) {
        self.topicPartition = topicPartition
        self.offset = offset
        self.timestamp = timestamp
        self.timestampType = timestampType
    }
}
