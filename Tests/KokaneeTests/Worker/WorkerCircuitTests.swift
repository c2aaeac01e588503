import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("A worker whose jobs all die")
struct WorkerCircuitTests {
    private static func policy(_ configure: (inout CircuitPolicy) -> Void = { _ in }) -> CircuitPolicy {
        var policy = CircuitPolicy()
        policy.minimumJobs = 20
        policy.probes = 3
        policy.pause = .seconds(1)
        policy.longestPause = .seconds(1)
        configure(&policy)
        return policy
    }

    @Test("its queue is not drained into the dead letters, and is worked again once the jobs succeed")
    func opensAndCloses() async throws {
        let fixture = try WorkerFixture(partitions: 2)
        let count = 2000
        try await fixture.enqueue(count, key: { "\($0 % 50)" }, partition: { $0 % 2 })
        let isMended = Atomic(false)
        let configure: (inout WorkerConfiguration) -> Void = {
            $0.circuit = Self.policy()
            $0.concurrency = 4
        }
        let worker = try fixture.worker(configure) { job, _ in
            guard isMended.load(ordering: .relaxed) else { throw JobError.deadLetter("bad release") }
        }
        try await running(worker) {
            // A dead letter is counted when it is handed to the producer, which is after the circuit has heard of it.
            try await eventually("the circuit opens") {
                worker.statistics.circuitOpened == 1 && worker.statistics.dead >= 20
            }
            let dead = worker.statistics.dead
            #expect(dead < 20 + 4 + 3)
            try await eventually("it has probed, and opened again") { worker.statistics.dead > dead }
            // Two rounds of probes at most since then.
            #expect(worker.statistics.dead < 20 + 4 + 3 * 4)
            #expect(worker.statistics.completed == 0)
            isMended.store(true, ordering: .relaxed)
            try await eventually("all others run") {
                worker.statistics.completed + worker.statistics.dead == count
            }
            #expect(worker.statistics.dead < 100)
            try await eventually("their offsets are committed") {
                let ends = [try await fixture.committed(0)?.offset, try await fixture.committed(1)?.offset]
                return ends == [1000, 1000]
            }
        }
        #expect(try await fixture.records(of: fixture.queue.deadLetterTopic).count == worker.statistics.dead)
    }

    @Test("nor is it where its jobs were quick, and handed over many at a time, before they died")
    func opensAmongMany() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(4000)
        let configure: (inout WorkerConfiguration) -> Void = {
            $0.circuit = Self.policy { $0.pause = .seconds(600) }
            $0.concurrency = 4
        }
        let worker = try fixture.worker(configure) { job, context in
            // Attempts that go on the ladder are quick, too, and make the circuit no more patient.
            guard job >= 3000 else { throw JobStop(wait: .seconds(600)) }
            throw JobError.deadLetter("bad release")
        }
        try await running(worker) {
            try await eventually("the circuit opens") {
                worker.statistics.circuitOpened == 1 && worker.statistics.dead >= 20
            }
        }
        #expect(worker.statistics.dead < 20 + 4, "\(worker.statistics)")
        #expect(try await fixture.records(of: fixture.queue.deadLetterTopic).count == worker.statistics.dead)
    }

    @Test("a worker that does not know the queue's job types stops, and what it did not start waits for one that does")
    func unknownTypes() async throws {
        let fixture = try WorkerFixture()
        let count = 1000
        try await fixture.enqueue(count)
        var configuration = WorkerConfiguration()
        configuration.circuit = Self.policy { $0.pause = .seconds(600) }
        var jobs = JobRegistry()
        try jobs.register("another") { (_: Bytes, _) in }
        let old = Worker(queues: [fixture.queue], jobs: jobs, configuration: configuration, client: fixture.client)
        try await running(old) {
            try await eventually("the circuit opens") { old.statistics.circuitOpened == 1 }
        }
        let dead = old.statistics.dead
        #expect(dead < 20 + 16 && old.statistics.failedAttempts == 0)
        let new = try fixture.worker { _, _ in }
        try await running(new) {
            try await eventually("the others run") { new.statistics.completed == count - dead }
        }
    }

    @Test("records that are no jobs do not open it: a careless producer can't stop the queue")
    func undecodable() async throws {
        let fixture = try WorkerFixture()
        let producer = try Producer(fixture.client)
        let bad = ProducerRecord(topic: "q", partition: 0, value: "x", headers: [Header("ce_id", "half")])
        for result in await producer.send(Array(repeating: bad, count: 200)) { _ = try result.get() }
        await producer.close()
        try await fixture.enqueue(5)
        let worker = try fixture.worker(set(\.circuit, Self.policy())) { _, _ in }
        try await running(worker) {
            try await eventually("all are through") {
                worker.statistics.dead == 200 && worker.statistics.completed == 5
            }
        }
        #expect(worker.statistics.circuitOpened == 0)
    }

    @Test("one queue's open circuit does not hold up another's jobs in the same worker")
    func otherQueue() async throws {
        let fixture = try WorkerFixture()
        let other = try Queue("other", ladder: Ladder(text: "1s"))
        for topic in other.allTopics { try fixture.broker.createTopic(topic, partitions: 1) }
        try await fixture.enqueue(500)
        var configuration = WorkerConfiguration()
        configuration.circuit = Self.policy { $0.pause = .seconds(600) }
        var jobs = JobRegistry()
        try jobs.register("default") { (payload: Bytes, context: JobContext) in
            if context.queue == "q" { throw JobError.deadLetter("bad") }
        }
        let worker = Worker(
            queues: [fixture.queue, other],
            jobs: jobs,
            configuration: configuration,
            client: fixture.client
        )
        try await running(worker) {
            try await eventually("the circuit opens") { worker.statistics.circuitOpened == 1 }
            let producer = try Producer(fixture.client)
            let records = (0..<300).map { ProducerRecord(topic: "other", partition: 0, value: Bytes("\($0)")) }
            for result in await producer.send(records) { _ = try result.get() }
            await producer.close()
            try await eventually("the other queue's jobs run") { worker.statistics.completed == 300 }
        }
        #expect(worker.statistics.dead < 40)
    }
}
