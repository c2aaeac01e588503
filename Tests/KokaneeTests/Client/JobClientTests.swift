import Kokanee
import RdKafka
import Synchronization
import TestSupport
import Testing

@Suite("Enqueueing", .timeLimit(.minutes(1)))
struct JobClientTests {
    private let queue: Queue

    init() throws {
        queue = try Queue("q")
    }

    private func broker(partitions: Int = 1) throws -> EmbeddedBroker {
        let broker = try EmbeddedBroker()
        try broker.createTopic("q", partitions: partitions)
        return broker
    }

    private func read(_ broker: EmbeddedBroker) async throws -> [Record] {
        let records = Mutex<[Record]>([])
        try await TopicReader.read(
            [TopicPartition(topic: "q", partition: 0): 0..<Int64.max],
            configuration: ClientConfiguration(bootstrapServers: broker.bootstrapServers)
        ) { record in
            records.withLock { $0.append(record) }
            return true
        }
        return records.withLock { $0 }
    }

    private func ids(_ record: Record) -> [String] {
        record.headers.filter { $0.name == "ce_id" }.compactMap(\.value?.text)
    }

    @Test("nothing is enqueued to a replay: it would be live work")
    func replay() async throws {
        let broker = try broker()
        let client = try JobClient(ClientConfiguration(bootstrapServers: broker.bootstrapServers), source: "test")
        let replay = try queue.replay("20261125-214400-k3f9")
        await #expect(throws: InputError.self) {
            _ = try await client.enqueue(NewJob(type: "t", payload: nil), to: replay)
        }
        await client.close()
        #expect(try await read(broker).isEmpty)
    }

    @Test("a fatal error in the middle of many jobs has them produced again with the ids and the time they had")
    func fatal() async throws {
        let broker = try broker()
        let fatals = Atomic(0)
        var client = ClientConfiguration(
            bootstrapServers: broker.bootstrapServers,
            properties: ["linger.ms": "0", "batch.num.messages": "10", "queue.buffering.max.messages": "100"]
        )
        client.log = { _, facility, _ in if facility == "FATAL" { fatals.add(1, ordering: .relaxed) } }
        let jobs = try JobClient(client)
        _ = try await jobs.enqueue(NewJob(type: "t", payload: "first"), to: queue)
        // OUT_OF_ORDER_SEQUENCE_NUMBER.
        broker.failNext(.produce, with: [KafkaError.Code(rawValue: 45)])
        let new = (0..<1000).map { NewJob(type: "t", payload: Bytes("\($0)")) }
        let enqueued = try await jobs.enqueue(new, to: queue).map { try $0.get() }
        await jobs.close()
        #expect(fatals.load(ordering: .relaxed) > 0)
        #expect(Set(enqueued.map(\.id)).count == new.count)
        var times: Set<Int64> = []
        for record in try await read(broker) {
            guard let number = record.value.flatMap({ Int($0.text) }) else { continue }
            #expect(ids(record) == [enqueued[number].id])
            times.insert(record.timestamp)
        }
        #expect(times.count == 1)
    }

    @Test("jobs that are refused fail at their places, and keep no other back")
    func refused() async throws {
        let broker = try broker()
        let client = try JobClient(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        var new = (0..<10).map { NewJob(type: "t", payload: Bytes("\($0)")) }
        new[0].type = ""
        new[3].version = 0
        new[9].delay = .seconds(-1)
        new[5].id = "given"
        let results = await client.enqueue(new, to: queue)
        await client.close()
        #expect(results.count == 10)
        let records = try await read(broker)
        #expect(records.compactMap(\.value?.text) == ["1", "2", "4", "5", "6", "7", "8"])
        for (index, result) in results.enumerated() {
            guard case .success(let job) = result else {
                #expect([0, 3, 9].contains(index))
                continue
            }
            let record = records[Int(job.offset)]
            #expect(record.value?.text == "\(index)" && ids(record) == [job.id] && job.topic == "q")
            #expect((job.id == "given") == (index == 5))
        }
        let none = await client.enqueue([NewJob](), to: queue)
        #expect(none.isEmpty)
    }

    @Test("a job on the broker is the record that it says it makes")
    func sameRecord() async throws {
        let broker = try broker()
        let producer = try Producer(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        let now: Int64 = 1_782_907_200_123
        let client = try JobClient(producer: producer, source: "/tests", now: { now })
        var full = NewJob(type: "type", version: 3, payload: Bytes([0, 255]), contentType: "text/plain")
        full.id = "i"
        full.key = "k"
        full.delay = .seconds(5)
        full.expiresAfter = .seconds(50)
        full.idempotencyKey = "once"
        full.headers = [Header("x", nil), Header("y", Bytes([])), Header("y", "z")]
        var bare = NewJob(type: "t", payload: nil)
        bare.id = "j"
        for job in [full, bare] { _ = try await client.enqueue(job, to: queue) }
        await client.close()
        var generator = SeededGenerator(seed: 1)
        for (job, record) in zip([full, bare], try await read(broker)) {
            let expected = try job.record(for: queue, source: "/tests", at: now, using: &generator).record
            #expect(record.headers == expected.headers && record.key == expected.key)
            #expect(record.value == expected.value && record.timestamp == expected.timestamp)
        }
    }
}
