internal import CRdKafka

/// One life of a producer's librdkafka handle with its topic handles; ``Producer`` replaces it after a fatal error.
///
/// `@unchecked Sendable`: `topics` is touched by `produce` only, which the producer calls under its lock; the rest
/// never changes, and librdkafka's handles are thread-safe.
final class ProducerInstance: @unchecked Sendable {
    let handle: ClientHandle
    /// Where delivery reports and errors arrive.
    let mainQueue: OpaquePointer
    private var topics: [String: OpaquePointer] = [:]

    /// - Parameter events: those that arrive on ``mainQueue``, which somebody then has to read.
    init(
        _ configuration: ClientConfiguration,
        events: Int32 = RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR
    ) throws(KafkaError) {
        handle = try ClientHandle(.producer, configuration) { conf in
            rd_kafka_conf_set_events(conf, events)
        }
        mainQueue = rd_kafka_queue_get_main(handle.pointer)
    }

    deinit {
        rd_kafka_queue_destroy(mainQueue)
        for topic in topics.values { rd_kafka_topic_destroy(topic) }
    }

    /// Hands a record to librdkafka, which copies it. `token` comes back with its delivery report.
    func produce(_ record: ProducerRecord, token: Int) -> rd_kafka_resp_err_t {
        let headers = Self.headers(record.headers)
        let partition = record.partition ?? RD_KAFKA_PARTITION_UA
        let code = record.key.withUnsafeBytesOrEmpty { key in
            record.value.withUnsafeBytesOrEmpty { value in
                crdkafka_produce(
                    handle.pointer,
                    topic(record.topic),
                    partition,
                    key.baseAddress,
                    key.count,
                    value.baseAddress,
                    value.count,
                    headers,
                    record.timestamp ?? 0,
                    UnsafeMutableRawPointer(bitPattern: token)
                )
            }
        }
        if code != RD_KAFKA_RESP_ERR_NO_ERROR, let headers { rd_kafka_headers_destroy(headers) }
        return code
    }

    private func topic(_ name: String) -> OpaquePointer? {
        if let known = topics[name] { return known }
        let new = rd_kafka_topic_new(handle.pointer, name, nil)
        topics[name] = new
        return new
    }

    private static func headers(_ headers: [Header]) -> OpaquePointer? {
        guard !headers.isEmpty else { return nil }
        let list = rd_kafka_headers_new(headers.count)
        for header in headers {
            var header = header
            header.name.withUTF8 { name in
                name.withMemoryRebound(to: CChar.self) { name in
                    guard let value = header.value else {
                        _ = rd_kafka_header_add(list, name.baseAddress, name.count, nil, 0)
                        return
                    }
                    value.withUnsafeBytes { value in
                        // An empty value is not a null one: librdkafka tells them apart by the pointer.
                        let start = value.baseAddress ?? UnsafeRawPointer(bitPattern: 1)
                        _ = rd_kafka_header_add(list, name.baseAddress, name.count, start, value.count)
                    }
                }
            }
        }
        return list
    }
}

extension Bytes? {
    /// The bytes; nil has no address, empty bytes have one, because Kafka tells null from empty.
    fileprivate func withUnsafeBytesOrEmpty<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        guard let self else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        return self.withUnsafeBytes { buffer in
            guard buffer.baseAddress == nil else { return body(buffer) }
            return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1) { one in
                body(UnsafeRawBufferPointer(start: one.baseAddress, count: 0))
            }
        }
    }
}
