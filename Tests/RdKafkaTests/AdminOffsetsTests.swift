import Foundation
import RdKafka
import TestSupport
import Testing

@Suite("AdminClient: offsets", .timeLimit(.minutes(2)))
struct AdminOffsetsTests {
    @Test("altered offsets are read back with their metadata", arguments: TestCluster.Kind.allCases)
    func alterAndRead(kind: TestCluster.Kind) async throws {
        let cluster = try await TestCluster.shared(kind)
        let topic = try await cluster.makeTopic(partitions: 3)
        let partitions = (0..<3).map { TopicPartition(topic: topic, partition: Int32($0)) }
        let group = TestCluster.uniqueName("group")
        try await cluster.produce((0..<10).map(String.init), to: partitions[0])
        let offsets = [
            partitions[0]: CommittedOffset(offset: 7, metadata: "k1:AAEC/w=="),
            partitions[1]: CommittedOffset(offset: 0),
        ]
        #expect(try await cluster.admin.alterOffsets(group: group, offsets).isEmpty)
        var expected = offsets.mapValues(Optional.some)
        expected[partitions[2]] = .some(nil)
        #expect(try await cluster.admin.committedOffsets(group: group, partitions) == expected)
    }

    @Test("what another client committed is read, and what we commit another client reads")
    func agreesWithOracle() async throws {
        let cluster = try await TestCluster.shared(.server)
        let topic = try await cluster.makeTopic(partitions: 2)
        let (zero, one) = (TopicPartition(topic: topic, partition: 0), TopicPartition(topic: topic, partition: 1))
        let group = TestCluster.uniqueName("group")
        let script = """
            import sys
            from kafka import KafkaAdminClient, OffsetAndMetadata, TopicPartition
            servers, group, topic = sys.argv[1:]
            admin = KafkaAdminClient(bootstrap_servers=servers)
            for partition, committed in admin.list_group_offsets([group])[group].items():
                print(partition.topic, partition.partition, committed.offset, committed.metadata)
            admin.alter_group_offsets(group, {TopicPartition(topic, 0): OffsetAndMetadata(42, 'theirs', -1)})
            """
        let ours = [one: CommittedOffset(offset: 5, metadata: "ours")]
        #expect(try await cluster.admin.alterOffsets(group: group, ours).isEmpty)
        let output = try await Oracle.python(script, [cluster.bootstrapServers, group, topic])
        #expect(output == "\(topic) 1 5 ours\n")
        let committed = try await cluster.admin.committedOffsets(group: group, [zero, one])
        #expect(committed == [zero: CommittedOffset(offset: 42, metadata: "theirs"), one: ours[one]])
    }

    @Test(
        "partitions that can't be committed are named, the others are committed",
        arguments: TestCluster.Kind.allCases
    )
    func partialFailure(kind: TestCluster.Kind) async throws {
        let cluster = try await TestCluster.shared(kind)
        let good = TopicPartition(topic: try await cluster.makeTopic(), partition: 0)
        let bad = TopicPartition(topic: good.topic, partition: 9)
        let group = TestCluster.uniqueName("group")
        let offset = CommittedOffset(offset: 1)
        let failures = try await cluster.admin.alterOffsets(group: group, [good: offset, bad: offset])
        #expect(failures.keys.sorted() == [bad])
        #expect(failures[bad]?.code == .unknownTopicOrPartition)
        let committed = try await cluster.admin.committedOffsets(group: group, [good, bad])
        #expect(committed == [good: offset, bad: nil])
    }

    @Test("an offset below 0 is refused, not left out in silence")
    func negativeOffset() async throws {
        let cluster = try await TestCluster.shared(.embedded)
        let partition = TopicPartition(topic: try await cluster.makeTopic(), partition: 0)
        let error = try await kafkaError {
            _ = try await cluster.admin.alterOffsets(group: "g", [partition: CommittedOffset(offset: -1)])
        }
        #expect(error?.code == .localInvalidArgument)
    }

    @Test("deleted offsets are gone, the others stay")
    func deleteOffsets() async throws {
        let cluster = try await TestCluster.shared(.server)
        let topic = try await cluster.makeTopic(partitions: 2)
        let (zero, one) = (TopicPartition(topic: topic, partition: 0), TopicPartition(topic: topic, partition: 1))
        let group = TestCluster.uniqueName("group")
        let offset = CommittedOffset(offset: 3)
        _ = try await cluster.admin.alterOffsets(group: group, [zero: offset, one: offset])
        #expect(try await cluster.admin.deleteOffsets(group: group, [zero]).isEmpty)
        #expect(try await cluster.admin.committedOffsets(group: group, [zero, one]) == [zero: nil, one: offset])
    }

    @Test("the first and the end offset of many partitions are told at once", arguments: TestCluster.Kind.allCases)
    func earliestAndLatest(kind: TestCluster.Kind) async throws {
        let cluster = try await TestCluster.shared(kind)
        let topic = try await cluster.makeTopic(partitions: 5)
        let partitions = (0..<5).map { TopicPartition(topic: topic, partition: Int32($0)) }
        for (count, partition) in partitions.enumerated() {
            try await cluster.produce((0..<count).map(String.init), to: partition)
        }
        let ends = Dictionary(uniqueKeysWithValues: zip(partitions, Int64(0)...))
        #expect(try await cluster.admin.listOffsets(partitions, .latest) == ends)
        #expect(try await cluster.admin.listOffsets(partitions, .earliest) == ends.mapValues { _ in 0 })
    }

    @Test("offsets for a time: the first record at or after it, or the end where there is none")
    func byTimestamp() async throws {
        let cluster = try await TestCluster.shared(.server)
        let partition = TopicPartition(topic: try await cluster.makeTopic(), partition: 0)
        // Not long ago, or retention would take them away.
        let start = Int64(Date().timeIntervalSince1970 * 1000) - 60_000
        for (value, time) in [("a", start), ("b", start + 1000), ("c", start + 2000)] {
            try await cluster.produce([value], to: partition, timestamp: time)
        }
        let wanted: [Int64: Int64] = [0: 0, start: 0, start + 1: 1, start + 1000: 1, start + 2000: 2, start + 2001: 3]
        for (time, offset) in wanted {
            let found = try await cluster.admin.listOffsets([partition], .timestamp(time))
            #expect(found == [partition: offset], "at \(time): \(found)")
        }
    }

    @Test("the embedded broker, which knows no offsets by time, says so instead of telling the end")
    func byTimestampEmbedded() async throws {
        let cluster = try await TestCluster.shared(.embedded)
        let partition = TopicPartition(topic: try await cluster.makeTopic(), partition: 0)
        let error = try await kafkaError { _ = try await cluster.admin.listOffsets([partition], .timestamp(1)) }
        #expect(error?.isUnsupported == true)
    }

    @Test("a partition that does not exist is an error", arguments: TestCluster.Kind.allCases)
    func unknownPartition(kind: TestCluster.Kind) async throws {
        let cluster = try await TestCluster.shared(kind)
        let missing = TopicPartition(topic: try await cluster.makeTopic(), partition: 7)
        let error = try await kafkaError { _ = try await cluster.admin.listOffsets([missing], .latest) }
        #expect(error != nil)
    }
}
