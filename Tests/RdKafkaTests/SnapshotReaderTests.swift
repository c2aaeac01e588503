import RdKafka
import Synchronization
import TestSupport
import Testing

@Suite("SnapshotReader", .timeLimit(.minutes(2)))
struct SnapshotReaderTests {
    /// What a reader has told.
    private final class Told: Sendable {
        struct State {
            var values: [String] = []
            var ended: [Int32] = []
            var held: [Int32] = []
        }

        let state = Mutex(State())

        var listener: SnapshotReader.Listener {
            SnapshotReader.Listener { [self] _, message in
                let value = message.value.map { String(decoding: $0, as: UTF8.self) } ?? ""
                state.withLock { $0.values.append(value) }
            } ended: { [self] partition in
                state.withLock { $0.ended.append(partition) }
            } held: { [self] partition in
                state.withLock { $0.held.append(partition) }
            } failed: { _ in
            }
        }
    }

    @Test("what stands behind an open transaction is waited for, and others are not", arguments: [true, false])
    func openTransaction(isCommitted: Bool) async throws {
        let cluster = try await TestCluster.shared(.server)
        let topic = try await cluster.makeTopic(partitions: 2)
        let transactions = try TransactionalProducer(cluster.configuration, transactionalID: topic)
        try await transactions.takeOver()
        try await transactions.begin()
        // Also where it is the first that the log has.
        try await transactions.produce([ProducerRecord(topic: topic, partition: 1, value: "in it")])
        let producer = try Producer(cluster.configuration)
        let uncommitted = try AdminClient(cluster.configuration.seeingUncommitted)
        let place = TopicPartition(topic: topic, partition: 1)
        try await eventually("the transaction's record stands") {
            try await uncommitted.extents(of: [place])[place] != 0..<0
        }
        for (partition, value) in [(1, "behind it"), (0, "elsewhere")] {
            let record = ProducerRecord(topic: topic, partition: Int32(partition), value: Bytes(value))
            _ = try await producer.send(record)
        }
        let told = Told()
        let reader = try SnapshotReader(
            topic,
            partitions: [0, 1],
            configuration: cluster.configuration,
            telling: told.listener
        )
        try await eventually("one is read, and the other held back") {
            told.state.withLock { $0.ended == [0] && $0.held == [1] }
        }
        #expect(told.state.withLock { $0.values } == ["elsewhere"])
        // What comes from now on is none of its business, and does not make it go on for ever.
        _ = try await producer.send(ProducerRecord(topic: topic, partition: 1, value: "later"))
        if isCommitted { try await transactions.commit() } else { try await transactions.abort() }
        try await eventually("the other is read, too") { told.state.withLock { $0.ended == [0, 1] } }
        let expected = (isCommitted ? ["in it"] : []) + ["behind it"]
        #expect(told.state.withLock { Array($0.values.dropFirst().prefix(expected.count)) } == expected)
        reader.stop()
        await producer.close()
    }

    @Test("partitions without records, and what aborted transactions have left, end at once", arguments: [true, false])
    func ends(isEmpty: Bool) async throws {
        let cluster = try await TestCluster.shared(.server)
        let topic = try await cluster.makeTopic(partitions: 3)
        if !isEmpty {
            let transactions = try TransactionalProducer(cluster.configuration, transactionalID: topic)
            try await transactions.takeOver()
            try await transactions.begin()
            try await transactions.produce((0..<3).map { ProducerRecord(topic: topic, partition: $0, value: "never") })
            try await transactions.abort()
        }
        let told = Told()
        let reader = try SnapshotReader(
            topic,
            partitions: [0, 1, 2],
            configuration: cluster.configuration,
            telling: told.listener
        )
        try await eventually("all end") { told.state.withLock { $0.ended.sorted() == [0, 1, 2] } }
        #expect(told.state.withLock { $0.values.isEmpty })
        reader.stop()
    }
}
