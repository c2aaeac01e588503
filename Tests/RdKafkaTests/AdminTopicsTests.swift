import RdKafka
import TestSupport
import Testing

@Suite("AdminClient: topics", .timeLimit(.minutes(2)))
struct AdminTopicsTests {
    @Test("a created topic has the partitions and configs that were asked for, and goes when deleted")
    func createDescribeDelete() async throws {
        let cluster = try await TestCluster.shared(.server)
        let name = TestCluster.uniqueName("created")
        let topic = NewTopic(name: name, partitions: 3, configs: ["cleanup.policy": "compact"])
        #expect(try await cluster.admin.createTopics([topic]).isEmpty)
        try await eventually("it shows with 3 partitions") {
            try await cluster.admin.metadata(topics: [name]).partitions(of: name)?.count == 3
        }
        let configs = try await cluster.admin.describeConfigs(topic: name)
        #expect(configs["cleanup.policy"]?.value == "compact")
        let listing = try await Oracle.kcat(["-b", cluster.bootstrapServers, "-L", "-t", name])
        #expect(listing.contains("topic \"\(name)\" with 3 partitions"))

        #expect(try await cluster.admin.deleteTopics([name]).isEmpty)
        try await eventually("it is gone") {
            try await cluster.admin.metadata(topics: [name]).topics[name] == nil
        }
    }

    @Test("each topic of a request fails by itself, with its own error")
    func perTopicErrors() async throws {
        let cluster = try await TestCluster.shared(.server)
        let old = try await cluster.makeTopic()
        let new = TestCluster.uniqueName("new")
        let failures = try await cluster.admin.createTopics([
            NewTopic(name: old, partitions: 1), NewTopic(name: new, partitions: 1, replicationFactor: 1),
        ])
        #expect(failures.keys.sorted() == [old])
        #expect(failures[old]?.code == .topicAlreadyExists)
        #expect(failures[old]?.operation == "creating topic \(old)")

        let missing = TestCluster.uniqueName("missing")
        let notDeleted = try await cluster.admin.deleteTopics([missing])
        #expect(notDeleted[missing]?.code == .unknownTopicOrPartition)
    }

    @Test("a topic that can't be is refused before anything is sent")
    func invalidTopic() async throws {
        let cluster = try await TestCluster.shared(.server)
        for topic in [NewTopic(name: "", partitions: 1), NewTopic(name: "a", partitions: 0)] {
            let error = try await kafkaError { _ = try await cluster.admin.createTopics([topic]) }
            #expect(error?.code == .localInvalidArgument)
        }
    }

    @Test("asking for a topic's metadata does not create it", arguments: TestCluster.Kind.allCases)
    func metadataCreatesNothing(kind: TestCluster.Kind) async throws {
        let cluster = try await TestCluster.shared(kind)
        let name = TestCluster.uniqueName("unknown")
        #expect(try await cluster.admin.metadata(topics: [name]).topics[name] == nil)
        #expect(try await cluster.admin.metadata().topics[name] == nil)
    }

    @Test("where allowed, naming a topic creates it with the broker's default partitions")
    func autoCreate() async throws {
        let cluster = try await TestCluster.shared(.embedded)
        let names = [TestCluster.uniqueName("auto"), TestCluster.uniqueName("auto")]
        try await eventually("they are there") {
            let metadata = try await cluster.admin.metadata(topics: names, allowAutoCreate: true)
            return names.allSatisfy { metadata.partitions(of: $0)?.count == 4 }
        }
        #expect(try await cluster.admin.metadata().topics.keys.filter(names.contains).count == 2)
    }

    @Test("the embedded broker's lack of admin calls is told apart from other errors")
    func unsupported() async throws {
        let admin = try await TestCluster.shared(.embedded).admin
        let create = try await kafkaError { _ = try await admin.createTopics([NewTopic(name: "a", partitions: 1)]) }
        #expect(create?.isUnsupported == true, "\(String(describing: create))")
        let describe = try await kafkaError { _ = try await admin.describeGroup("g") }
        #expect(describe?.isUnsupported == true, "\(String(describing: describe))")
        let list = try await kafkaError { _ = try await admin.listGroups() }
        #expect(list?.isUnsupported == true, "\(String(describing: list))")
        let configs = try await kafkaError { _ = try await admin.describeConfigs(topic: "a") }
        #expect(configs?.isUnsupported == true, "\(String(describing: configs))")
        let delete = try await kafkaError { try await admin.deleteGroup("g") }
        #expect(delete?.isUnsupported == true, "\(String(describing: delete))")
    }

    @Test("deleted records are gone from the start of the partition")
    func deleteRecords() async throws {
        let cluster = try await TestCluster.shared(.server)
        let partition = TopicPartition(topic: try await cluster.makeTopic(), partition: 0)
        try await cluster.produce((0..<10).map(String.init), to: partition)
        let results = try await cluster.admin.deleteRecords(before: [partition: 4])
        #expect(try results[partition]?.get() == 4)
        #expect(try await cluster.admin.listOffsets([partition], .earliest) == [partition: 4])
    }
}
