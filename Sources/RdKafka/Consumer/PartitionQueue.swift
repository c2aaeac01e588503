internal import CRdKafka

/// The fetched and unread records of one assigned partition.
///
/// Not reading it is back pressure: librdkafka stops fetching at `queued.max.messages.kbytes`. Like its consumer it
/// belongs to one thread. It can be read until the consumer's next `assign` or `unassign`.
public final class PartitionQueue {
    public enum Item {
        case record(Record)
        /// Every record before this offset has been read. Behind compacted records and transaction markers it lies
        /// above the last record's offset by more than one.
        case end(offset: Int64)
        case failed(KafkaError)
    }

    public let topicPartition: TopicPartition
    private let handle: ClientHandle
    private let queue: OpaquePointer
    /// librdkafka writes to its descriptor for as long as the queue is tied to it.
    private let wakeup: Wakeup
    private var messages: [UnsafeMutablePointer<rd_kafka_message_t>?]
    /// So many messages ahead: by then the processor has fetched what it was told of.
    private static let distance = 4

    init(_ topicPartition: TopicPartition, of handle: ClientHandle, wakeup: Wakeup) {
        self.topicPartition = topicPartition
        messages = []
        self.handle = handle
        self.wakeup = wakeup
        // Both before the assignment: librdkafka then leaves the queue apart, and no record takes the other way.
        queue = rd_kafka_queue_get_partition(handle.pointer, topicPartition.topic, topicPartition.partition)
        rd_kafka_queue_forward(queue, nil)
        var one: UInt64 = 1
        rd_kafka_queue_io_event_enable(queue, wakeup.descriptor, &one, MemoryLayout<UInt64>.size)
    }

    deinit {
        rd_kafka_queue_io_event_enable(queue, -1, nil, 0)
        rd_kafka_queue_destroy(queue)
    }

    /// Reads what is there, `maximum` items at most, without waiting.
    ///
    /// - Returns: how many items were read; fewer than `maximum` means that the queue is empty.
    public func read(maximum: Int, _ body: (Item) -> Void) -> Int {
        fetch(maximum: maximum, context: nil) { item in
            switch item {
            case .message(let message): body(.record(Record(RecordStorage(message, of: message.takeSource()))))
            case .end(let offset): body(.end(offset: offset))
            case .failed(let error): body(.failed(error))
            }
        }
    }

    /// Another thread has written what is in it, so that it stands in another core's cache. Mostly the key is looked at, and
    /// the headers, which lie behind the value in Kafka's records.
    private func willRead(_ message: UnsafeMutablePointer<rd_kafka_message_t>?) {
        guard let message else { return }
        crdkafka_will_read(message.pointee.key)
        guard let headers = message.pointee.payload.map({ $0 + message.pointee.len }) else { return }
        crdkafka_will_read(headers)
        crdkafka_will_read(headers + 64)
        crdkafka_will_read(headers + 128)
    }

    package enum ConsumedItem {
        /// It is the receiver's from here on, with a reference to its source: to call ``ConsumedMessage/end()`` once.
        case message(ConsumedMessage)
        case end(offset: Int64)
        case failed(KafkaError)
    }

    /// As ``read(maximum:_:)``, for who makes storage of his own for each record.
    ///
    /// - Parameter context: is kept alive for as long as the records are.
    package func fetch(maximum: Int, context: (any AnyObject & Sendable)?, _ body: (ConsumedItem) -> Void) -> Int {
        if messages.count < maximum { messages = Array(repeating: nil, count: maximum) }
        return messages.withUnsafeMutableBufferPointer { buffer in
            let count = rd_kafka_consume_batch_queue(queue, 0, buffer.baseAddress, maximum)
            guard count > 0 else { return 0 }
            let source = Unmanaged.passRetained(MessageSource(topicPartition, client: handle, context: context))
            defer { source.release() }
            // For all of them before the first is handed on: counting is slow where it has to wait for other memory.
            for _ in 0..<count { _ = source.retain() }
            for index in 0..<count {
                if index + Self.distance < count { willRead(buffer[index + Self.distance]) }
                guard let message = buffer[index] else {
                    source.release()
                    continue
                }
                switch message.pointee.err {
                case RD_KAFKA_RESP_ERR_NO_ERROR:
                    body(.message(ConsumedMessage(message, source: source)))
                    continue
                case RD_KAFKA_RESP_ERR__PARTITION_EOF:
                    body(.end(offset: message.pointee.offset))
                    rd_kafka_message_destroy(message)
                default:
                    let reason = rd_kafka_message_errstr(message).map { String(cString: $0) }
                    let operation = "reading \(topicPartition)"
                    body(.failed(KafkaError(message.pointee.err, operation: operation, message: reason)))
                    rd_kafka_message_destroy(message)
                }
                source.release()
            }
            return count
        }
    }
}
