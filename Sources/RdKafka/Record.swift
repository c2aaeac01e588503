internal import CRdKafka

/// A header of a record. Kafka allows a name to occur more than once, and a value to be null.
public struct Header: Sendable, Equatable {
    public var name: String
    public var value: Bytes?

    public init(_ name: String, _ value: Bytes?) {
        self.name = name
        self.value = value
    }
}

/// A record as consumed. Its bytes stay in librdkafka's memory until the last copy of the value is gone.
public struct Record: Sendable {
    /// Who set a record's timestamp.
    public enum TimestampType: Sendable {
        case none, createTime, logAppendTime

        init(_ type: rd_kafka_timestamp_type_t) {
            self =
                switch type {
                case RD_KAFKA_TIMESTAMP_CREATE_TIME: .createTime
                case RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME: .logAppendTime
                default: .none
                }
        }
    }

    package let storage: RecordStorage

    package init(_ storage: RecordStorage) {
        self.storage = storage
    }

    public var topicPartition: TopicPartition { storage.message.source.topicPartition }
    public var topic: String { topicPartition.topic }
    public var partition: Int32 { topicPartition.partition }
    public var offset: Int64 { withExtendedLifetime(storage) { storage.message.offset } }

    /// Bytes of key and value together; headers are not counted.
    public var size: Int { withExtendedLifetime(storage) { storage.message.size } }

    public var key: Bytes? { storage.message.key.map { Bytes($0, of: storage) } }

    /// The payload; nil is a tombstone.
    public var value: Bytes? { storage.message.value.map { Bytes($0, of: storage) } }

    /// Milliseconds since the epoch, or -1 where the broker keeps none.
    public var timestamp: Int64 { withExtendedLifetime(storage) { storage.message.timestamp } }

    public var timestampType: TimestampType { withExtendedLifetime(storage) { storage.message.timestampType } }

    /// Calls `body` with each header in the record's order, name and value borrowed from the record.
    ///
    /// Values are nil where the header's value is null. Both pointers are valid inside `body` only, which must not read
    /// any record's headers itself. A record whose headers can't be parsed has none. A name that has a zero byte is whole,
    /// but where librdkafka has to be asked for the headers: then it ends before.
    public func forEachHeader(_ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) -> Void) {
        // For Swift the last use of the storage is the reading of its pointer, not that of what the pointer points to.
        _ = withExtendedLifetime(storage) { storage.message.forEachHeader(body) }
    }

    /// Whether librdkafka could read the headers, if there are any: it takes 100,000 at most, well formed.
    public var hasReadableHeaders: Bool { withExtendedLifetime(storage) { storage.message.hasReadableHeaders } }

    /// All headers, copied.
    public var headers: [Header] {
        var result: [Header] = []
        forEachHeader { name, value in
            result.append(Header(String(decoding: name, as: UTF8.self), value.map { Bytes(Array($0)) }))
        }
        return result
    }

}
