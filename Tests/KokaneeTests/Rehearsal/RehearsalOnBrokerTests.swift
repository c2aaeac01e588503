import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("What a rehearsal leaves behind", .timeLimit(.minutes(3)))
struct RehearsalOnBrokerTests {
    /// The groups that have to do with the queue, its own one's offsets as a Python client reads them, and the ends of all
    /// topics whose names begin with its.
    private func trace(_ place: QueueOnCluster) async throws -> [String] {
        let metadata = try await place.cluster.admin.metadata()
        let topics = metadata.topics.keys.filter { $0.hasPrefix(place.queue.name) }
        let places = topics.flatMap { metadata.partitions(of: $0) ?? [] }
        let ends = try await place.cluster.admin.listOffsets(places, .latest)
        let groups = try await place.cluster.admin.listGroups().map(\.id).filter { $0.contains(place.queue.name) }
        return ["groups \(groups.sorted())", "committed \(try await place.committed())"]
            + ends.map { "\($0.key) \($0.value)" }.sorted()
    }

    @Test("nothing is produced and nothing committed, whatever becomes of the jobs")
    func nothing() async throws {
        let place = try await QueueOnCluster(.server)
        let headers = [
            Header("ce_specversion", "1.0"), Header("ce_id", "i"), Header("ce_type", "known"),
            Header("ce_source", "/t"),
        ]
        for partition in Int32(0)..<3 {
            try await place.produce(50, partition: partition, key: "k", headers: headers)
            try await place.produce(10, partition: partition)
            try await place.produce(10, partition: partition, headers: Array(headers.prefix(2)))
        }
        try await place.commit(20, partition: 1)
        let before = try await trace(place)
        #expect(before.count { $0.hasPrefix(place.queue.mainTopic) && $0.hasSuffix(" 70") } == 3)
        #expect(before[1] == "committed -1 20 -1")

        let sent = Mutex(0)
        var jobs = JobRegistry()
        try jobs.register("known") { (_: Bytes, context) in
            await context.effects.perform("send") { sent.withLock { $0 += 1 } }
            switch context.source.offset % 5 {
            case 0: throw JobError.retry(after: .milliseconds(1), "again")
            case 1: throw JobError.deadLetter("never")
            case 2: throw JobError.discard("no")
            default: break
            }
        }
        let plan = ReplayPlan(
            id: "20261125-214400-k3f9",
            queue: place.queue.name,
            selection: Selection(),
            partitions: (0..<3).map { ReplayPlan.Partition(partition: $0, from: 0, to: 70) }
        )
        var configuration = Rehearsal.Configuration()
        configuration.sample = 209
        let report = try await Rehearsal(
            of: plan,
            queue: place.queue,
            jobs: jobs,
            configuration: configuration,
            client: place.cluster.configuration
        ).run()
        #expect([report.scanned, report.matched, report.rehearsed] == [210, 210, 209])
        #expect(report.nowBad > 100)
        #expect(report.effects.map(\.name) == ["send"])
        #expect(sent.withLock { $0 } == 0)
        #expect(try await trace(place) == before)
    }

    @Test("a range that retention has cut is rehearsed as far as it is there, and the rest is told")
    func retention() async throws {
        let place = try await QueueOnCluster(.server, partitions: 1)
        try await place.produce(100, partition: 0)
        let start = TopicPartition(topic: place.queue.mainTopic, partition: 0)
        _ = try await place.cluster.admin.deleteRecords(before: [start: 30])
        var jobs = JobRegistry()
        try jobs.register("default") { (_: Bytes, _) in }
        let plan = ReplayPlan(
            id: "20261125-214400-k3f9",
            queue: place.queue.name,
            selection: Selection(),
            partitions: [ReplayPlan.Partition(partition: 0, from: 10, to: 90)]
        )
        let report = try await Rehearsal(of: plan, queue: place.queue, jobs: jobs, client: place.cluster.configuration)
            .run()
        #expect([report.scanned, report.rehearsed] == [60, 60])
        #expect(report.notes.count == 1)
        #expect(report.notes.first?.hasPrefix("20 of the range's 80 offsets held no record any more") == true)
    }
}
