import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("Priorities", .timeLimit(.minutes(5)))
struct PriorityTests {
    private static func fixture(partitions: Int = 1) throws -> WorkerFixture {
        let fixture = try WorkerFixture(partitions: partitions)
        for topic in fixture.queue.priorityTopics.keys {
            try fixture.broker.createTopic(topic, partitions: partitions)
        }
        return fixture
    }

    private static func enqueue(_ count: Int, _ priority: Priority, to fixture: WorkerFixture) async throws {
        let client = try JobClient(fixture.client)
        let jobs = (0..<count).map { index in
            var job = NewJob(type: "default", payload: Bytes("\(index)"))
            job.priority = priority
            return job
        }
        for result in await client.enqueue(jobs, to: fixture.queue) {
            #expect(try result.get().topic == fixture.queue.topic(of: priority))
        }
        await client.close()
    }

    @Test("high jobs start before a backlog of low ones, and none of these is forgotten")
    func order() async throws {
        let fixture = try Self.fixture()
        try await Self.enqueue(300, .low, to: fixture)
        let started = Mutex<[Priority]>([])
        let gate = Gate()
        let configure: (inout WorkerConfiguration) -> Void = {
            // Two runners may each be given several small jobs, and tell of them in any order.
            $0.concurrency = 1
            $0.priorities = .strict(starvationLimit: nil)
        }
        let worker = try fixture.worker(configure) { _, context in
            let priority = fixture.queue.priority(of: context.source.topic) ?? .normal
            started.withLock { $0.append(priority) }
            try await gate.pass()
        }
        try await running(worker) {
            try await eventually("the low ones are read") { worker.inFlight >= 200 }
            try await Self.enqueue(30, .high, to: fixture)
            try await Self.enqueue(30, .normal, to: fixture)
            try await eventually("all are read") { worker.inFlight == 360 }
            gate.open()
            try await eventually("all have run") { started.withLock { $0.count } == 360 }
        }
        let all = started.withLock { $0 }
        // One ran already, and may have been given some more with it.
        #expect((all.lastIndex(of: .high) ?? .max) < 30 + 8)
        #expect((all.lastIndex(of: .normal) ?? .max) < 60 + 12)
        #expect(all.count { $0 == .low } == 300)
    }

    @Test("a retried job keeps its priority, on its rung and in the main topic")
    func retry() async throws {
        let fixture = try Self.fixture()
        var jobs = JobRegistry()
        try jobs.register("default") { (_: Bytes, _) in }
        let runtime = try fixture.runtime(jobs)
        let origins = ["q.high", "q.low", "q", "other.high"]
        let producer = try Producer(fixture.client)
        for topic in ["q.retry.1s", "q"] {
            for origin in origins {
                let headers = [Header("kokanee-origin", Bytes("\(origin)/0/7")), Header("kokanee-attempt", "2")]
                let record = ProducerRecord(topic: topic, partition: 0, value: "{}", headers: headers)
                _ = try await producer.send(record)
            }
        }
        await producer.close()
        for (topic, delay) in [("q.retry.1s", Int64(1000)), ("q", nil)] {
            let priorities = try await fixture.records(of: topic).map {
                Intake.decide($0, runtime, rungDelay: delay, now: Timestamp.now).facts.priority
            }
            #expect(priorities == [.high, .low, .normal, nil])
        }
    }

    @Test("a job for a priority that the queue does not have is refused before anything is sent")
    func missing() async throws {
        let fixture = try WorkerFixture()
        let client = try JobClient(fixture.client)
        var high = NewJob(type: "default", payload: Bytes("1"))
        high.priority = .high
        let results = await client.enqueue([high, NewJob(type: "default", payload: Bytes("2"))], to: fixture.queue)
        #expect { try results[0].get() } throws: { error in
            "\(error)".contains("q.high") && "\(error)".contains("kokanee topics create q --priorities")
        }
        #expect(throws: Never.self) { try results[1].get() }
        await client.close()
        #expect(try await fixture.admin.metadata(topics: ["q.high"]).partitions(of: "q.high") == nil)
    }

    @Test("low jobs leave room in what is in flight for higher ones")
    func room() {
        var scheduler = Scheduler<String>(limits: .init(jobs: 100, bytes: 1000, gap: 1000, ready: 1000))
        for (id, priority) in [(0, Priority.normal), (1, .high), (2, .low)] {
            scheduler.assign(
                id,
                queue: 0,
                number: 0,
                priority: priority,
                committed: 0,
                restored: CompletionMap(),
                movedAt: 0
            )
        }
        func fill(_ id: Int, bytes: Int) {
            while scheduler.room(in: id) > 0 {
                let offset = scheduler.partitions[id]?.tracker.position ?? 0
                _ = scheduler.admit(id, offset: offset, .init(bytes: bytes, key: nil, start: .now), "x")
            }
        }
        fill(2, bytes: 100)
        #expect(scheduler.inFlightBytes <= 600)
        #expect(scheduler.room(in: 2) == 0)
        fill(0, bytes: 100)
        #expect(scheduler.inFlightBytes <= 850)
        #expect(scheduler.room(in: 0) == 0)
        #expect(scheduler.room(in: 1) > 0)
    }

    @Test("one key's jobs run one at a time, whatever their priorities")
    func lanes() {
        var scheduler = Scheduler<String>(limits: .init())
        for (id, priority) in [(0, Priority.low), (1, .high)] {
            scheduler.assign(
                id,
                queue: 0,
                number: 0,
                priority: priority,
                committed: 0,
                restored: CompletionMap(),
                movedAt: 0
            )
        }
        _ = scheduler.admit(0, offset: 0, .init(bytes: 1, key: 7, start: .now), "low")
        _ = scheduler.admit(1, offset: 0, .init(bytes: 1, key: 7, start: .now), "high")
        _ = scheduler.admit(1, offset: 1, .init(bytes: 1, key: 8, start: .now), "other")
        let first = scheduler.take()
        #expect(first?.content == "other")
        let second = scheduler.take()
        #expect(second?.content == "low")
        let third = scheduler.take()
        #expect(third == nil)
        if let second { _ = scheduler.conclude(second.ticket, hops: false, now: 0) }
        #expect(scheduler.take()?.content == "high")
    }

    @Test("a name that ends like a priority's topic is no queue's")
    func names() throws {
        for name in ["q.high", "q.low"] { #expect(throws: InputError.self) { try Queue(name) } }
        #expect(try Queue("high").topic(of: .low) == "high.low")
        #expect(try Queue("q").priority(of: "q.high") == .high)
        #expect(try Queue("q").priority(of: "q.higher") == nil)
        #expect(try Queue("q").priority(of: "x.high") == nil)
    }
}
