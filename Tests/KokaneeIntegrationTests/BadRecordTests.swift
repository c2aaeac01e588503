import Foundation
import TestSupport
import Testing

/// Records that nobody should have written stop nothing.
@Suite(.besideOthers)
struct BadRecordTests {
    typealias Record = KafkaOracle.Record

    static let cloudEvent: [Record.Header] = [
        .init(name: "ce_specversion", value: Data("1.0".utf8)),
        .init(name: "ce_type", value: Data("t".utf8)),
        .init(name: "ce_source", value: Data("/garbage".utf8)),
    ]

    /// Garbage that is a job all the same, or not: each must be executed, or become a dead letter.
    static let garbage: [(name: String, record: Record)] = [
        ("a version that there is not", record(["ce_specversion": "9.9", "ce_id": "g0", "ce_type": "t"])),
        ("no type", record(["ce_specversion": "1.0", "ce_id": "g1", "ce_source": "/s"])),
        ("no id", record(["ce_specversion": "1.0", "ce_type": "t", "ce_source": "/s"])),
        ("empty", record(["ce_specversion": "1.0", "ce_id": "", "ce_type": "", "ce_source": ""])),
        ("nulls", record(["ce_specversion": nil, "ce_id": nil, "ce_type": nil, "content-type": nil])),
        ("zero bytes", record(["ce_specversion": "1.0", "ce_id": "a\u{0}b", "ce_type": "\u{0}", "ce_source": "/"])),
        ("control characters", record(["ce_specversion": "1.0", "ce_id": "a\nb\u{1B}[31m", "ce_type": "t\r\n"])),
        ("not UTF-8", record(bytes: ["ce_id": Data([0xFF, 0xFE, 0x80]), "ce_type": Data([0xC3, 0x28])])),
        ("twice", record(bytes: ["ce_id": Data("one".utf8)], ["ce_id": Data("two".utf8)])),
        ("100 kB in one", record(bytes: ["ce_id": Data("huge".utf8), "x": Data(repeating: 0x41, count: 100_000)])),
        ("100 kB of id", record(bytes: ["ce_id": Data(repeating: 0x42, count: 100_000)])),
        (
            "a thousand",
            Record(value: Data("{}".utf8), headers: (0..<1000).map { .init(name: "h\($0)", value: Data()) })
        ),
        ("a date", record(["ce_specversion": "1.0", "ce_id": "g12", "ce_type": "t", "ce_time": "the day before"])),
        (
            "a version",
            record(["ce_specversion": "1.0", "ce_id": "g13", "ce_type": "t", "ce_dataschemaversion": "1e99"])
        ),
        (
            "origin",
            forged(["kokanee-origin": "///\u{0}", "kokanee-first-failed-at": "yesterday", "kokanee-error": "\n"])
        ),
        ("expiry", forged(["kokanee-expires-at": "99999999999999999999999", "kokanee-replay": "x"])),
        ("retry state", forged(["kokanee-attempt": "-1", "kokanee-due-at": "-9223372036854775808"])),
        ("attempt text", forged(["kokanee-attempt": "many"])),
        ("attempt empty", forged(["kokanee-attempt": "", "kokanee-due-at": "", "kokanee-expires-at": ""])),
        ("structured, cut", structured(#"{"specversion":"1.0","id":"#)),
        ("structured, deep", structured(String(repeating: "[", count: 100_000))),
        ("structured, nothing", structured("")),
        ("structured, another kind", structured(#"[1,2,3]"#)),
        ("tombstone", Record(value: nil)),
        ("not JSON", Record(value: Data([0, 0xFF, 0x10]))),
    ]

    static func record(_ headers: KeyValuePairs<String, String?>) -> Record {
        Record(value: "{}", headers: headers)
    }

    static func record(bytes sets: [String: Data]...) -> Record {
        let special = sets.flatMap { set in set.map { Record.Header(name: $0.key, value: $0.value) } }
        let names = Set(special.map(\.name))
        return Record(value: Data("{}".utf8), headers: cloudEvent.filter { !names.contains($0.name) } + special)
    }

    static func forged(_ state: KeyValuePairs<String, String>) -> Record {
        let state = state.map { Record.Header(name: $0.key, value: Data($0.value.utf8)) }
        return Record(value: Data("{}".utf8), headers: cloudEvent + state)
    }

    static func structured(_ text: String) -> Record {
        Record(value: text, headers: ["content-type": "application/cloudevents+json"])
    }

    static func neighbour(_ id: String) -> Record {
        Record(value: "{}", headers: ["ce_specversion": "1.0", "ce_id": id, "ce_type": "t", "ce_source": "/s"])
    }

    @Test("garbage is executed or becomes a dead letter with a reason, and each of its neighbours runs once")
    func neighboursRun() async throws {
        try await Stand.with(partitions: 1) { stand in
            let neighbours = (0...Self.garbage.count).map { "neighbour-\($0)" }
            var records = [Self.neighbour(neighbours[0])]
            for (index, garbage) in Self.garbage.enumerated() {
                records += [garbage.record, Self.neighbour(neighbours[index + 1])]
            }
            try await stand.oracle.produce(records, to: stand.queue)
            let summary = try await stand.workUntilIdle()
            let ids = try stand.ledger.runs().ids
            #expect(ids.filter { $0.hasPrefix("neighbour-") }.sorted() == neighbours.sorted())
            let letters = try await stand.deadLetters()
            #expect(summary.completed + letters.count == records.count)
            #expect(ids.count + letters.count == records.count, "executed: \(ids)")
            for letter in letters {
                #expect(letter.header("kokanee-reason")?.isEmpty == false)
                #expect(letter.header("kokanee-error")?.isEmpty == false)
                let offset = letter.header("kokanee-origin").flatMap { Int($0.split(separator: "/").last ?? "") }
                let source = try #require(offset.flatMap { $0 % 2 == 1 ? Self.garbage[$0 / 2] : nil })
                #expect(letter.value == source.record.value, "\(source.name)")
            }
            #expect(try await stand.lag().isEmpty)
        }
    }

    @Test("a forged attempt of a number that nobody counts to is the last one")
    func forgedAttempt() async throws {
        try await Stand.with(partitions: 1) { stand in
            let attempts = ["1000000000000000000", "9223372036854775807", "9223372036854775808", "7"]
            try await stand.oracle.produce(
                attempts.enumerated().map { index, attempt in
                    var record = Self.forged(["ce_id": "forged-\(index)", "kokanee-attempt": attempt])
                    record.value = Data(#"{"do":"fail"}"#.utf8)
                    return record
                } + [Self.neighbour("neighbour")],
                to: stand.queue
            )
            let summary = try await stand.workUntilIdle()
            #expect(summary.dead == attempts.count)
            #expect(summary.completed == 1)
            #expect(try await stand.lag().isEmpty)
            let letters = try await stand.deadLetters()
            #expect(letters.compactMap { $0.header("ce_id") }.sorted() == (0..<attempts.count).map { "forged-\($0)" })
        }
    }

    @Test("a job of as many bytes as a topic takes climbs and dies like any other", arguments: [999_000, 1_040_000])
    func large(size: Int) async throws {
        try await Stand.with(partitions: 1) { stand in
            let padding = String(repeating: "x", count: size)
            try await stand.oracle.produce(
                [
                    Record(
                        value: Data(#"{"do":"fail","padding":"\#(padding)"}"#.utf8),
                        headers: Self.cloudEvent + [.init(name: "ce_id", value: Data("large".utf8))]
                    ),
                    Self.neighbour("neighbour"),
                ],
                to: stand.queue
            )
            let summary = try await stand.workUntilIdle()
            #expect(summary.completed == 1, "\(summary)")
            #expect(summary.dead == 1, "\(summary)")
            #expect(try stand.ledger.runs().ids.sorted() == ["large", "large", "neighbour"].sorted())
            let letters = try await stand.deadLetters()
            #expect(letters.map { $0.value?.count ?? 0 > size } == [true])
            #expect(try await stand.lag().isEmpty)
        }
    }

    @Test("a due time in the year 9999 holds up nobody, and does not run", arguments: ["main", "rung"])
    func forgedDueTime(place: String) async throws {
        try await Stand.with(partitions: 1) { stand in
            try await stand.oracle.produce(
                [Self.forged(["ce_id": "far", "kokanee-due-at": "253402300799000"])],
                to: place == "main" ? stand.queue : "\(stand.queue).retry.1s"
            )
            try await stand.enqueue(
                (0..<5).map { #"{"type":"t","id":"\#($0)","data":{}}"# }
                    + [#"{"type":"t","id":"flaky","data":{"do":"flaky","failures":1}}"#]
            )
            let worker = try stand.startWorker()
            try await stand.ledger.waitFor(lines: 14)
            try await eventually("the main topic's offsets move on") {
                try await stand.oracle.positions(of: stand.queue, group: stand.group).allSatisfy { $0.lag == 0 }
            }
            worker.signal(SIGTERM)
            let outcome = try await worker.outcome(within: .seconds(40))
            #expect(outcome.code == 0, "\(outcome)")
            #expect(try stand.ledger.runs().ids.sorted() == ["0", "1", "2", "3", "4", "flaky", "flaky"])
        }
    }
}
