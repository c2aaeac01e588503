internal import CRdKafka

extension ClientHandle {
    /// Lists offsets of partitions by time, or at an edge, which is a negative time to Kafka's ListOffsets.
    ///
    /// - Parameter timeout: also where a leader is away; `rd_kafka_query_watermark_offsets` minds none before 2.3
    ///   (https://github.com/confluentinc/librdkafka/pull/4460).
    func offsets(
        of partitions: some Collection<TopicPartition>,
        at time: Int64,
        timeout: Duration,
        _ operation: String
    ) throws(KafkaError) -> [TopicPartition: Int64] {
        let list = TopicPartitionList(capacity: partitions.count)
        for partition in partitions { list.add(partition, offset: time) }
        let limit = max(timeout.wholeMilliseconds, 1)
        // Held for the whole of the call: its owner may put another one in its place meanwhile.
        let code = withExtendedLifetime(self) { rd_kafka_offsets_for_times(pointer, list.pointer, limit) }
        try KafkaError.check(code, operation)
        let elements = list.elements
        if let failed = elements.first(where: { $0.error != RD_KAFKA_RESP_ERR_NO_ERROR }) {
            throw KafkaError(failed.error, operation: "\(operation), \(failed.partition)")
        }
        return Dictionary(elements.map { ($0.partition, $0.offset) }) { first, _ in first }
    }
}
