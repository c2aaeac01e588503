import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

// Live topics that get partitions while a replay of them runs.
extension SideReplayTests {
    @Test(
        "where the topic has got partitions since the replay began, it runs its plan, and none of theirs; each number is one worker's",
        arguments: [1, 2]
    )
    func grown(workers: Int) async throws {
        let cluster = try await TestCluster.shared(.server)
        let queue = try Queue(TestCluster.uniqueName("grown"), ladder: Ladder(text: "1s"))
        _ = try await TopicAdministrator(cluster.admin).create(queue, partitions: 2)
        let client = ClientConfiguration(
            bootstrapServers: cluster.bootstrapServers,
            properties: ["session.timeout.ms": "6000"]
        )
        func enqueue(_ values: Range<Int>, partition: Int32) async throws {
            // Each time another: one that knows the topic does not know at once of its new partition.
            let producer = try Producer(client)
            for value in values {
                _ = try await producer.send(
                    ProducerRecord(topic: queue.mainTopic, partition: partition, value: Bytes("\(value)"))
                )
            }
            await producer.close()
        }
        try await enqueue(0..<5, partition: 0)
        try await enqueue(5..<8, partition: 1)
        let planned = try await ReplayPlanner(client).plan(
            Selection(),
            of: queue,
            id: ReplayID.make(at: Timestamp.now),
            scans: false
        )
        let replay = try await SideReplay.begin(planned.plan, of: queue, by: "test", words: "a test", client: client)
        let script = """
            import sys
            from confluent_kafka.admin import AdminClient, NewPartitions
            servers, topic = sys.argv[1:]
            admin = AdminClient({'bootstrap.servers': servers})
            for each in admin.create_partitions([NewPartitions(topic, 4)]).values(): each.result(20)
            """
        _ = try await Oracle.python(script, [cluster.bootstrapServers, queue.mainTopic])
        try await eventually("the new partitions are there") {
            try await cluster.admin.metadata(topics: [queue.mainTopic]).partitions(of: queue.mainTopic)?.count == 4
        }
        try await enqueue(8..<10, partition: 2)
        let ran = Ledger()
        // Of each job: what its second attempt, on a rung, knows of the first.
        let known = Mutex<[Int: String]>([:])
        let gate = Gate()
        let all = try (0..<workers).map { _ in
            var jobs = JobRegistry()
            try jobs.register("default") { (payload: Bytes, context) in
                let number = Int(payload.text) ?? -1
                try await gate.pass()
                guard context.attempt > 1 else {
                    try await context.checkpoint(Bytes("\(number)"))
                    throw JobError.retry("the first attempt fails")
                }
                let last = try await context.lastCheckpoint()
                known.withLock { $0[number] = last?.text }
                try await ran.run(number) {}
            }
            return try Worker(replaying: replay, jobs: jobs, client: client)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in all { group.addTask { try await worker.run() } }
            // Nobody leaves before all have joined.
            try await eventually("each has begun", within: .seconds(40)) { all.allSatisfy { $0.inFlight > 0 } }
            gate.open()
            try await group.waitForAll()
        }
        #expect(ran.ends.sorted() == Array(0..<8))
        #expect(known.withLock { $0 } == Dictionary(uniqueKeysWithValues: (0..<8).map { ($0, "\($0)") }))
        #expect(try await SideReplay.progress(of: replay, client).isCovered)
    }

    @Test(
        "a replay's numbers go by its rungs",
        arguments: [
            ("q/0 q/1 r/0", "q/0 r/0"), ("q/2 q/3 r/1", "q/1 r/1"), ("q/0 r/0 r/1", "q/0 q/1 r/0 r/1"),
            ("q/0 q/1", "q/0 q/1"),
            ("", ""),
        ]
    )
    func numbers(assigned: String, worked: String) {
        func partitions(_ text: String) -> [TopicPartition] {
            text.split(separator: " ").map { word in
                let parts = word.split(separator: "/")
                return TopicPartition(topic: String(parts[0]), partition: Int32(parts[1]) ?? -1)
            }
        }
        #expect(Dispatcher.replayed(partitions(assigned), mainTopic: "q") == partitions(worked))
    }
}
