internal import CRdKafka
internal import Glibc

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

    public let topicPartition: TopicPartition
    let storage: RecordStorage

    public var topic: String { topicPartition.topic }
    public var partition: Int32 { topicPartition.partition }
    public var offset: Int64 { read { $0.pointee.offset } }

    /// Bytes of key and value together; headers are not counted.
    public var size: Int { read { $0.pointee.len + $0.pointee.key_len } }

    public var key: Bytes? {
        read { bytes($0.pointee.key, $0.pointee.key_len) }
    }

    /// The payload; nil is a tombstone.
    public var value: Bytes? {
        read { bytes($0.pointee.payload, $0.pointee.len) }
    }

    /// Milliseconds since the epoch, or -1 where the broker keeps none.
    public var timestamp: Int64 {
        read { rd_kafka_message_timestamp($0, nil) }
    }

    public var timestampType: TimestampType {
        var type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        _ = read { rd_kafka_message_timestamp($0, &type) }
        return TimestampType(type)
    }

    /// Calls `body` with each header in the record's order, name and value borrowed from the record.
    ///
    /// Values are nil where the header's value is null. Both pointers are valid inside `body` only. A record
    /// whose headers can't be parsed has none.
    public func forEachHeader(_ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) -> Void) {
        read { message in
            var headers: OpaquePointer?
            guard rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR else { return }
            var index = 0
            var name: UnsafePointer<CChar>?
            var value: UnsafeRawPointer?
            var length = 0
            while rd_kafka_header_get_all(headers, index, &name, &value, &length) == RD_KAFKA_RESP_ERR_NO_ERROR {
                index += 1
                guard let name else { continue }
                let nameBytes = UnsafeRawBufferPointer(start: name, count: strlen(name))
                body(nameBytes, value.map { UnsafeRawBufferPointer(start: $0, count: length) })
            }
        }
    }

    /// Whether librdkafka could read the headers, if there are any: it takes 100,000 at most, well formed.
    public var hasReadableHeaders: Bool { storage.hasReadableHeaders }

    /// All headers, copied.
    public var headers: [Header] {
        var result: [Header] = []
        forEachHeader { name, value in
            result.append(Header(String(decoding: name, as: UTF8.self), value.map { Bytes(Array($0)) }))
        }
        return result
    }

    /// The message, which lives at least until `body` returns: for Swift the last use of the storage is the reading of
    /// its pointer, not that of what the pointer points to.
    private func read<R>(_ body: (UnsafePointer<rd_kafka_message_t>) -> R) -> R {
        withExtendedLifetime(storage) { body(storage.message) }
    }

    private func bytes(_ pointer: UnsafeMutableRawPointer?, _ length: Int) -> Bytes? {
        pointer.map { Bytes(UnsafeRawBufferPointer(start: $0, count: length), of: storage) }
    }
}

/// Owns one of librdkafka's messages.
///
/// `@unchecked Sendable`: the message is handed over by librdkafka when this is made, is only read from then on,
/// and is destroyed once, by the last owner. Parsing the headers, which librdkafka does in place at the first
/// asking, is done in `init`, before the object can be shared.
final class RecordStorage: @unchecked Sendable {
    let message: UnsafePointer<rd_kafka_message_t>
    let hasReadableHeaders: Bool
    /// The event that the message lives in, where it came by one; else the message is destroyed by itself.
    private let event: OpaquePointer?
    /// The message points into its client's structures: the client ends after its last record.
    private let owner: ClientHandle

    init(message: UnsafePointer<rd_kafka_message_t>, event: OpaquePointer? = nil, owner: ClientHandle) {
        self.message = message
        self.event = event
        self.owner = owner
        var headers: OpaquePointer?
        let code = rd_kafka_message_headers(message, &headers)
        hasReadableHeaders = code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__NOENT
    }

    deinit {
        if let event {
            rd_kafka_event_destroy(event)
        } else {
            rd_kafka_message_destroy(UnsafeMutablePointer(mutating: message))
        }
    }
}
