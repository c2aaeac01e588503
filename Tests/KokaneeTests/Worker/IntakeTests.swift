import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("What intake makes of records")
struct IntakeTests {
    private static let now = Timestamp.now

    private static func event(_ type: String = "known", version: Int = 1, _ more: [Header] = []) -> [Header] {
        [
            Header("ce_specversion", "1.0"), Header("ce_id", "i"), Header("ce_type", Bytes(type)),
            Header("ce_source", "/s"), Header("ce_dataschemaversion", Bytes("\(version)")),
        ] + more
    }

    /// Real records, through a broker: what intake is given is librdkafka's.
    private func decisions(
        _ records: [(key: Bytes?, headers: [Header])],
        order: WorkerConfiguration.Order = .key
    ) async throws -> [Intake.Decision] {
        let fixture = try WorkerFixture(ladder: "10s,1m")
        let producer = try Producer(fixture.client)
        for record in records {
            _ = try await producer.send(
                ProducerRecord(topic: "q", partition: 0, key: record.key, value: "{}", headers: record.headers)
            )
        }
        await producer.close()
        let runtime = try runtime(fixture, order: order)
        return try await fixture.records(of: "q").map { Intake.decide($0, runtime, now: Self.now) }
    }

    private func runtime(_ fixture: WorkerFixture, order: WorkerConfiguration.Order = .key) throws -> QueueRuntime {
        var jobs = JobRegistry()
        try jobs.register("known", version: 2) { (_: Bytes, _) in }
        try jobs.register("default") { (_: Bytes, _) in }
        var configuration = WorkerConfiguration()
        configuration.order = order
        return try fixture.runtime(jobs, configuration)
    }

    @Test("headers count against what may be in flight, also of what can't be read")
    func headerBytes() async throws {
        let large = (0..<100).map { Header("x\($0)", Bytes([UInt8](repeating: 0x78, count: 1000))) }
        let small = [Header](repeating: Header("", nil), count: 20_000)
        let decisions = try await decisions([
            (nil, Self.event("known", version: 1, large)), (nil, Self.event("unknown", version: 1, large)),
            (nil, large + [Header("ce_id", nil)]),
            (nil, small), (nil, [Header](repeating: Header("", nil), count: 100_001)),
        ])
        #expect(decisions[..<3].allSatisfy { (100_000...110_000).contains($0.facts.bytes) })
        // An empty header may take more memory than its sender pays for.
        #expect(decisions[3].facts.bytes > 1_000_000)
        guard case .bury(.undecodable, let failure) = decisions[4].move else { return #expect(Bool(false)) }
        #expect(failure.text.contains("the headers can't be read"))
    }

    @Test("what unique jobs stand for is told by offsets of the main topic, and by those of no other priority's")
    func seen() async throws {
        let fixture = try WorkerFixture()
        try fixture.broker.createTopic("q.high", partitions: 1)
        let unique = [Header("kokanee-unique", "done/60000/k")]
        try await fixture.enqueue(type: "known", count: 2, headers: unique)
        try await fixture.enqueue(type: "known", count: 9, topic: "q.high", headers: unique)
        let runtime = try runtime(fixture)
        runtime.state.begin([0], now: 0)
        for topic in ["q", "q.high"] {
            for record in try await fixture.records(of: topic) {
                #expect(Intake.decide(record, runtime, now: Self.now).content.isOnce)
            }
        }
        #expect(runtime.state.shared.withLock { $0.table.partitions[0]?.seen } == 1)
    }

    private func due(in wait: Int64) -> [Header] {
        Self.event("known", version: 1, [Header("kokanee-due-at", Bytes("\(Self.now + wait)"))])
    }

    @Test("what is no job is buried with its reason, in no lane; what nothing here runs takes its turn and is refused")
    func unfit() async throws {
        let decisions = try await decisions([
            ("k", Self.event("known", version: 2)), ("k", Self.event("other")), ("k", Self.event("known", version: 3)),
            ("k", [Header("ce_id", "half")]), ("k", Self.event("known")),
        ])
        #expect(decisions.map { $0.content.refusal?.reason } == [nil, .unknownType, .versionTooNew, nil, nil])
        for (index, decision) in decisions.enumerated() where [1, 2, 3].contains(index) {
            #expect(decision.facts.key == nil)
        }
        for (index, decision) in decisions.enumerated() where index != 3 {
            guard case (.now, nil) = (decision.facts.start, decision.move) else {
                Issue.record("\(index) does not take its turn")
                return
            }
        }
        guard case .bury(.undecodable, _) = decisions[3].move, case .hop = decisions[3].facts.start else {
            Issue.record("what is no job has to hop at once")
            return
        }
        let failure = try #require(decisions[1].content.refusal).failure
        #expect(failure.text.contains("other") && failure.text.contains("known"))
    }

    @Test("a job that is due later waits on a rung, or here where no rung is short enough; one far ahead is a mistake")
    func dueTimes() async throws {
        let year: Int64 = 366 * 86_400_000
        let decisions = try await decisions(
            [-5, 9_000, 10_000, 86_400_000, year, year + 1000, Int64.max - Self.now].map { (nil, due(in: $0)) }
        )
        let words = decisions.map { decision in
            switch (decision.facts.start, decision.move) {
            case (.now, nil): "now"
            case (.hold(let until), nil): "held \(until - Self.now)"
            case (.hop, .wait(let until)): "hops \(until - Self.now)"
            case (.hop, .bury(let reason, _)): "\(reason)"
            default: "nonsense"
            }
        }
        #expect(
            words == [
                "now", "held 9000", "hops 10000", "hops 86400000", "hops \(year)", "undecodable", "undecodable",
            ]
        )
    }

    @Test("lanes are by key, by partition, or none; a job without a key is in none")
    func lanes() async throws {
        let records: [(key: Bytes?, headers: [Header])] = [
            ("a", Self.event()), ("b", Self.event()), ("a", Self.event()), (nil, Self.event()),
            (Bytes([]), Self.event()),
        ]
        let byKey = try await decisions(records).map(\.facts.key)
        #expect(byKey[0] == byKey[2] && byKey[0] != byKey[1] && byKey[3] == nil && byKey[4] != nil)
        let byPartition = try await decisions(records, order: .partition).map(\.facts.key)
        #expect(Set(byPartition).count == 1 && byPartition[0] != nil)
        #expect(try await decisions(records, order: .unordered).allSatisfy { $0.facts.key == nil })
    }

    @Test("a rung's record is due its delay after the broker took it, whatever its timestamp claims")
    func rungs() async throws {
        let fixture = try WorkerFixture()
        let producer = try Producer(fixture.client)
        for timestamp in [Self.now - 400, Self.now + 30_000, Self.now + 86_400_000, Int64.max] {
            _ = try await producer.send(ProducerRecord(topic: "q", partition: 0, value: "", timestamp: timestamp))
        }
        await producer.close()
        let records = try await fixture.records(of: "q")
        // From the far future: looked at now, so that nothing waits behind it, and put at the rung's end.
        let dueTimes = records.map { record in
            PartitionIntake.dueAt(record.storage.message, delay: 1000, now: Self.now) { Self.now }
        }
        #expect(dueTimes == [Self.now + 600, Self.now + 1000, Self.now, Self.now])
        // Written while the turn of reading went on: its time is as good as any.
        let later = PartitionIntake.dueAt(records[1].storage.message, delay: 1000, now: Self.now) { Self.now + 30_005 }
        #expect(later == Self.now + 31_000)
        let runtime = try runtime(fixture)
        let moves = records.map { Intake.decide($0, runtime, rungDelay: 1000, now: Self.now).move }
        let areMoved = moves.map { move in
            guard case .wait(until: Self.now + 1000) = move else { return false }
            return true
        }
        #expect(areMoved == [false, false, true, true])
    }

    @Test("a due time can't overflow, whosever time it is", arguments: [true, false])
    func overflow(isBrokers: Bool) {
        let due = PartitionIntake.dueAt(.max, isBrokers: isBrokers, delay: 86_400_000, now: Self.now)
        #expect(due > Self.now && due <= Timestamp.latest + 86_400_000)
    }

    @Test("large jobs that wait on a rung are held a few at a time, and small ones many")
    func waitingBytes() async throws {
        let fixture = try WorkerFixture()
        let producer = try Producer(fixture.client)
        for size in [900_000, 10] {
            let value = Bytes(Array(repeating: 65, count: size))
            _ = try await producer.send(ProducerRecord(topic: "q", partition: 0, value: value))
        }
        await producer.close()
        let runtime = try runtime(fixture)
        let jobs = try await fixture.records(of: "q").map { JobContent($0, runtime: runtime) }
        let consumer = try Consumer(fixture.client, group: "g", wakeup: Wakeup())
        let place = TopicPartition(topic: "q", partition: 0)
        let queue = try #require(try consumer.assign([place: .beginning]).first)
        let intake = PartitionIntake(id: 0, queue: queue, delay: 1000, expected: nil)
        intake.hold(jobs[0], until: 0)
        #expect(intake.room == 0)
        #expect(intake.release(at: -1) == nil)
        #expect(intake.release(at: 0)?.offset == 0)
        #expect(intake.room == 1, "however large they are, one is held")
        for _ in 0..<63 {
            intake.hold(jobs[1], until: 0)
            #expect(intake.room <= PartitionIntake.waitingLimit - intake.waiting.count)
        }
        #expect(intake.room == 1, "it has forgotten the large one")
    }
}
