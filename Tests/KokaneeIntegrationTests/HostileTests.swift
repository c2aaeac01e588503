import Foundation
import TestSupport
import Testing

/// A producer that means harm crashes, stops and fattens no worker.
@Suite(.besideOthers)
struct HostileTests {
    typealias Record = KafkaOracle.Record

    private static let year9999: Int64 = 253_402_300_799_000

    private static func event(_ id: String, _ state: KeyValuePairs<String, String> = [:]) -> [Record.Header] {
        BadRecordTests.cloudEvent + [header("ce_id", id)] + state.map { header($0.key, $0.value) }
    }

    private static func header(_ name: String, _ value: String) -> Record.Header {
        .init(name: name, value: Data(value.utf8))
    }

    /// Records that are no jobs, of as many kinds as there are ways not to be one.
    private static func undecodable(_ number: Int) -> Record {
        switch number % 8 {
        case 0: Record(value: "{}", headers: ["ce_specversion": "1.0", "ce_type": "t", "ce_source": "/s"])
        case 1: Record(value: "{}", headers: ["ce_id": "half-\(number)"])
        case 2:
            Record(
                value: Data([0xFF]),
                headers: event("").dropLast() + [.init(name: "ce_id", value: Data([0xC3, 0x28]))]
            )
        case 3: Record(value: Data(), headers: event("v\(number)", ["ce_dataschemaversion": "99999999999999999999"]))
        case 4: Record(value: nil, headers: event("twice") + [.init(name: "ce_type", value: nil)])
        case 5: BadRecordTests.structured(#"{"specversion":"1.0","id":"\#(number)","type":["#)
        case 6: BadRecordTests.structured(String(repeating: "[", count: 600))
        default:
            Record(value: "<xml/>", headers: ["content-type": "application/cloudevents+xml", "ce_id": "\(number)"])
        }
    }

    @Test("thousands of records that are no jobs become dead letters with reasons, and the jobs between them run")
    func undecodableThousands() async throws {
        try await Stand.with { stand in
            let bad = (0..<3000).map { number in
                var record = Self.undecodable(number)
                record.key = Data("key \(number % 17)".utf8)
                return record
            }
            let good = (0..<300).map { Record(key: "\($0)", value: Data("{}".utf8), headers: Self.event("good-\($0)")) }
            try await stand.oracle.produce((bad + good).shuffled(), to: stand.queue)
            let summary = try await stand.workUntilIdle(HandlerProgram.counting)
            #expect(summary.dead == bad.count && summary.completed == good.count, "\(summary)")
            let ran = try String(contentsOf: stand.ledger.file, encoding: .utf8).split(separator: "\n").map(String.init)
            #expect(ran.sorted() == (0..<300).map { "good-\($0)" }.sorted())
            let letters = try await stand.deadLetters()
            #expect(letters.count == bad.count)
            #expect(letters.allSatisfy { $0.header("kokanee-reason") == "undecodable" })
            #expect(letters.allSatisfy { 1...1024 ~= $0.header("kokanee-error")?.utf8.count ?? 0 })
            #expect(Set(letters.compactMap { $0.header("kokanee-origin") }).count == bad.count)
            #expect(try await stand.lag().isEmpty)
        }
    }

    @Test("headers in thousands, of a megabyte, without a name or twice are carried to the dead letter as they are")
    func headerBombs() async throws {
        try await Stand.with(partitions: 1) { stand in
            let reject = Data(#"{"do":"reject"}"#.utf8)
            let bombs: [[Record.Header]] = [
                Self.event("many") + (0..<5000).map { Self.header("x\($0 % 7)", "\($0)") },
                Self.event("large") + [Self.header("x", String(repeating: "x", count: 900_000))],
                Self.event("nameless") + [
                    Self.header("", "a"), .init(name: "", value: nil), Self.header("é \u{1}", ""),
                ],
                Self.event("twice", ["kokanee-attempt": "7", "kokanee-attempt": "1", "x": "1", "x": "1"])
                    + (0..<500).flatMap { [Self.header("kokanee-error", "\($0)"), Self.header("ce_type", "t\($0)")] },
                Self.event("state") + (0..<1000).map { Self.header("kokanee-unknown-\($0)", "") },
            ]
            try await stand.oracle.produce(bombs.map { Record(value: reject, headers: $0) }, to: stand.queue)
            try await stand.enqueue([#"{"type":"t","id":"good","data":{}}"#])
            let summary = try await stand.workUntilIdle()
            #expect(summary.dead == bombs.count && summary.completed == 1, "\(summary)")
            let letters = try await stand.deadLetters().sorted { Self.origin($0) < Self.origin($1) }
            try #require(letters.count == bombs.count)
            let own = ["kokanee-attempt", "kokanee-error"]
            for (letter, bomb) in zip(letters, bombs) {
                let foreign = bomb.filter { !own.contains($0.name) }
                #expect(letter.headers.prefix(foreign.count).map(\.name) == foreign.map(\.name))
                #expect(letter.headers.prefix(foreign.count).map(\.value) == foreign.map(\.value))
                #expect(letter.headers.count < foreign.count + 10)
                #expect(letter.header("kokanee-reason") == "rejected" && letter.header("kokanee-attempt") == "1")
            }
            #expect(try await stand.lag().isEmpty)
        }
    }

    private static func origin(_ letter: Record) -> Int {
        letter.header("kokanee-origin").flatMap { Int($0.split(separator: "/").last ?? "") } ?? -1
    }

    @Test(
        "headers beyond what a client reads make a dead letter that says so; names that are no text do no harm",
        .enabled(if: Stand.speaksWithKafkaPython, "kafka-python can't connect to the embedded broker")
    )
    func unreadableHeaders() async throws {
        try await Stand.with(partitions: 1) { stand in
            let script = """
                import sys
                from kafka import KafkaProducer
                class Name(str):
                    def encode(self, *_): return b"\\xff\\xfe"
                producer = KafkaProducer(bootstrap_servers=sys.argv[1], max_request_size=5000000)
                def send(headers): producer.send(sys.argv[2], b"{}", headers=headers, partition=0).get(30)
                event = [("ce_specversion", b"1.0"), ("ce_type", b"t"), ("ce_source", b"/s")]
                send(event + [("ce_id", b"too-many")] + [("x", b"")] * 100001)
                send(event + [("ce_id", b"names"), (Name(), b"a"), ("kokanee-attempt\\0x", b"9"), ("a\\0b", b"c")])
                """
            _ = try await Oracle.python(script, [stand.bootstrapServers, stand.queue])
            try await stand.enqueue([#"{"type":"t","id":"good","data":{}}"#])
            let summary = try await stand.workUntilIdle()
            #expect(summary.dead == 1 && summary.completed == 2, "\(summary)")
            #expect(try stand.ledger.runs().ids.sorted() == ["good", "names"])
            let letter = try #require(try await stand.deadLetters().first)
            #expect(letter.header("kokanee-reason") == "undecodable")
            #expect(letter.header("kokanee-error")?.contains("headers can't be read") == true)
        }
    }

    /// What the handler of ``hugeErrors(flag:program:)`` says of a job whose id is its fault.
    private static let verbose = """
        import json, sys
        for line in iter(sys.stdin.readline, ""):
            id = json.loads(line)["id"]
            huge = "x y\\u00e9\\n" * 120000
            if id == "endless":
                while True: sys.stdout.write("x" * 65536); sys.stdout.flush()
            answer = {"id": id, "ok": False, "error": huge, "retry": False}
            if id == "type": answer["ok"] = huge
            if id == "other": answer["id"] = huge
            if id == "delay": answer.update(retry=True, retryAfter=huge)
            sys.stdout.write(json.dumps(answer) + "\\n"); sys.stdout.flush()

        """

    @Test("what a handler says in megabytes is cut to 1 KiB in the dead letter, and to a few in the log")
    func hugeErrors() async throws {
        try await Stand.with { stand in
            let ids = ["error", "type", "other", "delay", "endless"]
            try await stand.enqueue(ids.map { #"{"type":"t","id":"\#($0)","data":{}}"# })
            let summary = try await stand.workUntilIdle(Self.verbose, flags: ["--attempts", "1"])
            #expect(summary.dead == ids.count, "\(summary)")
            let letters = try await stand.deadLetters()
            #expect(letters.compactMap { $0.header("ce_id") }.sorted() == ids.sorted())
            #expect(letters.allSatisfy { 1...1024 ~= $0.header("kokanee-error")?.utf8.count ?? 0 })
            #expect(summary.outcome.error.utf8.count < 100_000)
        }
    }

    @Test("a command's megabytes on stderr go to the log a short line at a time, and their end to the dead letter")
    func hugeStandardError() async throws {
        try await Stand.with { stand in
            try await stand.enqueue([#"{"type":"t","id":"loud","data":{}}"#])
            let command = "head -c 1000000 /dev/zero | tr '\\0' x >&2; echo the end >&2; exit 65"
            let outcome = try await stand.kokanee("work", stand.queue, "--exec", command, "--until-idle", "--json")
            #expect(outcome.code == 0, "\(outcome)")
            let letter = try #require(try await stand.deadLetters().first)
            let error = letter.header("kokanee-error") ?? ""
            #expect(error.utf8.count <= 1024 && error.hasPrefix("JobError: "), "\(error)")
            #expect(outcome.error.split(separator: "\n").allSatisfy { $0.utf8.count < 10_000 })
        }
    }

    struct Forgery: Sendable, CustomTestStringConvertible {
        enum End: Sendable {
            case runs(attempt: Int)
            case dies(reason: String)
            case discarded
        }

        let state: KeyValuePairs<String, String>
        let end: End
        var testDescription: String { state.map { "\($0.key)=\($0.value)" }.joined(separator: " ") }
    }

    static let forgeries = [
        Forgery(state: ["kokanee-attempt": "1000000000000000000"], end: .runs(attempt: 1_000_000)),
        Forgery(state: ["kokanee-attempt": "-5"], end: .runs(attempt: 1)),
        Forgery(state: ["kokanee-attempt": "the third"], end: .runs(attempt: 1)),
        Forgery(state: ["kokanee-due-at": "\(year9999)"], end: .dies(reason: "undecodable")),
        Forgery(state: ["kokanee-due-at": "99999999999999999999"], end: .dies(reason: "undecodable")),
        Forgery(state: ["kokanee-due-at": "-1"], end: .runs(attempt: 1)),
        Forgery(state: ["kokanee-origin": "somebody.elses/0/17"], end: .runs(attempt: 1)),
        Forgery(state: ["kokanee-first-failed-at": "-9223372036854775808"], end: .runs(attempt: 1)),
        Forgery(state: ["kokanee-first-failed-at": "last week", "kokanee-error": "\u{0}"], end: .runs(attempt: 1)),
        Forgery(state: ["kokanee-expires-at": "\(year9999)"], end: .runs(attempt: 1)),
        Forgery(state: ["kokanee-expires-at": "0"], end: .discarded),
        Forgery(state: ["kokanee-expires-at": "never"], end: .dies(reason: "undecodable")),
        Forgery(state: ["kokanee-cut": "payload", "kokanee-reason": "rejected"], end: .runs(attempt: 1)),
        Forgery(state: ["kokanee-died-at": "1", "kokanee-retried-from": "///"], end: .runs(attempt: 1)),
    ]

    @Test(
        "retry state that somebody forged does no harm: the job runs once, or ends with a reason",
        arguments: [
            "main", "rung",
        ]
    )
    func forgedState(place: String) async throws {
        try await Stand.with(partitions: 1) { stand in
            let records = Self.forgeries.enumerated().map { index, forgery in
                Record(
                    value: Data("{}".utf8),
                    headers: Self.event("\(index)") + forgery.state.map { Self.header($0.key, $0.value) }
                )
            }
            try await stand.oracle.produce(records, to: place == "main" ? stand.queue : "\(stand.queue).retry.1s")
            try await stand.enqueue([#"{"type":"t","id":"flaky","data":{"do":"flaky","failures":1}}"#])
            let summary = try await stand.workUntilIdle()
            let runs = try stand.ledger.runs()
            let letters = try await stand.deadLetters()
            for (index, forgery) in Self.forgeries.enumerated() {
                let attempts = runs.filter { $0.start.id == "\(index)" }.map(\.start.attempt)
                let reasons = letters.filter { $0.header("ce_id") == "\(index)" }.map { $0.header("kokanee-reason") }
                switch forgery.end {
                case .runs(let attempt): #expect(attempts == [attempt] && reasons.isEmpty, "\(forgery)")
                case .dies(let reason): #expect(attempts.isEmpty && reasons == [reason], "\(forgery)")
                case .discarded: #expect(attempts.isEmpty && reasons.isEmpty, "\(forgery)")
                }
            }
            #expect(summary.discarded == 1, "\(summary)")
            #expect(runs.filter { $0.start.id == "flaky" }.map(\.start.attempt) == [1, 2])
            #expect(try await stand.lag().isEmpty)
        }
    }

    @Test("a job on a rung that claims to be from the year 9999 holds up nothing behind it, and runs")
    func forgedRungTime() async throws {
        // Of brokers that tests use, the embedded one keeps producers' times.
        try await Stand.withGroups(partitions: 1, ladder: "10s") { stand in
            var forged = Record(value: Data("{}".utf8), headers: Self.event("forged"))
            forged.timestamp = Self.year9999
            var old = Record(value: Data("{}".utf8), headers: Self.event("old"))
            old.timestamp = Ledger.wallNow - 20_000
            let start = Ledger.wallNow
            try await stand.oracle.produce([forged, old], to: "\(stand.queue).retry.10s")
            let summary = try await stand.workUntilIdle()
            #expect(summary.completed == 2, "\(summary)")
            let runs = try stand.ledger.runs()
            #expect(Set(runs.ids) == ["old", "forged"])
            if !Stand.isExternal {
                #expect(runs.ids == ["old", "forged"])
                let wait = (runs.last?.start.wall ?? 0) - (runs.first?.start.wall ?? 0)
                #expect(wait > 5000, "the old one ran at once, and not when the forged one was due")
            }
            #expect(runs.last.map { $0.start.wall - start >= 10_000 } == true)
            #expect(try await stand.lag(rungs: ["10s"]).isEmpty)
        }
    }

    @Test("an empty key is a key, whose jobs run one at a time; no key is none; a tombstone is a job without a payload")
    func keys() async throws {
        try await Stand.with(partitions: 1) { stand in
            let data = Data(#"{"do":"sleep","seconds":0.2}"#.utf8)
            let empty = (0..<6).map { Record(key: "", value: data, headers: Self.event("empty-\($0)")) }
            let none = (0..<6).map { Record(value: data, headers: Self.event("none-\($0)")) }
            let tombstones = [Record(key: "k", value: nil, headers: Self.event("tombstone")), Record(value: nil)]
            try await stand.oracle.produce(empty + none + tombstones, to: stand.queue)
            let summary = try await stand.workUntilIdle()
            #expect(summary.completed == 14, "\(summary)")
            let runs = try stand.ledger.runs()
            #expect(runs.filter { $0.start.id.hasPrefix("empty") }.ids == (0..<6).map { "empty-\($0)" })
            #expect(runs.overlaps { $0.start.id.hasPrefix("empty") ? "empty" : nil }.isEmpty)
            #expect(!runs.overlaps { $0.start.id.hasPrefix("none") ? "none" : nil }.isEmpty)
        }
    }

    @Test("twenty thousand keys, and then one for as many jobs, are no more than so many jobs", arguments: [1, 20_000])
    func manyKeys(keys: Int) async throws {
        try await Stand.with { stand in
            let jobs = keys == 1 ? 5000 : keys
            try await stand.enqueue((0..<jobs).map { #"{"type":"t","id":"\#($0)","key":"\#($0 % keys)","data":0}"# })
            let summary = try await stand.workUntilIdle(HandlerProgram.counting)
            #expect(summary.completed == jobs, "\(summary)")
            #expect(try await stand.lag().isEmpty)
        }
    }
}
