import Foundation
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
            var failed = 0
            var lastFailure: KafkaError.Code?
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
            } failed: { [self] error in
                state.withLock {
                    $0.failed += 1
                    $0.lastFailure = error.code
                }
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

    @Test("who has read a part of a partition begins behind it, and where the log begins by now")
    func starts() async throws {
        let cluster = try await TestCluster.shared(.embedded)
        let topic = try await cluster.makeTopic(partitions: 3)
        let producer = try Producer(cluster.configuration)
        for number in 0..<9 {
            let record = ProducerRecord(topic: topic, partition: Int32(number % 3), value: Bytes("\(number)"))
            _ = try await producer.send(record)
        }
        let told = Told()
        let reader = try SnapshotReader(
            topic,
            partitions: [0, 1, 2],
            from: [0: 2, 1: 5, 2: -1],
            configuration: cluster.configuration,
            telling: told.listener
        )
        try await eventually("all end") { told.state.withLock { $0.ended.sorted() == [0, 1, 2] } }
        #expect(told.state.withLock { $0.values.sorted() } == ["2", "5", "6", "8"])
        reader.stop()
        await producer.close()
    }

    /// Two brokers, and a topic of two partitions, each of which has a leader of its own and a record.
    private static func broker() async throws -> (EmbeddedBroker, ClientConfiguration) {
        let broker = try EmbeddedBroker(brokers: 2)
        let client = ClientConfiguration(bootstrapServers: broker.bootstrapServers)
        try broker.createTopic("t", partitions: 2)
        let producer = try Producer(client)
        for partition in [Int32(0), 1] {
            try broker.setLeader(of: TopicPartition(topic: "t", partition: partition), to: partition + 1)
            _ = try await producer.send(ProducerRecord(topic: "t", partition: partition, value: Bytes("\(partition)")))
        }
        await producer.close()
        return (broker, client)
    }

    @Test("a partition without a leader is waited for, and one that does not exist has nothing")
    func leaderless() async throws {
        let (broker, client) = try await Self.broker()
        let leaderless = TopicPartition(topic: "t", partition: 1)
        try broker.setLeader(of: leaderless, to: nil)
        let told = Told()
        let reader = try SnapshotReader(
            "t",
            partitions: [0, 1, 7],
            configuration: client,
            telling: told.listener
        )
        // By then what does not exist has been missing for long enough.
        try await eventually("the others have ended") { told.state.withLock { $0.ended.sorted() == [0, 7] } }
        let failures = told.state.withLock { $0.failed }
        #expect(failures > 0)
        try await eventually("it is looked for again") { told.state.withLock { $0.failed >= failures + 3 } }
        #expect(told.state.withLock { $0.values } == ["0"])
        try broker.setLeader(of: leaderless, to: 2)
        try await eventually("it is read, too") { told.state.withLock { $0.ended.sorted() == [0, 1, 7] } }
        #expect(told.state.withLock { $0.values } == ["0", "1"])
        reader.stop()
    }

    @Test("a leader that is away holds up its own partitions only")
    func leaderAway() async throws {
        let (broker, client) = try await Self.broker()
        try broker.setBrokerDown(1)
        let told = Told()
        let reader = try SnapshotReader(
            "t",
            partitions: [0, 1],
            configuration: client,
            telling: told.listener
        )
        try await eventually("the other's has ended") { told.state.withLock { $0.ended == [1] && $0.failed > 0 } }
        try broker.setBrokerUp(1)
        try await eventually("it is read, too") { told.state.withLock { $0.ended == [1, 0] } }
        #expect(told.state.withLock { $0.values } == ["1", "0"])
        reader.stop()
    }

    @Test("what keeps one partition from being read holds up no other of its leader")
    func onePartition() async throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 3)
        let storageError = KafkaError.Code(rawValue: 56)
        // Of the question about all three, and of the first one after it, about the first.
        broker.failNext(.listOffsets, with: [storageError, storageError])
        let told = Told()
        let reader = try SnapshotReader(
            "t",
            partitions: [0, 1, 2],
            configuration: ClientConfiguration(bootstrapServers: broker.bootstrapServers),
            telling: told.listener
        )
        try await eventually("all have ended") { told.state.withLock { $0.ended.count == 3 } }
        #expect(told.state.withLock { $0.ended } == [1, 2, 0])
        reader.stop()
    }

    @Test(
        "a topic that the client may not see is not one that there is not",
        .enabled(if: EmbeddedBroker.survivesRequestsForNoLeader)
    )
    func unauthorized() async throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 1)
        broker.setTopicError("t", to: .topicAuthorizationFailed)
        let told = Told()
        let reader = try SnapshotReader(
            "t",
            partitions: [0],
            configuration: ClientConfiguration(bootstrapServers: broker.bootstrapServers),
            telling: told.listener
        )
        // Four looks a second: what does not exist would have ended by then.
        try await eventually("it is looked for for long") { told.state.withLock { $0.failed > 24 } }
        #expect(told.state.withLock { $0.ended.isEmpty })
        broker.setTopicError("t", to: nil)
        try await eventually("it is read") { told.state.withLock { $0.ended == [0] } }
        reader.stop()
    }

    @Test("where no client can be made, it is tried again")
    func clientCannotBeMade() async throws {
        let cluster = try await TestCluster.shared(.embedded)
        let path = FileManager.default.temporaryDirectory.appending(path: "kokanee-\(UUID().uuidString).pem").path()
        defer { try? FileManager.default.removeItem(atPath: path) }
        var configuration = cluster.configuration
        configuration.properties["security.protocol"] = "ssl"
        configuration.properties["ssl.ca.location"] = path
        let told = Told()
        let reader = try SnapshotReader("any", partitions: [0], configuration: configuration, telling: told.listener)
        try await eventually("it has failed twice") { told.state.withLock { $0.failed >= 2 } }
        #expect(told.state.withLock { $0.lastFailure } == .localInvalidArgument)
        try Data(Self.certificate.utf8).write(to: URL(filePath: path))
        // The broker does not speak TLS: that is found out by who has a client.
        try await eventually("it fails otherwise") {
            told.state.withLock { $0.lastFailure != .localInvalidArgument }
        }
        reader.stop()
    }

    /// Of nobody.
    private static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBhTCCASugAwIBAgIUQJDY4MUMiiectT/8cgVxG89W8NswCgYIKoZIzj0EAwIw
        FzEVMBMGA1UEAwwMa29rYW5lZS10ZXN0MCAXDTI2MTEyNzEyNTczMloYDzIxMjYx
        MTAzMTI1NzMyWjAXMRUwEwYDVQQDDAxrb2thbmVlLXRlc3QwWTATBgcqhkjOPQIB
        BggqhkjOPQMBBwNCAASPwh/aXXibdTWvSslypFDJuUVMpkVKR9JKBEtS1PODhkGt
        u1D99kG1VCOCSYDqGamVsBtPuWvMbUYyxRIpJFq3o1MwUTAdBgNVHQ4EFgQUFJg5
        7DXcrikPrYQhJbKKZILV8kMwHwYDVR0jBBgwFoAUFJg57DXcrikPrYQhJbKKZILV
        8kMwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAzVNVPxCrC7DG
        aMsjetRiHfvd4EPA4ZAcdJMPy9OTRwoCIAsA/kSHTaZCmel5DlTzzxrcczkZIDiB
        G4hi5tyDnPrZ
        -----END CERTIFICATE-----
        """
}
