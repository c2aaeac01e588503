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

    /// - Parameters:
    ///   - events: those that arrive on ``mainQueue``, which somebody then has to read.
    ///   - onFailedDelivery: as of ``ClientHandle``.
    init(
        _ configuration: ClientConfiguration,
        events: Int32 = RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR,
        onFailedDelivery: (@Sendable (KafkaError, _ topic: String) -> Void)? = nil
    ) throws(KafkaError) {
        let prepare = { conf in rd_kafka_conf_set_events(conf, events) }
        handle = try ClientHandle(.producer, configuration, prepare: prepare, onFailedDelivery: onFailedDelivery)
        mainQueue = rd_kafka_queue_get_main(handle.pointer)
    }

    deinit {
        rd_kafka_queue_destroy(mainQueue)
        for topic in topics.values { rd_kafka_topic_destroy(topic) }
    }

    /// Hands a record to librdkafka, which copies it.
    func produce(_ record: ProducerRecord) -> rd_kafka_resp_err_t {
        var sink = RecordSink(self)
        sink.offer(record)
        return sink.code
    }

    /// The topic's handle; nil for a name that librdkafka refuses. For ``RecordSink``, by whose holder's turn.
    func topic(_ name: String) -> OpaquePointer? {
        if let known = topics[name] { return known }
        guard let new = rd_kafka_topic_new(handle.pointer, name, nil) else { return nil }
        topics[name] = new
        return new
    }
}
