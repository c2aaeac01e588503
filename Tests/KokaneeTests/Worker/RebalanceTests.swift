import Kokanee
import RdKafka
import Synchronization
import TestSupport
import Testing

@Suite("Rebalances")
struct RebalanceTests {
    /// What ran, by job: starts and ends in the order in which they happened.
    private final class Ledger: Sendable {
        private let entries = Mutex<[(job: String, worker: String, event: String)]>([])

        func note(_ job: String, _ worker: String, _ event: String) {
            entries.withLock { $0.append((job, worker, event)) }
        }

        func events(_ event: String) -> [(job: String, worker: String)] {
            entries.withLock { $0.filter { $0.event == event }.map { ($0.job, $0.worker) } }
        }
    }

    /// Lets jobs end when the test says so.
    private final class Gate: Sendable {
        private let isOpen = Mutex(false)

        func open() { isOpen.withLock { $0 = true } }

        func wait() async throws {
            while !isOpen.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(5)) }
        }
    }

    @Test("a job that outlasts a rebalance goes on where its partition stays, and runs again where it moves")
    func longJobsOutliveARebalance() async throws {
        let broker = try EmbeddedBroker(brokers: 1)
        let queue = try Queue("long", ladder: Ladder(text: "1s"))
        // The embedded broker lets a rebalance last for the session timeout.
        let properties = ["session.timeout.ms": "4000", "heartbeat.interval.ms": "500"]
        let client = ClientConfiguration(bootstrapServers: broker.bootstrapServers, properties: properties)
        let admin = try AdminClient(client)
        _ = try await TopicAdministrator(admin).create(queue, partitions: 4)
        let producer = try Producer(client)
        for partition in Int32(0)..<4 {
            let record = ProducerRecord(topic: "long", partition: partition, key: Bytes("k\(partition)"), value: "{}")
            _ = try await producer.send(record)
        }
        let ledger = Ledger()
        let gate = Gate()
        let first = try worker("first", queue, client, ledger, gate)
        let second = try worker("second", queue, client, ledger, gate)

        try await withThrowingTaskGroup { group in
            group.addTask { try await first.run() }
            try await eventually("all four jobs run") { ledger.events("start").count == 4 }
            group.addTask { try await second.run() }
            try await eventually("the second worker runs what moved to it", within: .seconds(30)) {
                ledger.events("start").contains { $0.worker == "second" }
            }
            let moved = Set(ledger.events("start").filter { $0.worker == "second" }.map(\.job))
            try await eventually("what moved is cancelled on the first") {
                Set(ledger.events("cancelled").map(\.job)).isSuperset(of: moved)
            }
            gate.open()
            try await eventually("every job is completed once") {
                first.statistics.completed + second.statistics.completed == 4
            }
            // Before the workers leave: the embedded broker takes no commit while a group rebalances.
            let partitions = (0..<4).map { TopicPartition(topic: "long", partition: $0) }
            try await eventually("every job is committed") {
                let committed = try await admin.committedOffsets(group: queue.group, partitions)
                return partitions.allSatisfy { committed[$0]??.offset == 1 }
            }
            first.stop()
            second.stop()
            try await group.waitForAll()
        }

        let starts = ledger.events("start")
        let moved = Set(starts.filter { $0.worker == "second" }.map(\.job))
        #expect((1...3).contains(moved.count))
        for job in (0..<4).map({ "long/\($0)/0" }) {
            #expect(starts.filter { $0.job == job }.count == (moved.contains(job) ? 2 : 1), "\(job)")
            #expect(ledger.events("end").filter { $0.job == job }.count == 1, "\(job)")
        }
    }

    @Test(
        "what ends while its partition is handed back, and leaves something, is not done again where the partition stays",
        arguments: ["result", "retry"]
    )
    func endsAreKept(what: String) async throws {
        let broker = try EmbeddedBroker(brokers: 1)
        let queue = try Queue("long", ladder: Ladder(text: "1s"))
        let properties = ["session.timeout.ms": "4000", "heartbeat.interval.ms": "500"]
        let client = ClientConfiguration(bootstrapServers: broker.bootstrapServers, properties: properties)
        _ = try await TopicAdministrator(AdminClient(client)).create(queue, partitions: 4)
        let enqueuer = try JobClient(client)
        let all = (0..<16).map { index in
            var job = NewJob(type: "default", payload: Bytes("\(index)"))
            job.key = Bytes("k\(index)")
            if what == "result" { job.keepResult = .seconds(600) }
            return job
        }
        for result in await enqueuer.enqueue(all, to: queue) { _ = try result.get() }
        await enqueuer.close()
        let ledger = Ledger()
        let gate = Gate()
        let log = LogCollector()
        let first = try worker("first", queue, client, ledger, gate, fails: what == "retry", logger: log.logger)
        let second = try worker("second", queue, client, ledger, gate, fails: what == "retry")
        try await withThrowingTaskGroup { group in
            group.addTask { try await first.run() }
            try await eventually("all jobs run") { ledger.events("start").count == 16 }
            group.addTask { try await second.run() }
            try await eventually("the partitions are handed back", within: .seconds(30)) {
                log.contains("partitions revoked")
            }
            gate.open()
            try await eventually("every job is completed once", within: .seconds(60)) {
                first.statistics.completed + second.statistics.completed >= 16
            }
            first.stop()
            second.stop()
            try await group.waitForAll()
        }
        // A busy machine may have the group rebalance once more, and the embedded broker takes no commit meanwhile: then what
        // was done before is done again, which is another matter.
        guard log.lines.count(where: { $0.contains("partitions assigned") }) == 2 else { return }
        let starts = ledger.events("start")
        let moved = Set(starts.filter { $0.worker == "second" }.map(\.job))
        let stayed = Set(starts.map(\.job)).subtracting(moved)
        #expect(!stayed.isEmpty)
        for job in stayed {
            #expect(starts.filter { $0.job == job }.count == (what == "retry" ? 2 : 1), "\(job)")
        }
        #expect(first.statistics.failedAttempts == (what == "retry" ? stayed.count : 0))
    }

    private func worker(
        _ name: String,
        _ queue: Queue,
        _ client: ClientConfiguration,
        _ ledger: Ledger,
        _ gate: Gate,
        fails: Bool = false,
        logger: Logger = .disabled
    ) throws -> Worker {
        var jobs = JobRegistry()
        try jobs.register("default") { (_: Bytes, context) in
            ledger.note(context.id, name, "start")
            do {
                try await gate.wait()
            } catch {
                ledger.note(context.id, name, "cancelled")
                throw error
            }
            ledger.note(context.id, name, "end")
            if fails, context.attempt == 1 { throw JobError.retry("once") }
        }
        var configuration = WorkerConfiguration()
        configuration.concurrency = 16
        configuration.revocationLimit = .milliseconds(100)
        return Worker(queues: [queue], jobs: jobs, configuration: configuration, client: client, logger: logger)
    }
}
