internal import RdKafka
internal import Synchronization

extension OutputLedger {
    /// The ledger of one partition number as the queue's state topic has it: all that committed transactions have written.
    init(reading topic: String, partition: Int32, client: ClientConfiguration) async throws(KafkaError) {
        let partition = TopicPartition(topic: topic, partition: partition)
        let ledger = Mutex(OutputLedger())
        let operation = "reading what transactions have committed in \(partition)"
        do {
            let ranges = try await AdminClient(client.seeingUncommitted).extents(of: [partition])
            try await TopicReader.readSettled(ranges, configuration: client, operation: operation) { record in
                ledger.withLock { $0.take(key: record.key, value: record.value) }
                return true
            }
        } catch let error as KafkaError {
            throw error
        } catch {
            throw KafkaError(code: .localState, operation: operation, message: "\(error)")
        }
        self = ledger.withLock { $0 }
    }
}
