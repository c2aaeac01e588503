import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("The gateway of effects")
struct EffectsTests {
    private struct Refused: Error {}

    private func context(_ effects: Effects = .performed) -> JobContext {
        JobContext(
            queue: "q",
            envelope: Envelope(id: "i", type: "t"),
            maximumAttempts: 1,
            key: nil,
            source: Envelope.Origin(topic: "q", partition: 0, offset: 0),
            effects: effects
        )
    }

    @Test("in live work an effect happens, gives what it gives, and fails as it fails; nobody asks for its detail")
    func performed() async throws {
        let context = context()
        #expect(!context.isRehearsal)
        #expect(context.effects.arePerformed)
        var happened = 0
        var asked = 0
        func detail() -> String {
            asked += 1
            return "d"
        }
        await context.effects.perform("a", detail: detail()) { happened += 1 }
        let value = await context.effects.perform("b", detail: detail(), rehearsed: 0) { 7 }
        #expect(value == 7)
        await #expect(throws: Refused.self) { try await context.effects.perform("c") { throw Refused() } }
        #expect(happened == 1)
        #expect(asked == 0)
    }

    @Test("in a rehearsal no effect happens; each is noted, and what stands for it is given")
    func noted() async throws {
        let log = EffectLog()
        let context = context(.noted(in: log))
        #expect(context.isRehearsal)
        try await context.effects.perform("email.send", detail: "to a@b.no") { throw Refused() }
        let value = try await context.effects.perform("pay", rehearsed: 5) {
            Issue.record("an effect happened")
            throw Refused()
        }
        #expect(value == 5)
        #expect(log.effects == [Effect("email.send", "to a@b.no"), Effect("pay")])
        #expect(log.counts == ["email.send": 1, "pay": 1])
    }

    @Test("however many and however long effects are, what is kept of them is bounded, and they are counted")
    func bounded() async {
        let log = EffectLog()
        let effects = Effects.noted(in: log)
        let long = String(repeating: "é\n", count: 10_000)
        for index in 0..<1000 { await effects.perform("name \(index)", detail: long) {} }
        for _ in 0..<1000 { await effects.perform("name 3") {} }
        await effects.perform(long) {}
        await effects.perform("") {}
        #expect(log.effects.count == EffectLog.limit)
        #expect(log.effects.allSatisfy { $0.detail.utf8.count <= Effect.longestDetail && !$0.detail.contains("\n") })
        #expect(log.counts["name 3"] == 1001)
        #expect(log.counts.values.reduce(0, +) == 2002)
        #expect(log.counts.count == EffectLog.limit + 1)
        #expect(Effect(long).name.utf8.count <= Effect.longestName)
        #expect(Effect("").name == "unnamed")
    }
}

@Suite("What a handler is told of replays", .timeLimit(.minutes(2)))
struct ReplayContextTests {
    private static let id = "20261125-214400-k3f9"

    /// What handlers are told of the records with these values in `kokanee-replay`, the queue's name behind it.
    private func told(_ values: [String?], in replay: String? = nil) async throws -> [String] {
        let fixture = try WorkerFixture()
        let queue = try replay.map { try fixture.queue.replay($0) } ?? fixture.queue
        if replay != nil {
            for topic in queue.allTopics.dropFirst() { try fixture.broker.createTopic(topic, partitions: 1) }
        }
        let producer = try Producer(ClientConfiguration(bootstrapServers: fixture.broker.bootstrapServers))
        let records = values.map { value in
            ProducerRecord(
                topic: queue.mainTopic,
                partition: 0,
                value: "1",
                headers: value.map { [Header("kokanee-replay", Bytes($0))] } ?? []
            )
        }
        for result in await producer.send(records) { _ = try result.get() }
        await producer.close()
        let told = Mutex<[String]>([])
        var jobs = JobRegistry()
        try jobs.register("default") { (_: Bytes, context) in
            told.withLock { $0.append("\(context.replay ?? "-") \(context.queue) \(context.isRehearsal)") }
        }
        var configuration = WorkerConfiguration()
        configuration.order = .partition
        let worker =
            try replay.map { id in
                try Worker(
                    replaying: .side(id, of: fixture.queue, records: Int64(values.count)),
                    jobs: jobs,
                    configuration: configuration,
                    client: fixture.client
                )
            } ?? Worker(queues: [queue], jobs: jobs, configuration: configuration, client: fixture.client)
        try await running(worker) {
            try await eventually("all have run") { told.withLock { $0.count } == values.count }
        }
        return told.withLock { $0 }
    }

    @Test("a record's replay is told where it is the id of one, and live work belongs to none")
    func header() async throws {
        let other = "20250101-000000-aaaa"
        let hostile = [Self.id + "x", "\n", "", Self.id.uppercased()]
        #expect(
            try await told([nil, Self.id, other] + hostile)
                == ["- q false", "\(Self.id) q false", "\(other) q false"] + hostile.map { _ in "- q false" }
        )
    }

    @Test("in a replay's queue all jobs belong to it, and the queue has the name that handlers know")
    func queue() async throws {
        let told = try await told([nil, "20250101-000000-aaaa"], in: Self.id)
        #expect(told == ["\(Self.id) q false", "\(Self.id) q false"])
    }
}
