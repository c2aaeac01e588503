internal import RdKafka
internal import Synchronization

/// Reads the ledger of one partition number from the queue's state topic: all that committed transactions have written.
struct OutputLedgerReader {
    /// How long others' transactions on the partition may hold back what was committed before: brokers end one that nobody
    /// ends after its `transaction.timeout.ms`, a minute unless configured.
    private static let patience = Duration.seconds(90)

    private let client: ClientConfiguration
    private let partition: TopicPartition

    init(_ client: ClientConfiguration, topic: String, partition: Int32) {
        self.client = client
        self.partition = TopicPartition(topic: topic, partition: partition)
    }

    func read() async throws(KafkaError) -> OutputLedger {
        let ledger = Mutex(OutputLedger())
        let deadline = ContinuousClock.now + Self.patience
        do {
            // What is committed may stand beyond somebody's open transaction: the log's own end is the measure.
            var uncommitted = client
            uncommitted.properties["isolation.level"] = IsolationLevel.readUncommitted.rawValue
            guard var range = try await AdminClient(uncommitted).extents(of: [partition])[partition] else {
                return OutputLedger()
            }
            while true {
                let ends = try await TopicReader.read([partition: range], configuration: client) { record in
                    ledger.withLock { $0.take(key: record.key, value: record.value) }
                    return true
                }
                let end = ends[partition] ?? range.lowerBound
                guard end < range.upperBound else { return ledger.withLock { $0 } }
                guard ContinuousClock.now < deadline else {
                    throw KafkaError(
                        code: .localTimedOut,
                        operation: "reading what transactions have committed in \(partition)",
                        message: "somebody's transaction on it stays open"
                    )
                }
                range = end..<range.upperBound
                try await Task.sleep(for: .milliseconds(50))
            }
        } catch let error as KafkaError {
            throw error
        } catch {
            throw KafkaError(code: .localState, operation: "reading \(partition)", message: "\(error)")
        }
    }
}
