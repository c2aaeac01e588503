import RdKafka
import TestSupport

extension TestCluster {
    /// Produces values in order to one partition; they are acknowledged when it returns.
    func produce(_ values: [String], to partition: TopicPartition, timestamp: Int64? = nil) async throws {
        let producer = try Producer(configuration)
        let records = values.map {
            ProducerRecord(
                topic: partition.topic,
                partition: partition.partition,
                value: Bytes($0),
                timestamp: timestamp
            )
        }
        for result in await producer.send(records) { _ = try result.get() }
        await producer.close()
    }
}

/// The error that `body` throws, which has to be a `KafkaError`.
func kafkaError(_ body: () async throws -> Void) async throws -> KafkaError? {
    do {
        try await body()
        return nil
    } catch let error as KafkaError {
        return error
    }
}
