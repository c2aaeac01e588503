import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("RecordSelector", .timeLimit(.minutes(3)))
struct RecordSelectorTests {
    private static let names = [
        "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "content-type", "ce_dataschemaversion",
        "kokanee-attempt", "kokanee-origin", "kokanee-idempotency-key", "kokanee-x", "traceparent", "", "x",
    ]
    private static let values: [Bytes?] = [
        "1.0", "1.1", "2.0", "a", "b", "id-1", "id-2", "1", "2", "0", "01", "9999999999", "", nil, "application/json",
        "application/cloudevents+json", "APPLICATION/CloudEvents+json; charset=utf-8", "application/cloudevents+avro",
        "tab\there", "ä", Bytes([0xFF]), Bytes(String(repeating: "i", count: 1025)), "q/0/7", "2026-07-01T12:00:00Z",
        "2026-07-01T14:00:00.5+02:00", "now", "-2h",
    ]
    private static let payloads: [Bytes?] = [
        nil, "", "nonsense", #"{"x":1}"#, #"{"x":2,"type":"a"}"#,
        #"{"specversion":"1.0","id":"id-1","type":"a","source":"/","time":"2026-07-01T12:00:00Z","data":{"x":1}}"#,
        #"{"specversion":"1.0","id":"id-2","type":"b","source":"/","dataschemaversion":2,"data_base64":"eyJ4IjoxfQ=="}"#,
        #"{"specversion":"1.0","id":"","type":"b","source":"/"}"#,
    ]
    private static let noon = try! Timestamp.parse("2026-07-01T12:00:00Z", now: 0)

    private func randomRecord(_ random: inout SeededGenerator, topic: String) -> ProducerRecord {
        // Half of them nearly right, so that small faults are not lost among large ones.
        var headers: [Header] = []
        if Bool.random(using: &random) {
            headers = [
                Header("ce_specversion", "1.0"), Header("ce_id", Bool.random(using: &random) ? "id-1" : "id-2"),
                Header("ce_type", Bool.random(using: &random) ? "a" : "b"), Header("ce_source", "/"),
                Header("ce_time", "2026-07-01T12:00:00Z"),
            ]
        } else if Int.random(in: 0..<3, using: &random) == 0 {
            headers = [Header("content-type", "application/cloudevents+json")]
        }
        for _ in 0..<Int.random(in: 0..<3, using: &random) {
            let header = Header(Self.names.randomElement(using: &random)!, Self.values.randomElement(using: &random)!)
            headers.insert(header, at: Int.random(in: 0...headers.count, using: &random))
        }
        return ProducerRecord(
            topic: topic,
            partition: Int32.random(in: 0..<2, using: &random),
            key: [nil, "", "k1", "k2"].randomElement(using: &random)!,
            value: Self.payloads.randomElement(using: &random)!,
            headers: headers,
            timestamp: Self.noon + Int64.random(in: -2...2, using: &random)
        )
    }

    private func randomSelection(_ random: inout SeededGenerator) -> Selection {
        var selection = Selection()
        func maybe() -> Bool { Int.random(in: 0..<3, using: &random) == 0 }
        if maybe() { selection.from = Self.noon + Int64.random(in: -1...1, using: &random) }
        if maybe() { selection.to = Self.noon + Int64.random(in: 0...2, using: &random) }
        if maybe() { selection.clock = .event }
        if maybe() { selection.partitions = [Int32.random(in: 0..<2, using: &random)] }
        if maybe() {
            selection.stretches = [
                .init(partition: 0, from: 3, to: 90), .init(partition: 0, from: 100, to: nil),
                .init(partition: 1, from: nil, to: 50),
            ]
        }
        if maybe() { selection.types = [["a"], ["a", "default"], ["b"], ["c"]].randomElement(using: &random)! }
        if maybe() { selection.versions = [[1], [2], [1, 2]].randomElement(using: &random)! }
        if maybe() { selection.keys = [["k1"], ["", "k2"]].randomElement(using: &random)! }
        if maybe() { selection.ids = [["id-1"], ["id-2", "q/0/7", "q/1/3"], []].randomElement(using: &random)! }
        if maybe() {
            selection.expression = [
                "data.x == 1", "not exists data.x", "type == 'a' or id == 'q/0/7'", "key == 'k1'", "version > 1",
                "data.x == 1 and type != 'b'",
            ].randomElement(using: &random)!
        }
        return selection
    }

    /// What reading everything makes of a record.
    private func expected(_ record: Record, _ selection: Selection) throws -> RecordSelector.Verdict {
        if let partitions = selection.partitions, !partitions.contains(record.partition) { return .passed }
        if let stretches = selection.stretches {
            let isIn = stretches.contains {
                $0.partition == record.partition && record.offset >= $0.from ?? 0 && record.offset < $0.to ?? .max
            }
            guard isIn else { return .passed }
        }
        func isInTime(_ time: Int64) -> Bool { time >= selection.from ?? 0 && time < selection.to ?? .max }
        let asksTime = selection.from != nil || selection.to != nil
        if asksTime, selection.clock == .record, !isInTime(record.timestamp) { return .passed }
        if !selection.keys.isEmpty {
            guard let key = record.key, selection.keys.contains(key.text) else { return .passed }
        }
        let expression = try selection.expression.map { try PayloadExpression($0) }
        let asksHeaders =
            !selection.types.isEmpty || !selection.versions.isEmpty || selection.ids != nil
            || asksTime && selection.clock == .event || expression.map { $0.text != "key == 'k1'" } == true
        let decoded = Envelope.decode(record, defaultType: "default")
        guard case .success(let job) = decoded else {
            // Who asks nothing of the envelope gets what can't be read, too: it is one of the records in question.
            if asksHeaders { return .unreadable }
            return selection.expression == nil || record.key?.text == "k1" ? .matches : .passed
        }
        if !selection.types.isEmpty, !selection.types.contains(job.envelope.type) { return .passed }
        if !selection.versions.isEmpty, !selection.versions.contains(job.envelope.version) { return .passed }
        if let ids = selection.ids, !ids.contains(job.envelope.id) { return .passed }
        if asksTime, selection.clock == .event {
            guard let time = eventTime(record) else { return .undated }
            if !isInTime(time) { return .passed }
        }
        guard let expression else { return .matches }
        return switch expression.answer(job, key: record.key) {
        case .yes: .matches
        case .no: .passed
        case .unreadable: .unreadable
        }
    }

    private func eventTime(_ record: Record) -> Int64? {
        func last(_ name: String) -> String? { record.headers.last { $0.name == name }?.value?.text }
        var text = last("ce_time")
        if last("content-type")?.lowercased().hasPrefix("application/cloudevents+json") == true {
            text = record.value?.text.contains("12:00:00Z") == true ? "2026-07-01T12:00:00Z" : nil
        } else if ["ce_specversion", "ce_id", "ce_type", "ce_source"].allSatisfy({ name in
            !record.headers.contains { $0.name == name }
        }) {
            return nil
        }
        guard let text, text.hasPrefix("2026") else { return nil }
        return try? Timestamp.parse(text, now: 0)
    }

    @Test("it selects what reading everything would select", arguments: 1..<4 as Range<UInt64>)
    func agreement(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let fixture = try WorkerFixture(partitions: 2)
        let producer = try Producer(fixture.client)
        let records = (0..<600).map { _ in randomRecord(&random, topic: "q") }
        for result in await producer.send(records) { _ = try result.get() }
        await producer.close()
        let stored = try await fixture.records(of: "q")
        #expect(stored.count == 600)
        var counts: [RecordSelector.Verdict: Int] = [:]
        for _ in 0..<120 {
            let selection = randomSelection(&random)
            let selector = try RecordSelector(selection, defaultType: "default")
            for record in stored {
                let verdict = selector.verdict(on: record)
                counts[verdict, default: 0] += 1
                let expected = try expected(record, selection)
                guard verdict != expected else { continue }
                Issue.record(
                    "\(verdict), not \(expected): \(selection) of \(record.headers) \(record.value?.text ?? "-")"
                )
                return
            }
        }
        for verdict in [RecordSelector.Verdict.matches, .passed, .undated, .unreadable] {
            #expect(counts[verdict, default: 0] > 100, "\(verdict) has to occur")
        }
    }

    @Test("of listed offsets only those are selected, and none of a partition that has no list")
    func listed() async throws {
        let fixture = try WorkerFixture(partitions: 2)
        try await fixture.enqueue(20, partition: { $0 % 2 })
        let records = try await fixture.records(of: "q")
        func selected(_ selector: RecordSelector) -> Set<String> {
            Set(records.filter { selector.verdict(on: $0) == .matches }.map { "\($0.partition)/\($0.offset)" })
        }
        var selection = Selection()
        var selector = try RecordSelector(selection, defaultType: "default", listed: [0: OffsetSet([1, 3])])
        #expect(selected(selector) == ["0/1", "0/3"])
        selector.list(OffsetSet([9]), of: 1)
        #expect(selected(selector) == ["0/1", "0/3", "1/9"])
        selector.forgetListed(of: 0)
        #expect(selected(selector) == ["1/9"])
        selection.partitions = [0]
        #expect(selected(try RecordSelector(selection, defaultType: "default", listed: [1: OffsetSet([9])])).isEmpty)
    }

    @Test("a set of bytes holds what it was given, and nothing else")
    func bytes() {
        let texts = (0..<5000).map { "id-\($0)" } + ["", "ä", String(repeating: "x", count: 300)]
        let set = ByteSet(texts)
        #expect(texts.indices.allSatisfy { set.index(of: texts[$0]) == $0 && set.text($0) == texts[$0] })
        #expect(!set.contains("id-5000") && !set.contains("id-") && !set.contains("x"))
        #expect(!ByteSet([]).contains("") && ByteSet([""]).contains(""))
        #expect(ByteSet(["a", "a"]).count == 2)
    }
}
