import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("OffsetResetter", .timeLimit(.minutes(3)))
struct OffsetResetterTests {
    @Test(
        "offsets are moved, without metadata, and undone, as a Python client sees it",
        arguments: TestCluster.Kind.allCases
    )
    func resetAndUndo(kind: TestCluster.Kind) async throws {
        let place = try await QueueOnCluster(kind)
        for partition in Int32(0)..<3 { try await place.produce(10, partition: partition) }
        let metadata = CommitMetadata(owner: "h:1", movedAt: 1, completed: CompletionMap(runs: [8..<9]))
        try await place.alter(7, partition: 0, metadata: metadata.text(above: 7))
        try await place.commit(4, partition: 1)
        try await place.commit(2, partition: 0, topic: place.queue.retryTopics[0])
        let resetter = try OffsetResetter(place.cluster.configuration)

        let plan = try await resetter.plan(.offset(3), of: place.queue)
        #expect(try await place.committed().hasPrefix("7 k1;h:1;1;"))
        #expect(plan.partitions.map(\.old) == [7, 4, nil])
        #expect(plan.runsAgain == 4 + 1 + 1)
        #expect(plan.skipped == 3)
        try await resetter.execute(plan)
        #expect(try await place.committed() == "3 3 3")

        try await resetter.execute(try await resetter.plan(plan.undo, of: place.queue))
        // The embedded broker can't forget an offset: it gets the log's start, which comes to the same.
        #expect(try await place.committed() == (kind == .server ? "7 4 -1" : "7 4 0"))
        let rung = TopicPartition(topic: place.queue.retryTopics[0], partition: 0)
        let kept = try await place.cluster.admin.committedOffsets(group: place.queue.group, [rung])
        #expect(kept[rung] == CommittedOffset(offset: 2))
    }

    @Test("a time is where the first record at or after it is, and the end where there is none")
    func byTime() async throws {
        let place = try await QueueOnCluster(.server, partitions: 2)
        for ago in [30_000, 20_000, 10_000] as [Int64] { try await place.produce(1, partition: 0, ago: ago) }
        let resetter = try OffsetResetter(place.cluster.configuration)
        let plan = try await resetter.plan(.time(Timestamp.now - 25_000), of: place.queue)
        #expect(plan.partitions.map(\.new) == [1, 0])
    }

    @Test("the embedded broker knows no offsets of a time, and what to do instead is told")
    func byTimeEmbedded() async throws {
        let place = try await QueueOnCluster(.embedded, partitions: 1)
        let error = await #expect(throws: ResetError.self) {
            try await OffsetResetter(place.cluster.configuration).plan(.time(1), of: place.queue)
        }
        #expect(error?.message.contains("--to-offset") == true)
    }

    @Test("a group with members is refused, and named, until they have left")
    func members() async throws {
        let place = try await QueueOnCluster(.server)
        try await place.commit(0, partition: 0)
        let resetter = try OffsetResetter(place.cluster.configuration)
        let before = try await resetter.plan(.latest, of: place.queue)
        let member = IdleMember(place.queue, place.cluster.configuration, name: "here:7")
        try await eventually("the group has a member", within: .seconds(40)) {
            try await place.cluster.admin.describeGroup(place.queue.group).members.count == 1
        }
        let refused = await #expect(throws: ResetError.self) { try await resetter.plan(.latest, of: place.queue) }
        #expect(refused?.message.contains("has members (here:7 at ") == true, "\(refused?.message ?? "")")
        await #expect(throws: ResetError.self) { try await resetter.execute(before) }
        try await member.leave()
        try await resetter.execute(try await resetter.plan(.earliest, of: place.queue))
        #expect(try await place.committed() == "0 0 0")
    }

    @Test("on the embedded broker a group that others are in is left without a commit; once empty it is reset")
    func membersEmbedded() async throws {
        let place = try await QueueOnCluster(.embedded)
        for partition in Int32(0)..<3 { try await place.produce(5, partition: partition) }
        try await place.alter(2, partition: 0, metadata: "")
        let member = IdleMember(place.queue, place.cluster.configuration, name: "here:7")
        // A worker without job types finishes everything as dead letters: it has joined when it commits.
        try await eventually("the worker commits", within: .seconds(40)) {
            try await StatusReader(place.cluster.configuration).status(of: place.queue).waiting == 0
        }
        let resetter = try OffsetResetter(place.cluster.configuration)
        let plan = try await resetter.plan(.earliest, of: place.queue)
        await #expect(throws: ResetError.self) { try await resetter.execute(plan) }
        #expect(try await StatusReader(place.cluster.configuration).status(of: place.queue).waiting == 0)
        try await member.leave()
        try await resetter.execute(try await resetter.plan(.earliest, of: place.queue))
        #expect(try await place.committed() == "0 0 0")
    }

    @Test("a plan whose offsets have moved meanwhile is not carried out")
    func stalePlan() async throws {
        let place = try await QueueOnCluster(.embedded, partitions: 2)
        try await place.produce(5, partition: 0)
        try await place.alter(1, partition: 0, metadata: "")
        let resetter = try OffsetResetter(place.cluster.configuration)
        let plan = try await resetter.plan(.latest, of: place.queue)
        try await place.alter(2, partition: 0, metadata: "")
        await #expect(throws: ResetError.self) { try await resetter.execute(plan) }
        #expect(try await place.committed() == "2 -1")
    }
}
