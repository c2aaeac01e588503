import RdKafka
import TestSupport
import Testing

@testable import Kokanee

struct WorkerIsolationTests {
    @Test("jobs of a transaction that was aborted don't run, whatever the client's properties say")
    func aborted() async throws {
        let cluster = try await TestCluster.shared(.server)
        let queue = try Queue(TestCluster.uniqueName("isolation"), ladder: Ladder(text: "1s"))
        _ = try await TopicAdministrator(cluster.admin).create(queue, partitions: 1)
        let place = TopicPartition(topic: queue.mainTopic, partition: 0)
        func job(_ value: Bytes) -> ProducerRecord {
            ProducerRecord(topic: queue.mainTopic, partition: 0, value: value)
        }
        let transactions = try TransactionalProducer(cluster.configuration, transactionalID: queue.mainTopic)
        try await transactions.takeOver()
        try await transactions.begin()
        try await transactions.produce([job("0")])
        let uncommitted = try AdminClient(cluster.configuration.seeingUncommitted)
        try await eventually("the record stands") { try await uncommitted.extents(of: [place])[place] == 0..<1 }
        try await transactions.abort()
        let producer = try Producer(cluster.configuration)
        _ = try await producer.send(job("1"))
        await producer.close()

        let ledger = Ledger()
        var jobs = JobRegistry()
        try jobs.register("default") { (payload: Bytes, _) in try await ledger.run(Int(payload.text) ?? -1) {} }
        var client = cluster.configuration
        client.properties["isolation.level"] = "read_uncommitted"
        let worker = Worker(queues: [queue], jobs: jobs, client: client)
        try await running(worker) {
            // The one before it would have started before it.
            try await eventually("the other runs", within: .seconds(60)) { ledger.ends.contains(1) }
        }
        #expect(ledger.starts == [1])
    }
}
