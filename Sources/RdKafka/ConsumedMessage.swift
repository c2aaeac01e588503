internal import CRdKafka
internal import Glibc

/// One of librdkafka's messages, which somebody has to own: ``RecordStorage``, or whoever keeps more of each record in an
/// object of his own. The owner keeps ``source``, and calls ``destroy()`` in its `deinit`; or it was given a reference to the
/// source with the message, and calls ``end()``. Copies cost nothing, for this counts no owners.
///
/// `@unchecked Sendable`: the message is handed over by librdkafka when this is made, and only read from then on; what
/// may change in it is that its headers are parsed, for which ``HeaderParsing`` has a lock.
package struct ConsumedMessage: @unchecked Sendable {
    private let unmanagedSource: Unmanaged<MessageSource>
    let message: UnsafePointer<rd_kafka_message_t>

    init(_ message: UnsafePointer<rd_kafka_message_t>, source: MessageSource) {
        self.init(message, source: .passUnretained(source))
    }

    init(_ message: UnsafePointer<rd_kafka_message_t>, source: Unmanaged<MessageSource>) {
        self.message = message
        unmanagedSource = source
    }

    package var source: MessageSource { unmanagedSource.takeUnretainedValue() }

    /// Gives the reference to the source away that came with the message.
    func takeSource() -> MessageSource { unmanagedSource.takeRetainedValue() }

    /// Ends the message and all that was borrowed from it: by its owner, once, unless it lives in an event.
    package func destroy() {
        rd_kafka_message_destroy(UnsafeMutablePointer(mutating: message))
    }

    /// As ``destroy()``, of a message that came with a reference to its source; that ends as well.
    package func end() {
        destroy()
        unmanagedSource.release()
    }

    package var offset: Int64 { message.pointee.offset }

    /// Bytes of key and value together; headers are not counted.
    package var size: Int { message.pointee.len + message.pointee.key_len }

    /// Milliseconds since the epoch, or -1 where the broker keeps none.
    package var timestamp: Int64 { rd_kafka_message_timestamp(message, nil) }

    package var timestampType: Record.TimestampType {
        var type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        _ = rd_kafka_message_timestamp(message, &type)
        return Record.TimestampType(type)
    }

    /// Valid for as long as the message is; nil is a null key.
    package var key: UnsafeRawBufferPointer? { Self.buffer(message.pointee.key, message.pointee.key_len) }

    /// As ``key``.
    package var value: UnsafeRawBufferPointer? { Self.buffer(message.pointee.payload, message.pointee.len) }

    /// Whether librdkafka can read the headers, if there are any: it takes 100,000 at most, well formed.
    package var hasReadableHeaders: Bool { forEachHeader { _, _ in } }

    /// As ``Record/forEachHeader(_:)``; returns whether the headers, if there are any, can be read.
    @discardableResult
    package func forEachHeader(_ body: HeaderBody) -> Bool {
        if let headers = WireHeaders(of: message) { return headers.forEachHeader(body) }
        return HeaderParsing(message).forEachHeader(body)
    }

    package typealias HeaderBody = (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) -> Void

    private static func buffer(_ start: UnsafeMutableRawPointer?, _ count: Int) -> UnsafeRawBufferPointer? {
        start.map { UnsafeRawBufferPointer(start: $0, count: count) }
    }
}

/// What the records of one read have in common.
///
/// Each read makes one: counting owners of an object that all records share, on several threads, costs more than the
/// rest of what is done with a small record.
package final class MessageSource: Sendable {
    package let topicPartition: TopicPartition
    /// What the reader wants to live as long as the records do.
    private let context: (any AnyObject & Sendable)?
    /// The messages point into their client's structures: the client ends after its last record.
    private let client: ClientHandle

    init(_ topicPartition: TopicPartition, client: ClientHandle, context: (any AnyObject & Sendable)? = nil) {
        self.topicPartition = topicPartition
        self.client = client
        self.context = context
    }
}

/// Owns a record's message, or keeps alive what does.
package final class RecordStorage: Sendable {
    private enum Owner: Sendable {
        case this
        /// The message lives in an event, which is destroyed in its place. Nobody else has the pointer.
        case event(UInt)
        case other(any AnyObject & Sendable)
    }

    package let message: ConsumedMessage
    private let source: MessageSource
    private let owner: Owner

    init(_ message: ConsumedMessage, of source: MessageSource) {
        self.message = message
        self.source = source
        owner = .this
    }

    init(_ message: ConsumedMessage, of source: MessageSource, in event: OpaquePointer) {
        self.message = message
        self.source = source
        owner = .event(UInt(bitPattern: event))
    }

    package init(_ message: ConsumedMessage, ownedBy other: any AnyObject & Sendable) {
        self.message = message
        source = message.source
        owner = .other(other)
    }

    deinit {
        switch owner {
        case .this: message.destroy()
        case .event(let event): rd_kafka_event_destroy(OpaquePointer(bitPattern: event))
        case .other: break
        }
    }
}
