import Foundation
import RdKafka
import TestSupport
import Testing

@Suite("AdminClient: groups", .timeLimit(.minutes(2)))
struct AdminGroupsTests {
    @Test("a group is listed and described with its members and what is assigned to them")
    func describeMembers() async throws {
        let cluster = try await TestCluster.shared(.server)
        let topic = try await cluster.makeTopic(partitions: 2)
        let group = TestCluster.uniqueName("group")
        // kcat -G ends only when it is ended: `timeout` does that after the group has been seen.
        let consumer = Task {
            try await Oracle.run(
                "timeout",
                [
                    "--preserve-status", "-s", "INT", "8", "kcat", "-b", cluster.bootstrapServers, "-X",
                    "client.id=worker-1", "-X", "group.instance.id=instance-1", "-G", group, topic,
                ]
            )
        }
        var description: GroupDescription?
        try await eventually("the group is stable") {
            description = try await cluster.admin.describeGroup(group)
            return description?.state == .stable && description?.members.first?.assignment.count == 2
        }
        let member = try #require(description?.members.first)
        #expect(member.clientID == "worker-1")
        #expect(member.instanceID == "instance-1")
        #expect(member.assignment == [0, 1].map { TopicPartition(topic: topic, partition: $0) })
        #expect(try await cluster.admin.listGroups().contains { $0.id == group })

        let busy = try await kafkaError { try await cluster.admin.deleteGroup(group) }
        #expect(busy?.code == .nonEmptyGroup)
        let offsets = [TopicPartition(topic: topic, partition: 0): CommittedOffset(offset: 0)]
        let refused = try await kafkaError { _ = try await cluster.admin.alterOffsets(group: group, offsets) }
        #expect(refused?.code == .unknownMemberID)
        consumer.cancel()
        _ = try? await consumer.value
    }

    @Test("a group that does not exist is dead and has no members")
    func missingGroup() async throws {
        let cluster = try await TestCluster.shared(.server)
        let description = try await cluster.admin.describeGroup(TestCluster.uniqueName("nobody"))
        #expect(description.state == .dead)
        #expect(description.members.isEmpty)
    }

    @Test("an empty group is deleted with its offsets; one that does not exist can't be")
    func deleteGroup() async throws {
        let cluster = try await TestCluster.shared(.server)
        let partition = TopicPartition(topic: try await cluster.makeTopic(), partition: 0)
        let group = TestCluster.uniqueName("group")
        _ = try await cluster.admin.alterOffsets(group: group, [partition: CommittedOffset(offset: 0)])
        try await cluster.admin.deleteGroup(group)
        #expect(try await cluster.admin.committedOffsets(group: group, [partition]) == [partition: nil])
        let missing = try await kafkaError {
            try await cluster.admin.deleteGroup(TestCluster.uniqueName("nobody"))
        }
        #expect(missing?.code == .groupIDNotFound)
    }
}
