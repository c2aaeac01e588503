import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("StatusReader", .timeLimit(.minutes(2)))
struct StatusReaderTests {
    @Test("counts agree with kcat and with offsets that a Python client commits", arguments: TestCluster.Kind.allCases)
    func agreesWithOracles(kind: TestCluster.Kind) async throws {
        let place = try await QueueOnCluster(kind)
        let queue = place.queue
        for partition in Int32(0)..<3 { try await place.produce(10, partition: partition, ago: 5000) }
        try await place.produce(4, to: queue.retryTopics[0], partition: 1)
        try await place.produce(2, to: queue.retryTopics[1], partition: 2)
        try await place.produce(5, to: queue.deadLetterTopic, partition: 0)
        try await place.produce(1, to: "\(queue.name).state", partition: 0, key: "dlq/0/3")
        try await place.produce(1, to: "\(queue.name).state", partition: 0, key: "mark/0/3")
        try await place.commit(4, partition: 0)
        try await place.commit(10, partition: 1)
        try await place.commit(3, partition: 1, topic: queue.retryTopics[0])

        let reader = try StatusReader(place.cluster.configuration)
        let status = try await reader.status(of: queue)
        #expect(try await place.kcatCount(queue.mainTopic) == 30)
        #expect(status.waiting == 30 - 14)
        #expect(status.partitions.map(\.committed) == [4, 10, nil])
        #expect(try await place.committed() == "4 10 -1")
        #expect(status.partitions.map(\.end) == [10, 10, 10])
        #expect(status.partitions.map(\.waiting) == [6, 0, 10])
        #expect(status.retrying == [.init(name: "1s", waiting: 1), .init(name: "1m", waiting: 2)])
        #expect(status.dead == 4)
        #expect(status.workers == 0)
        #expect(status.membersAreKnown == (kind == .server))
        #expect(status.stalls.isEmpty)
        let age = try #require(status.oldestWaitingMilliseconds)
        #expect((5000..<60_000).contains(age), "\(age)")
        #expect(try await reader.queues().contains(queue.name))
        #expect(try await !reader.queues().contains(queue.deadLetterTopic))
    }

    @Test(
        "a stalled partition is told with the job that holds it, and that nobody has it",
        arguments: TestCluster.Kind.allCases
    )
    func stalled(kind: TestCluster.Kind) async throws {
        let place = try await QueueOnCluster(kind, partitions: 2)
        try await place.produce(3, partition: 0, ago: 500_000)
        let event = ["ce_specversion": "1.0", "ce_id": "stuck", "ce_type": "invoice.send", "ce_source": "test"]
        let headers = event.map { Header($0.key, Bytes($0.value)) }
        try await place.produce(1, partition: 0, headers: headers, ago: 400_000)
        try await place.produce(3, partition: 0, ago: 300_000)
        let metadata = CommitMetadata(
            owner: "gone:7",
            movedAt: Timestamp.now - 120_000,
            completed: CompletionMap(runs: [4..<6])
        )
        try await place.alter(3, partition: 0, metadata: metadata.text(above: 3))

        let reader = try StatusReader(place.cluster.configuration)
        let status = try await reader.status(of: place.queue)
        #expect(status.waiting == 2)
        let stall = try #require(status.stalls.first)
        #expect(stall.partition == 0)
        #expect((120_000..<180_000).contains(stall.milliseconds))
        #expect(stall.job.id == "stuck")
        #expect(stall.job.type == "invoice.send")
        #expect(stall.job.offset == 3)
        #expect(stall.owner == nil)
        #expect(stall.lastOwner == "gone:7")
        #expect(try await reader.status(of: place.queue, stalledAfter: .seconds(600)).stalls.isEmpty)
    }

    @Test("the group's members are the workers, and each partition's owner is named")
    func members() async throws {
        let place = try await QueueOnCluster(.server)
        let member = IdleMember(place.queue, place.cluster.configuration, name: "here:42")
        let reader = try StatusReader(place.cluster.configuration)
        try await eventually("the worker owns all partitions", within: .seconds(40)) {
            let status = try await reader.status(of: place.queue)
            return status.workers == 1 && status.partitions.allSatisfy { $0.owner == "here:42" }
        }
        try await member.leave()
    }

    @Test("a queue that does not exist is an error with the command that creates it")
    func missing() async throws {
        let cluster = try await TestCluster.shared(.embedded)
        let queue = try Queue(TestCluster.uniqueName("missing"))
        let error = await #expect(throws: TopicError.self) {
            try await StatusReader(cluster.configuration).status(of: queue)
        }
        #expect(
            error?.message == "there is no queue \(queue.name); create it with: kokanee topics create \(queue.name)"
        )
    }
}
