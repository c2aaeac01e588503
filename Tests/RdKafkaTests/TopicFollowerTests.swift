import RdKafka
import Synchronization
import TestSupport
import Testing

@Suite("TopicFollower", .timeLimit(.minutes(2)))
struct TopicFollowerTests {
    private final class Followed: Sendable {
        private let state = Mutex<(values: [String], ends: Int)>(([], 0))

        var values: [String] { state.withLock { $0.values } }
        var ends: Int { state.withLock { $0.ends } }

        func add(_ record: Record) {
            let text = "\(record.partition):\(record.value?.text ?? "-")"
            state.withLock { $0.values.append(text) }
        }

        func end() { state.withLock { $0.ends += 1 } }
    }

    private func follow(
        _ topic: String,
        from starts: [Int32: Int64] = [:],
        missingLimit: Duration = .zero,
        _ servers: String,
        _ followed: Followed
    ) throws -> TopicFollower {
        try TopicFollower(
            topic,
            from: starts,
            missingLimit: missingLimit,
            besides: ["companion"],
            configuration: ClientConfiguration(bootstrapServers: servers),
            caughtUp: followed.end,
            each: followed.add
        )
    }

    @Test(
        "what was there is read in order, then its end is told once, and what comes is read",
        arguments: TestCluster.Kind.allCases
    )
    func follows(kind: TestCluster.Kind) async throws {
        let cluster = try await TestCluster.shared(kind)
        let topic = try await cluster.makeTopic(partitions: 2)
        let (first, second) = (TopicPartition(topic: topic, partition: 0), TopicPartition(topic: topic, partition: 1))
        try await cluster.produce(["a", "b", "c"], to: first)
        try await cluster.produce(["x", "y"], to: second)
        let followed = Followed()
        let follower = try follow(topic, from: [1: 1], cluster.bootstrapServers, followed)
        defer { follower.stop() }
        try await eventually("the ends are told") { followed.ends == 1 }
        #expect(followed.values.filter { $0.hasPrefix("0") } == ["0:a", "0:b", "0:c"])
        #expect(followed.values.filter { $0.hasPrefix("1") } == ["1:y"])
        for value in ["d", "e", "f"] { try await cluster.produce([value], to: first) }
        try await eventually("what is produced is read") {
            followed.values.filter { $0.hasPrefix("0") } == ["0:a", "0:b", "0:c", "0:d", "0:e", "0:f"]
        }
        #expect(followed.ends == 1)
    }

    @Test("a topic that is not there has no records, and is followed once it is", arguments: TestCluster.Kind.allCases)
    func appears(kind: TestCluster.Kind) async throws {
        let cluster = try await TestCluster.shared(kind)
        let topic = TestCluster.uniqueName("later")
        let followed = Followed()
        let follower = try follow(topic, cluster.bootstrapServers, followed)
        defer { follower.stop() }
        try await eventually("it is at the end of nothing") { followed.ends == 1 }
        try await cluster.makeTopic(named: topic, partitions: 3)
        try await cluster.produce(["a"], to: TopicPartition(topic: topic, partition: 2))
        try await eventually("the record is read") { followed.values == ["2:a"] }
        #expect(followed.ends == 1)
    }

    @Test("a broker that has just come up, and knows no topic, is not believed")
    func knowsNothing() async throws {
        let broker = try EmbeddedBroker()
        let (patient, hasty) = (Followed(), Followed())
        let follower = try follow("t", missingLimit: .seconds(600), broker.bootstrapServers, patient)
        defer { follower.stop() }
        let other = try follow("t", broker.bootstrapServers, hasty)
        defer { other.stop() }
        try await eventually("who does not mind is at the end of nothing") { hasty.ends == 1 }
        // It has looked as well by then, unless it was very slow.
        #expect(patient.ends == 0)
        try broker.createTopic("t", partitions: 1)
        try await eventually("the end is told") { patient.ends == 1 }
    }

    @Test(
        "a broker that knows another topic of ours is believed at once, and any is after some time",
        arguments: [true, false]
    )
    func isMissing(hasCompanion: Bool) async throws {
        let broker = try EmbeddedBroker()
        if hasCompanion { try broker.createTopic("companion", partitions: 1) }
        let followed = Followed()
        let limit: Duration = hasCompanion ? .seconds(600) : .milliseconds(1)
        let follower = try follow("t", missingLimit: limit, broker.bootstrapServers, followed)
        defer { follower.stop() }
        try await eventually("it is at the end of nothing") { followed.ends == 1 }
    }

    @Test("partitions that are added are followed from their start")
    func grows() async throws {
        let cluster = try await TestCluster.shared(.server)
        let topic = try await cluster.makeTopic()
        let followed = Followed()
        let follower = try follow(topic, cluster.bootstrapServers, followed)
        defer { follower.stop() }
        try await eventually("the end is told") { followed.ends == 1 }
        let script = """
            import sys
            from confluent_kafka.admin import AdminClient, NewPartitions
            servers, topic = sys.argv[1:]
            it = AdminClient({'bootstrap.servers': servers})
            for each in it.create_partitions([NewPartitions(topic, 2)]).values(): each.result(20)
            """
        _ = try await Oracle.python(script, [cluster.bootstrapServers, topic])
        try await eventually("it can be produced to") {
            try await cluster.admin.metadata(topics: [topic]).partitions(of: topic)?.count == 2
        }
        try await cluster.produce(["a"], to: TopicPartition(topic: topic, partition: 1))
        try await eventually("the record is read") { followed.values == ["1:a"] }
    }

    @Test("brokers that are away are waited for, at the start and later, and nothing is read twice")
    func outage() async throws {
        let broker = try EmbeddedBroker()
        let place = TopicPartition(topic: "t", partition: 0)
        try broker.createTopic("t", partitions: 1)
        let producer = try Producer(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        func produce(_ value: String) async throws {
            _ = try await producer.send(ProducerRecord(topic: place.topic, partition: 0, value: Bytes(value)))
        }
        try await produce("a")
        try broker.setBrokerDown()
        let followed = Followed()
        let follower = try follow("t", broker.bootstrapServers, followed)
        defer { follower.stop() }
        try broker.setBrokerUp()
        try await eventually("the end is told") { followed.ends == 1 }
        try broker.setBrokerDown()
        try broker.setBrokerUp()
        try await produce("b")
        try await eventually("the record is read") { followed.values.contains("0:b") }
        #expect(followed.values == ["0:a", "0:b"])
        await producer.close()
    }

    @Test("a start that the log does not have any more, or not yet, is its start")
    func outOfRange() async throws {
        let cluster = try await TestCluster.shared(.server)
        let topic = try await cluster.makeTopic(partitions: 2)
        for partition in Int32(0)..<2 {
            try await cluster.produce(["a", "b", "c"], to: TopicPartition(topic: topic, partition: partition))
        }
        _ = try await cluster.admin.deleteRecords(before: [TopicPartition(topic: topic, partition: 0): 2])
        let followed = Followed()
        let follower = try follow(topic, from: [0: 1, 1: 50], cluster.bootstrapServers, followed)
        defer { follower.stop() }
        try await eventually("the ends are told") { followed.ends == 1 }
        #expect(followed.values.sorted() == ["0:c", "1:a", "1:b", "1:c"])
    }

    @Test("after its end nothing is read, also where it was only let go")
    func stops() async throws {
        let cluster = try await TestCluster.shared(.embedded)
        let topic = try await cluster.makeTopic()
        let place = TopicPartition(topic: topic, partition: 0)
        let (stopped, dropped, control) = (Followed(), Followed(), Followed())
        let follower = try follow(topic, cluster.bootstrapServers, stopped)
        var other: TopicFollower? = try follow(topic, cluster.bootstrapServers, dropped)
        try await eventually("both are at the end") { stopped.ends == 1 && dropped.ends == 1 }
        follower.stop()
        _ = other
        other = nil
        let last = try follow(topic, cluster.bootstrapServers, control)
        defer { last.stop() }
        try await cluster.produce(["a"], to: place)
        try await eventually("another one reads it") { control.values == ["0:a"] }
        #expect(stopped.values.isEmpty)
        #expect(dropped.values.isEmpty)
    }
}
