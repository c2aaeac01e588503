import Synchronization
import TestSupport
import Testing

@testable import RdKafka

@Suite("TransactionalProducer", .timeLimit(.minutes(2)))
struct TransactionalProducerTests {
    private static func records(_ values: [String], to partition: TopicPartition) -> [ProducerRecord] {
        values.map { ProducerRecord(topic: partition.topic, partition: partition.partition, value: Bytes($0)) }
    }

    private static func committed(_ partition: TopicPartition, _ cluster: TestCluster) async throws -> [String] {
        let values = Mutex<[String]>([])
        try await TopicReader.read([partition: 0..<1000], configuration: cluster.configuration) { record in
            values.withLock { $0.append(record.value?.text ?? "") }
            return true
        }
        return values.withLock(\.self)
    }

    @Test(
        "whatever times a client has, its records fail before its transactions do, and librdkafka takes it",
        arguments: [
            ([:], 60_000, "45000"), (["message.timeout.ms": "300000"], 60_000, "45000"),
            (["delivery.timeout.ms": "120000"], 60_000, "45000"), (["message.timeout.ms": "0"], 60_000, "45000"),
            (["message.timeout.ms": "5000"], 60_000, "5000"), (["socket.timeout.ms": "300000"], 60_000, "45000"),
            (["transaction.timeout.ms": "15000", "socket.timeout.ms": "30000"], 15_000, "11250"),
        ] as [([String: String], Int32, String)]
    )
    func times(properties: [String: String], transaction: Int32, record: String) throws {
        let configuration = ClientConfiguration(bootstrapServers: "127.0.0.1:1", properties: properties)
        let times = TransactionTimes(configuration)
        #expect(times.transaction == transaction && times.configuration.properties["message.timeout.ms"] == record)
        _ = try TransactionalProducer(configuration, transactionalID: "t")
    }

    @Test("records of a transaction are there when it is committed", arguments: TestCluster.Kind.allCases)
    func commits(kind: TestCluster.Kind) async throws {
        let cluster = try await TestCluster.shared(kind)
        let topic = try await cluster.makeTopic(partitions: 2)
        let producer = try TransactionalProducer(cluster.configuration, transactionalID: topic)
        try await producer.takeOver()
        let partitions = (0..<2).map { TopicPartition(topic: topic, partition: $0) }
        for batch in ["a", "b", "c"] {
            try await producer.send(partitions.flatMap { Self.records([batch], to: $0) })
        }
        for partition in partitions { #expect(try await Self.committed(partition, cluster) == ["a", "b", "c"]) }
    }

    @Test("an aborted transaction leaves nothing, and the next one is a new one")
    func aborts() async throws {
        let cluster = try await TestCluster.shared(.server)
        let partition = TopicPartition(topic: try await cluster.makeTopic(), partition: 0)
        let producer = try TransactionalProducer(cluster.configuration, transactionalID: partition.topic)
        try await producer.takeOver()
        try await producer.begin()
        try await producer.produce(Self.records(["lost"], to: partition))
        try await producer.abort()
        try await producer.send(Self.records(["kept"], to: partition))
        #expect(try await Self.committed(partition, cluster) == ["kept"])
    }

    @Test("who takes over ends what the other had begun, and the other can do nothing any more")
    func fences() async throws {
        let cluster = try await TestCluster.shared(.server)
        let partition = TopicPartition(topic: try await cluster.makeTopic(), partition: 0)
        let old = try TransactionalProducer(cluster.configuration, transactionalID: partition.topic)
        try await old.takeOver()
        try await old.begin()
        try await old.produce(Self.records(["half done"], to: partition))
        let new = try TransactionalProducer(cluster.configuration, transactionalID: partition.topic)
        try await new.takeOver()
        let error = try await kafkaError { try await old.commit() }
        #expect(error?.isFenced == true, "\(String(describing: error))")
        #expect(error?.isFatal == true)
        let again = try await kafkaError { try await old.send(Self.records(["late"], to: partition)) }
        #expect(again?.isFenced == true, "\(String(describing: again))")
        try await new.send(Self.records(["done"], to: partition))
        #expect(try await Self.committed(partition, cluster) == ["done"])
    }

    @Test("one record too large takes its whole transaction down, says so, and does no more harm")
    func tooLarge() async throws {
        let cluster = try await TestCluster.shared(.server)
        let topic = try await cluster.makeTopic(configs: ["max.message.bytes": "2000"])
        let partition = TopicPartition(topic: topic, partition: 0)
        let producer = try TransactionalProducer(cluster.configuration, transactionalID: topic)
        try await producer.takeOver()
        let large = String(repeating: "x", count: 5000)
        let error = try await kafkaError { try await producer.send(Self.records(["small", large], to: partition)) }
        #expect(error?.code == .messageTooLarge, "\(String(describing: error))")
        #expect(error?.isFatal == false)
        try await producer.send(Self.records(["next"], to: partition))
        #expect(try await Self.committed(partition, cluster) == ["next"])
    }

    @Test(
        "a record that no broker takes in time fails its transaction for that reason, which passes",
        .enabled(if: EmbeddedBroker.survivesRequestsForNoLeader)
    )
    func overdue() async throws {
        let broker = try EmbeddedBroker(brokers: 2)
        try broker.createTopic("t", partitions: 1)
        let partition = TopicPartition(topic: "t", partition: 0)
        let properties = ["transaction.timeout.ms": "2000"]
        let client = ClientConfiguration(bootstrapServers: broker.bootstrapServers, properties: properties)
        let producer = try TransactionalProducer(client, transactionalID: "id")
        try await producer.takeOver()
        try await producer.send(Self.records(["first"], to: partition))
        try broker.setLeader(of: partition, to: nil)
        try await producer.begin()
        try await producer.produce(Self.records(["late"], to: partition))
        let error = try await kafkaError { try await producer.commit() }
        #expect(error?.code == .localMessageTimedOut, "\(String(describing: error))")
        #expect(error?.isRetriable == true && error?.isFatal == false)
        #expect(error?.operation.contains("t/0") == true)
        try broker.setLeader(of: partition, to: 2)
        try await producer.send(Self.records(["next"], to: partition))
    }
}
