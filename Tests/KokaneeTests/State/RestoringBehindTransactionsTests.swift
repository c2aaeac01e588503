import RdKafka
import Synchronization
import TestSupport
import Testing

/// Schedules are fired in transactions on the state topic: one that dies in the middle stays open for a while.
@Suite(.timeLimit(.minutes(2))) struct RestoringBehindTransactionsTests {
    @Test("what stands behind an open transaction is read before a partition's state counts as restored")
    func behind() async throws {
        let cluster = try await TestCluster.shared(.server)
        let topic = try await cluster.makeTopic(partitions: 2)
        let partition = TopicPartition(topic: topic, partition: 0)
        let transaction = try TransactionalProducer(cluster.configuration, transactionalID: topic)
        try await transaction.takeOver()
        try await transaction.begin()
        try await transaction.produce([ProducerRecord(topic: topic, partition: 0, value: Bytes("open"))])
        let admin = try AdminClient(cluster.configuration.seeingUncommitted)
        try await eventually("the transaction stands in the log") {
            try await admin.listOffsets([partition], .latest)[partition] == 1
        }
        let producer = try Producer(cluster.configuration)
        _ = try await producer.send(ProducerRecord(topic: topic, partition: 0, value: Bytes("mark")))

        let found = Mutex<(values: [String], ended: Set<Int32>)>(([], []))
        let listener = SnapshotReader.Listener { _, message in
            let value = message.value.map { String(decoding: $0, as: UTF8.self) } ?? ""
            found.withLock { $0.values.append(value) }
        } ended: { partition in
            _ = found.withLock { $0.ended.insert(partition) }
        } failed: { _ in
        }
        let reader = try SnapshotReader(
            topic,
            partitions: [0, 1],
            configuration: cluster.configuration,
            telling: listener
        )
        defer { reader.stop() }
        // Begun together with the one that is held back.
        try await eventually("the empty partition is read") { found.withLock { $0.ended.contains(1) } }
        try await transaction.abort()
        try await eventually("both are read") { found.withLock { $0.ended.count == 2 } }
        #expect(found.withLock(\.values) == ["mark"])
    }
}
