import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite(.timeLimit(.minutes(2))) struct ScheduleKeeperTests {
    private static func record(_ queue: Queue, misfire: Schedule.Misfire = .catchUp(100)) throws -> ScheduleRecord {
        var schedule = try Schedule("tick", type: "t", at: "* * * * * *")
        schedule.misfire = misfire
        return ScheduleRecord(queue: queue.name, schedule: schedule, by: "me", at: 0, since: 1_000_000)
    }

    @Test("who takes over knows what was fired, and whoever was in charge can fire nothing any more")
    func takesOver() async throws {
        let stand = try await QueueOnCluster(.server, partitions: 1)
        let (queue, client) = (stand.queue, stand.cluster.configuration)
        let records = ["tick": try Self.record(queue)]
        let old = try await ScheduleSession(queue, client)
        let first = ScheduleTurn(queue, records, old.book, now: 1_003_000)
        try await old.write(first)
        #expect(old.book.states["tick"]?.fired == 3)
        // It decides, and stands still.
        let frozen = ScheduleTurn(queue, records, old.book, now: 1_005_000)
        #expect(frozen.plans[0].plan.ticks == [1_004_000, 1_005_000])
        let new = try await ScheduleSession(queue, client)
        #expect(new.book.states == old.book.states)
        try await new.write(ScheduleTurn(queue, records, new.book, now: 1_004_000))
        let error = await #expect(throws: KafkaError.self) { try await old.write(frozen) }
        #expect(error?.isFenced == true, "\(String(describing: error))")
        try await new.write(ScheduleTurn(queue, records, new.book, now: 1_006_000))
        for session in [old, new] { session.end() }
        let third = try await ScheduleSession(queue, client)
        third.end()
        #expect(third.book.states["tick"]?.tick == 1_006_000)
        #expect(third.book.states["tick"]?.fired == 6)
        let range: [TopicPartition: Range<Int64>] = [TopicPartition(topic: queue.mainTopic, partition: 0): 0..<100]
        let ids = Mutex<[String]>([])
        try await TopicReader.read(range, configuration: client, stallTimeout: .seconds(10)) { record in
            let id = record.headers.first { $0.name == "ce_id" }?.value?.text
            ids.withLock { $0.append(id ?? "") }
            return true
        }
        #expect(ids.withLock { $0 } == (1...6).map { "tick@1970-01-01T00:16:4\($0)Z" })
    }

    @Test("who takes over knows which schedules there are, whatever its worker has heard of by then")
    func knowsSchedules() async throws {
        let stand = try await QueueOnCluster(.server, partitions: 1)
        let (queue, client) = (stand.queue, stand.cluster.configuration)
        let desk = try ScheduleDesk(client)
        for name in ["kept", "gone"] {
            _ = try await desk.put(try Schedule(name, type: "t", at: "@daily"), queue: queue.name, by: "me")
        }
        _ = try await desk.remove("gone", queue: queue.name)
        let session = try await ScheduleSession(queue, client)
        session.end()
        #expect(session.known == ["kept"])
        _ = try await desk.remove("kept", queue: queue.name)
    }

    @Test("the end of a job that others have noted is known to the keeper")
    func done() async throws {
        let stand = try await QueueOnCluster(.server, partitions: 1)
        let (queue, client) = (stand.queue, stand.cluster.configuration)
        let session = try await ScheduleSession(queue, client)
        let done = ScheduleDone(name: "tick", job: "tick@x")
        let producer = try Producer(client)
        let record = ProducerRecord(
            topic: queue.stateTopic,
            partition: 0,
            key: Bytes(done.key),
            value: Bytes(done.value("completed", at: 0))
        )
        for result in await producer.send([record]) { _ = try result.get() }
        await producer.close()
        try await eventually("it is known") { session.book.done("tick") == ["tick@x"] }
        session.end()
        let next = try await ScheduleSession(queue, client)
        #expect(next.book.done("tick") == ["tick@x"])
        next.end()
    }

    @Test(
        "a schedule of a worker's configuration is written down and fired; one that was written by hand goes before it"
    )
    func code() async throws {
        let fixture = try WorkerFixture()
        let runs = Mutex<[String]>([])
        func run(_ schedule: Schedule, until condition: () async throws -> Bool) async throws {
            let worker = try fixture.worker {
                $0.schedules = ["q": [schedule]]
            } perform: { _, context in
                runs.withLock { $0.append(context.id) }
            }
            async let end: Void = worker.run()
            try await eventually("it is so", within: .seconds(30), condition)
            worker.stop()
            try await end
        }
        let desk = try ScheduleDesk(fixture.client)
        let first = try Schedule("tick", type: "default", at: "* * * * * *")
        try await run(first) { runs.withLock { $0.count >= 2 } }
        #expect(runs.withLock { $0.allSatisfy { $0.hasPrefix("tick@") } })
        var entry = try #require(try await desk.entries(queue: fixture.queue).first)
        #expect(entry.record.source == .code)
        #expect(entry.state?.fired ?? 0 >= 2)

        // Another release says otherwise.
        let second = try Schedule("tick", type: "default", at: "*/2 * * * * *")
        try await run(second) {
            try await desk.entries(queue: fixture.queue).first?.record.schedule.times.text == "*/2 * * * * *"
        }
        // And somebody by hand.
        let change = try await desk.put(try Schedule("tick", type: "default", at: "@yearly"), queue: "q", by: "ada")
        #expect(change == .replaced(["schedule */2 * * * * * → @yearly"]))
        let fired = try await desk.entries(queue: fixture.queue).first?.state?.fired
        let mark = try Schedule("mark", type: "default", at: "* * * * * *")
        _ = try await desk.put(mark, queue: "q", by: "ada")
        try await run(second) { runs.withLock { $0.filter { $0.hasPrefix("mark@") }.count >= 2 } }
        entry = try #require(try await desk.entries(queue: fixture.queue).last)
        #expect(entry.state?.fired == fired)
        #expect(entry.record.source == .hand && entry.record.schedule.times.text == "@yearly")
    }

    @Test(
        "with skip, a job's end is told of, whatever it is, and before that no tick is fired",
        arguments: ["completed", "discarded", "dead"]
    )
    func ends(end: String) async throws {
        let fixture = try WorkerFixture()
        var schedule = try Schedule("tick", type: "default", at: "* * * * * *")
        schedule.overlap = .skip
        let runs = Mutex<[String]>([])
        let worker = try fixture.worker {
            $0.schedules = ["q": [schedule]]
        } perform: { _, context in
            runs.withLock { $0.append(context.id) }
            // Ticks pass meanwhile.
            try await eventually("one is passed over") {
                try await ScheduleDesk(fixture.client).entries(queue: fixture.queue).first?.state?.skipped ?? 0 > 0
            }
            switch end {
            case "discarded": throw JobError.discard("no use")
            case "dead": throw JobError.deadLetter("no use")
            default: return
            }
        }
        async let ended: Void = worker.run()
        try await eventually("three have run", within: .seconds(40)) { runs.withLock { $0.count >= 3 } }
        worker.stop()
        try await ended
        let ids = runs.withLock { $0 }
        #expect(Set(ids).count == ids.count && ids == ids.sorted())
        let values = try await fixture.records(of: fixture.queue.stateTopic).compactMap { record in
            record.key?.text == ScheduleDone(name: "tick", job: ids[0]).key ? record.value?.text : nil
        }
        #expect(values.first?.contains(#""end":"\#(end)""#) == true)
    }

    @Test("a schedule whose jobs are too large holds up no other one")
    func tooLarge() async throws {
        let fixture = try WorkerFixture(properties: ["message.max.bytes": "20000"])
        var large = try Schedule("large", type: "default", at: "* * * * * *")
        large.payload = Array(repeating: UInt8(ascii: "7"), count: 30_000)
        let small = try Schedule("small", type: "default", at: "* * * * * *")
        let desk = try ScheduleDesk(ClientConfiguration(bootstrapServers: fixture.broker.bootstrapServers))
        for schedule in [large, small] { _ = try await desk.put(schedule, queue: "q", by: "me") }
        let runs = Mutex<[String]>([])
        let errors = Mutex<[String]>([])
        let logger = Logger(minimumLevel: .error) { entry in errors.withLock { $0.append(entry.message) } }
        let worker = try fixture.worker(logger: logger) { _, context in runs.withLock { $0.append(context.id) } }
        try await running(worker) {
            try await eventually("the other one is fired", within: .seconds(30)) { runs.withLock { $0.count >= 3 } }
        }
        #expect(runs.withLock { $0.allSatisfy { $0.hasPrefix("small@") } })
        #expect(errors.withLock { $0.filter { $0.contains("too large") }.count == 1 })
    }

    @Test("schedules for a queue that the worker does not have, or of one name, are refused")
    func configuration() async throws {
        let fixture = try WorkerFixture()
        let tick = try Schedule("tick", type: "default", at: "@daily")
        for schedules in [["other": [tick]], ["q": [tick, tick]]] {
            let worker = try fixture.worker(set(\.schedules, schedules)) { _, _ in }
            await #expect(throws: InputError.self) { try await worker.run() }
        }
    }
}
