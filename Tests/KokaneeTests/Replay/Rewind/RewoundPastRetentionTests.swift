import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("A rewind to what retention has taken", .timeLimit(.minutes(2)))
struct RewoundPastRetentionTests {
    @Test("begins at the log's start, and says how many records it misses")
    func retention() async throws {
        let place = try await QueueOnCluster(.server, partitions: 1)
        try await place.produce(10, partition: 0)
        let ledger = Ledger()
        var jobs = JobRegistry()
        try jobs.register("default") { (_: Bytes, context) in
            try await ledger.run(Int(context.id.split(separator: "/").last ?? "") ?? -1) {}
        }
        var configuration = WorkerConfiguration()
        configuration.commitInterval = .milliseconds(50)
        let client = place.cluster.configuration
        let worker = Worker(queues: [place.queue], jobs: jobs, configuration: configuration, client: client)
        try await running(worker) {
            try await eventually("all is committed", within: .seconds(30)) {
                try await place.committed().hasPrefix("10 ")
            }
            let log = TopicPartition(topic: place.queue.mainTopic, partition: 0)
            let live = try LiveRewind(client)
            // Retention overtakes the plan.
            let plan = try await live.plan(.offset(2), of: place.queue)
            _ = try await place.cluster.admin.deleteRecords(before: [log: 6])
            _ = try await live.execute(plan, by: "me", words: "")
            try await eventually("what is left has run again", within: .seconds(30)) { ledger.ends.count == 14 }
            try await eventually("all is committed", within: .seconds(30)) {
                try await place.committed().hasPrefix("10 ")
            }
        }
        // They have no keys, and run beside each other.
        #expect(ledger.ends.prefix(10).sorted() == Array(0..<10) && ledger.ends.dropFirst(10).sorted() == Array(6..<10))
        #expect(worker.statistics.lostToRetention == 4)
    }
}
