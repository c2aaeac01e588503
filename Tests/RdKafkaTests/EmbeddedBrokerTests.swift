import RdKafka
import TestSupport
import Testing

@Suite("EmbeddedBroker", .timeLimit(.minutes(2)))
struct EmbeddedBrokerTests {
    @Test("it has the brokers and topics that were asked for, and other clients agree")
    func brokersAndTopics() async throws {
        let broker = try EmbeddedBroker(brokers: 3)
        try broker.createTopic("orders", partitions: 6, replicationFactor: 3)
        let admin = try AdminClient(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        let metadata = try await admin.metadata()
        #expect(metadata.brokers.map(\.id).sorted() == [1, 2, 3])
        #expect(metadata.partitions(of: "orders")?.count == 6)
        let listing = try await Oracle.kcat(["-b", broker.bootstrapServers, "-L"])
        #expect(listing.contains("topic \"orders\" with 6 partitions"))
    }

    @Test("bounds and duplicates are errors")
    func bounds() throws {
        #expect(throws: KafkaError.self) { try EmbeddedBroker(brokers: 0) }
        let broker = try EmbeddedBroker()
        #expect(throws: KafkaError.self) { try broker.createTopic("a", partitions: 0) }
        #expect(throws: KafkaError.self) { try broker.createTopic("", partitions: 1) }
        #expect(throws: KafkaError.self) { try broker.setBrokerDown(7) }
        try broker.createTopic("a", partitions: 1)
        let error = #expect(throws: KafkaError.self) { try broker.createTopic("a", partitions: 1) }
        #expect(error?.code == .topicAlreadyExists)
    }

    @Test("an injected error reaches the client once; what passes by itself is retried")
    func injectedErrors() async throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("a", partitions: 1)
        let partition = TopicPartition(topic: "a", partition: 0)
        let admin = try AdminClient(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        _ = try await admin.committedOffsets(group: "g", [partition])

        let refused = KafkaError.Code(rawValue: 30)  // GROUP_AUTHORIZATION_FAILED
        broker.failNext(.offsetFetch, with: [refused])
        let error = try await kafkaError { _ = try await admin.committedOffsets(group: "g", [partition]) }
        #expect(error?.code == refused)
        broker.failNext(.offsetFetch, with: [.notCoordinator, .coordinatorLoading, .localTransport])
        #expect(try await admin.committedOffsets(group: "g", [partition]) == [partition: nil])

        broker.failNext(.listOffsets, with: [.notLeader])
        #expect(try await admin.listOffsets([partition], .latest) == [partition: 0])
        broker.failNext(.offsetCommit, with: [.notCoordinator])
        #expect(try await admin.alterOffsets(group: "g", [partition: CommittedOffset(offset: 1)]).isEmpty)

        broker.failNext(.listOffsets, with: Array(repeating: refused, count: 5))
        broker.stopFailing(.listOffsets)
        #expect(try await admin.listOffsets([partition], .earliest) == [partition: 0])
    }

    @Test("a delayed answer takes as long as was asked for")
    func delay() async throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("a", partitions: 1)
        let partition = TopicPartition(topic: "a", partition: 0)
        let admin = try AdminClient(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        _ = try await admin.listOffsets([partition], .latest)
        try broker.delayNext(.listOffsets, ofBroker: 1, by: .milliseconds(400))
        let start = ContinuousClock.now
        _ = try await admin.listOffsets([partition], .latest)
        #expect(start.duration(to: .now) >= .milliseconds(390))
        #expect(throws: KafkaError.self) { try broker.delayNext(.fetch, ofBroker: 9, by: .zero) }
    }

    @Test("leaders and coordinators move where they are sent, and clients follow")
    func moves() async throws {
        let broker = try EmbeddedBroker(brokers: 3)
        try broker.createTopic("a", partitions: 1)
        let partition = TopicPartition(topic: "a", partition: 0)
        let admin = try AdminClient(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        for id in Int32(1)...3 {
            try broker.setLeader(of: partition, to: id)
            try broker.setCoordinator(ofGroup: "g", to: id)
            #expect(try await admin.listOffsets([partition], .latest) == [partition: 0])
            let offset = CommittedOffset(offset: Int64(id))
            #expect(try await admin.alterOffsets(group: "g", [partition: offset]).isEmpty)
            #expect(try await admin.committedOffsets(group: "g", [partition]) == [partition: offset])
        }
        try broker.setRoundTripTime(.milliseconds(50))
        #expect(try await admin.metadata().brokers.count == 3)
    }

    @Test("a topic's error shows in its metadata until it ends")
    func topicError() async throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("a", partitions: 1)
        let admin = try AdminClient(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        let refused = KafkaError.Code(rawValue: 29)  // TOPIC_AUTHORIZATION_FAILED
        broker.setTopicError("a", to: refused)
        guard case .failure(let error)? = try await admin.metadata().topics["a"] else {
            Issue.record("no error")
            return
        }
        #expect(error.code == refused)
        broker.setTopicError("a", to: nil)
        #expect(try await admin.metadata().partitions(of: "a")?.count == 1)
    }

    @Test("any thread may call it, and letting go of it ends it", .timeLimit(.minutes(1)))
    func threads() async throws {
        var broker: EmbeddedBroker? = try EmbeddedBroker(brokers: 2)
        let servers = try #require(broker?.bootstrapServers)
        try await withThrowingTaskGroup(of: Void.self) { [broker] group in
            for task in 0..<8 {
                group.addTask {
                    for index in 0..<20 {
                        try broker?.createTopic("t\(task).\(index)", partitions: 1)
                        broker?.failNext(.fetch, with: [.notLeader])
                        try broker?.setLeader(of: TopicPartition(topic: "t\(task).\(index)", partition: 0), to: 2)
                    }
                }
            }
            try await group.waitForAll()
        }
        let admin = try AdminClient(ClientConfiguration(bootstrapServers: servers))
        #expect(try await admin.metadata().topics.count == 160)
        broker = nil
        try await eventually("nobody answers any more") {
            let fresh = try AdminClient(ClientConfiguration(bootstrapServers: servers))
            return try await kafkaError { try await fresh.reachable(timeout: .milliseconds(500)) } != nil
        }
    }
}
