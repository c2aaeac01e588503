import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("Plain jobs, which are read in one pass")
struct PlainJobTests {
    private static let names = [
        "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "content-type", "ce_dataschemaversion",
        "kokanee-attempt", "kokanee-due-at", "kokanee-x", "traceparent", "ce_typo", "", "x",
    ]
    private static let values: [Bytes?] = [
        "1.0", "1.1", "known", "other", "0190-abc", "1", "2", "0", "+1", "01", "999999999", "9999999999", "", nil,
        "application/json", "application/cloudevents+json", "APPLICATION/CloudEvents", "tab\there", "\u{7F}", "ä",
        Bytes([0xFF]), Bytes([UInt8]("job-001".utf8) + [0xFF]), Bytes([0xFF] + [UInt8]("job-001".utf8)),
        Bytes(String(repeating: "i", count: 41)), Bytes(String(repeating: "i", count: 1025)),
    ]

    private func randomHeaders(_ random: inout SeededGenerator) -> [Header] {
        // Half of them nearly right, so that small faults are not lost among large ones.
        var headers: [Header] = []
        if Bool.random(using: &random) {
            headers = [Header("ce_specversion", "1.0"), Header("ce_id", "an-id"), Header("ce_type", "known")]
        }
        for _ in 0..<Int.random(in: 0..<4, using: &random) {
            let header = Header(Self.names.randomElement(using: &random)!, Self.values.randomElement(using: &random)!)
            headers.insert(header, at: Int.random(in: 0...headers.count, using: &random))
        }
        return headers
    }

    @Test("what is read as a plain job is what reading everything makes of it", arguments: 1..<4 as Range<UInt64>)
    func agreement(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let fixture = try WorkerFixture()
        let producer = try Producer(fixture.client)
        // Without a value its headers are read in another way.
        let records = (0..<2000).map { index in
            ProducerRecord(
                topic: "q",
                partition: 0,
                value: index % 4 == 0 ? nil : "v",
                headers: randomHeaders(&random)
            )
        }
        for result in await producer.send(records) { _ = try result.get() }
        await producer.close()
        var jobs = JobRegistry()
        try jobs.register("known", version: 5) { _, _ in }
        try jobs.register("default") { _, _ in }
        let runtime = try fixture.runtime(jobs)
        var plain = 0
        for record in try await fixture.records(of: "q") {
            let whole = Envelope.decode(record, defaultType: "default")
            let message = record.storage.message
            guard let job = PlainJob.read(message, runtime) else { continue }
            plain += 1
            let envelope = try whole.get().envelope
            #expect(job.id.map(\.text) ?? envelope.id == envelope.id, "\(record.headers)")
            #expect(job.version == envelope.version)
            #expect(envelope.attempt == 1 && envelope.dueAt == nil && envelope.expiresAt == nil)
            #expect(envelope.origin == nil && envelope.idempotencyKey == nil && envelope.lastError == nil)
            #expect(job.size == HeaderScan(message).size)
            #expect(job.entry?.takeUnretainedValue().name == jobs.entry(of: envelope.type)?.name)
            let content = Intake.decide(record, runtime, now: 0).content
            #expect(content.id == envelope.id && content.envelope == (try? whole.get().envelope))
        }
        #expect(plain > 100, "of 2000 some have to be plain")
    }

    @Test(
        "a record's headers can be read any number of times, by several at once, with a value or without",
        arguments: ["v", nil] as [Bytes?]
    )
    func again(value: Bytes?) async throws {
        let fixture = try WorkerFixture()
        let producer = try Producer(fixture.client)
        let headers = (0..<20).map { Header("h\($0)", Bytes("\($0)")) }
        _ = try await producer.send(ProducerRecord(topic: "q", partition: 0, value: value, headers: headers)).offset
        await producer.close()
        let record = try #require(try await fixture.records(of: "q").first)
        await withTaskGroup { group in
            for _ in 0..<4 {
                group.addTask { for _ in 0..<500 { #expect(record.headers == headers && record.hasReadableHeaders) } }
            }
        }
    }

    @Test("a handler table finds each type by its bytes, and what runs all others")
    func table() throws {
        var jobs = JobRegistry()
        let names = (0..<100).map { "type-\($0)" }
        for name in names { try jobs.register(name) { _, _ in } }
        let table = HandlerTable(jobs)
        for name in names { #expect(table.entry(named: name)?.takeUnretainedValue().name == name) }
        #expect(table.entry(named: "type-100") == nil && table.entry(named: "") == nil)
        jobs.registerCatchAll(CatchAll())
        let second = HandlerTable(jobs)
        #expect(second.entry(named: "type-100")?.takeUnretainedValue().name == .some(nil))
        withExtendedLifetime(jobs) {}
    }

    private struct CatchAll: JobHandler {
        func perform(_: Bytes, _: JobContext) async throws {}
    }

    @Test("keys of any length have hashes of their own")
    func hashes() {
        var seen: Set<UInt64> = []
        for length in 0..<64 {
            for byte in [0, 1, 0xFF] as [UInt8] where length > 0 || byte == 0 {
                let hash = Array(repeating: byte, count: length).withUnsafeBytes(KeyHash.hash)
                #expect(seen.insert(hash).inserted)
                #expect(Array(repeating: byte, count: length).withUnsafeBytes(KeyHash.hash) == hash)
            }
        }
    }
}
