public import RdKafka

/// A record that a job produces: seen by readers of `read_committed` exactly once, if its job completes.
public struct JobOutput: Sendable {
    public var topic: String
    /// Nil leaves the choice to the key, as Java's clients make it; a record without a key goes anywhere.
    public var partition: Int32?
    public var key: Bytes?
    /// Nil is a tombstone.
    public var value: Bytes?
    public var headers: [Header]

    public init(topic: String, partition: Int32? = nil, key: Bytes? = nil, value: Bytes?, headers: [Header] = []) {
        self.topic = topic
        self.partition = partition
        self.key = key
        self.value = value
        self.headers = headers
    }

    var record: ProducerRecord {
        ProducerRecord(topic: topic, partition: partition, key: key, value: value, headers: headers)
    }
}
