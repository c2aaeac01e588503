import Foundation
import TestSupport
import Testing

/// What operators do about many dead letters at once.
@Suite(.alone)
struct DeadLetterBulkTests {
    /// Puts `count` jobs into the dead letters: half of them ask for what no handler does.
    private static func bury(_ count: Int, _ stand: Stand) async throws {
        try await stand.enqueue(
            (0..<count).map { n in
                #"{"type":"t","id":"\#(n)","key":"\#(n % 7)","data":{"do":"reject","why":"\#(n % 2 == 0 ? "even" : "odd")"}}"#
            }
        )
        try await stand.workUntilIdle(flags: ["--circuit-share", "0"])
    }

    private static func export(_ stand: Stand, to name: String, _ flags: String...) async throws -> URL {
        let file = stand.scratch.file(name)
        let outcome = try await stand.start(["dlq", "export", stand.queue, "--output", file.path] + flags).outcome()
        guard outcome.code == 0 else { throw StandError("\(outcome)") }
        return file
    }

    /// Runs Python over each line of a file, where `it` is the letter, as an operator would.
    private static func edit(_ file: URL, _ program: String) async throws {
        let script = """
            import json, sys
            out = []
            for line in open(sys.argv[1], encoding="utf-8"):
                it = json.loads(line)
                \(program)
                out.append(json.dumps(it))
            open(sys.argv[1], "w", encoding="utf-8").write("".join(line + "\\n" for line in out))
            """
        _ = try await Oracle.run("python3", ["-c", script, file.path])
    }

    @Test("letters that were exported, edited and imported are worked, each once, as another client sees them")
    func mended() async throws {
        try await Stand.with { stand in
            try await Self.bury(40, stand)
            let before = try await stand.oracle.records(of: stand.queue)
            #expect(before.count == 40)
            let file = try await Self.export(stand, to: "letters.ndjson", "--error", "even")
            try await Self.edit(file, #"it["data"] = {"do": "ok", "mended": it["id"]}"#)
            let dry = try await stand.kokanee("dlq", "import", stand.queue, "--file", file.path)
            #expect(dry.code == 0, "\(dry)")
            #expect(dry.output.contains("would send 20 jobs back to \(stand.queue): 0 as they were, 20 edited"))
            #expect(try await stand.oracle.count(of: stand.queue) == 40)
            let reason = ["--reason", "mended by hand", "--by", "ann"]
            let words = ["dlq", "import", stand.queue, "--file", file.path, "--execute"] + reason
            let done = try await stand.start(words).outcome()
            #expect(done.code == 0, "\(done)")

            let records = try await stand.oracle.records(of: stand.queue)
            let back = records.filter { $0.header("kokanee-retried-from") != nil }
            #expect(records.count == 60)
            #expect(back.count == 20)
            let letters = Dictionary(
                uniqueKeysWithValues: try await stand.deadLetters().map { letter in
                    ("\(stand.deadLetterTopic)/\(letter.partition ?? -1)/\(letter.offset ?? -1)", letter)
                }
            )
            struct Payload: Decodable { let mended: String }
            for record in back {
                let letter = try #require(letters[record.header("kokanee-retried-from") ?? ""])
                let id = try #require(record.header("ce_id"))
                #expect(letter.header("ce_id") == id)
                #expect(letter.partition == record.partition)
                #expect(letter.key == record.key)
                #expect(record.header("kokanee-attempt") == nil)
                #expect(record.header("kokanee-origin") == letter.header("kokanee-origin"))
                #expect(try JSONDecoder().decode(Payload.self, from: record.value ?? Data()).mended == id)
            }
            let worked = try await stand.workUntilIdle()
            #expect(worked.completed == 20, "\(worked)")
            #expect(worked.dead == 0, "\(worked)")
            let again = try await stand.start(words).outcome()
            #expect(again.code == 0, "\(again)")
            #expect(again.error.contains("nothing to do: all 20 dead letters have their verdicts already"), "\(again)")
            #expect(try await stand.oracle.count(of: stand.queue) == 60)
            #expect(try await StatusTests.status(of: stand).dead == 20)
            let shown = try await stand.kokanee("dlq", "show", stand.queue, "0")
            #expect(shown.output.contains("by ann"), "\(shown)")
            #expect(shown.output.contains(": mended by hand"), "\(shown)")
        }
    }

    @Test(
        "an import that is killed at any time and run again puts each job back once",
        .enabled(if: Stand.isolatesTransactions, "the embedded broker shows records of transactions that are aborted"),
        arguments: [1, 60, 120]
    )
    func killed(after count: Int) async throws {
        try await Stand.with(partitions: 2) { stand in
            let total = 1000
            try await Self.bury(total, stand)
            let file = try await Self.export(stand, to: "letters.ndjson")
            let words = ["dlq", "import", stand.queue, "--file", file.path, "--execute"]
            // So many that 20 seconds of it are left when the last count is seen: a look takes a part of one, or several.
            let dying = try stand.start(words + ["--rate", "40/s"])
            try await eventually("some jobs are back", within: .seconds(60)) {
                try await stand.oracle.count(of: stand.queue) >= total + count
            }
            dying.signal(SIGKILL)
            let killed = try await dying.outcome()
            #expect(killed.code == 128 + SIGKILL, "\(killed)")
            let again = try await stand.start(words).outcome(within: .seconds(100))
            #expect(again.code == 0, "\(again)")
            #expect(again.error.contains("has the verdict retried already"), "\(again)")
            let ids = try await stand.oracle.records(of: stand.queue)
                .filter { $0.header("kokanee-retried-from") != nil }.compactMap { $0.header("ce_id") }
            #expect(ids.count == total)
            #expect(Set(ids).count == total)
            #expect(try await StatusTests.status(of: stand).dead == 0)
        }
    }

    @Test("an interrupted retry says what was done and how to go on, and nothing goes twice")
    func interrupted() async throws {
        try await Stand.with(partitions: 2) { stand in
            try await Self.bury(60, stand)
            let words = ["dlq", "retry", stand.queue, "--all", "--execute"]
            // Half a minute of it, of which a look takes a part.
            let slow = try stand.start(words + ["--rate", "2/s"])
            try await eventually("some jobs are back", within: .seconds(60)) {
                try await stand.oracle.count(of: stand.queue) > 60
            }
            slow.signal(SIGINT)
            let outcome = try await slow.outcome()
            #expect(outcome.code == 130, "\(outcome)")
            #expect(outcome.error.contains("of 60 letters were done before. Run it again"), "\(outcome)")
            let done = try await stand.oracle.count(of: stand.queue) - 60
            #expect(outcome.output.contains("retried \(done) dead letter"), "\(outcome)")
            let rest = try await stand.start(words).outcome()
            #expect(rest.code == 0, "\(rest)")
            #expect(rest.output == "retried \(60 - done) dead letters of \(stand.queue)\n", "\(rest)")
            #expect(try await stand.oracle.count(of: stand.queue) == 120)
        }
    }

    @Test("an interrupted import says what was done and how to go on, and nothing goes twice")
    func interruptedImport() async throws {
        try await Stand.with(partitions: 2) { stand in
            try await Self.bury(60, stand)
            let file = try await Self.export(stand, to: "letters.ndjson")
            let words = ["dlq", "import", stand.queue, "--file", file.path, "--execute"]
            // Half a minute of it, of which a look takes a part.
            let slow = try stand.start(words + ["--rate", "2/s"])
            try await eventually("some jobs are back", within: .seconds(60)) {
                try await stand.oracle.count(of: stand.queue) > 60
            }
            slow.signal(SIGINT)
            let outcome = try await slow.outcome()
            #expect(outcome.code == 130, "\(outcome)")
            let done = try await stand.oracle.count(of: stand.queue) - 60
            #expect(outcome.error.contains("interrupted; \(done) jobs were sent before. Run it again"), "\(outcome)")
            let rest = try await stand.start(words).outcome()
            #expect(rest.code == 0, "\(rest)")
            #expect(rest.output.hasPrefix("sent \(60 - done) jobs back to \(stand.queue): "), "\(rest)")
            #expect(try await stand.oracle.count(of: stand.queue) == 120)
        }
    }

    @Test("hostile texts and bytes go through an export and back without a change")
    func hostile() async throws {
        try await Stand.with(partitions: 2) { stand in
            let texts = [
                "\u{0}\u{1B}[31m", "\"\\\n\r", "\u{2028}\u{202E}\u{FEFF}", "é e\u{301} 😀", "{\"letter\":1}\n{}", "",
            ]
            let payloads = texts.map { Data($0.utf8) } + [Data([0xFF, 0, 0x0A]), Data(#"{"a" : "\ud800"}"#.utf8)]
            let records = payloads.enumerated().map { index, payload in
                var record = KafkaOracle.Record(value: payload)
                record.key = index % 2 == 0 ? payload : nil
                record.headers = [
                    .init(name: "ce_specversion", value: Data("1.0".utf8)),
                    .init(name: "ce_id", value: Data("id \(index) é😀\"\\".utf8)),
                    .init(name: "ce_type", value: Data("no such type".utf8)),
                    .init(name: "ce_source", value: Data("s".utf8)), .init(name: "x", value: payload),
                    .init(name: "x", value: nil), .init(name: "kokanee-reason", value: payload),
                ]
                return record
            }
            try await stand.oracle.produce(records, to: stand.queue)
            let handler = try stand.start(
                ["work", stand.queue, "--exec", "false", "--attempts", "1", "--circuit-share", "0", "--until-idle"]
            )
            let worked = try await handler.outcome()
            #expect(worked.code == 0, "\(worked)")
            let file = try await Self.export(stand, to: "letters.ndjson")
            // Each line is one for other tools, too.
            try await Self.edit(file, #"assert it["letter"]"#)
            let done = try await stand.kokanee("dlq", "import", stand.queue, "--file", file.path, "--execute")
            #expect(done.code == 0, "\(done)")
            #expect(
                done.output.hasPrefix(
                    "sent \(payloads.count) jobs back to \(stand.queue): \(payloads.count) as they were"
                )
            )
            let all = try await stand.oracle.records(of: stand.queue)
            let back = all.filter { $0.header("kokanee-retried-from") != nil }
            let first = all.filter { $0.header("kokanee-retried-from") == nil }
            #expect(back.count == payloads.count)
            for record in back {
                let origin = try #require(first.first { $0.header("ce_id") == record.header("ce_id") })
                #expect(record.key == origin.key)
                #expect(record.value == origin.value)
                #expect(record.partition == origin.partition)
                let headers = record.headers.filter { $0.name == "x" }.map(\.value)
                #expect(headers == origin.headers.filter { $0.name == "x" }.map(\.value))
            }
        }
    }
}
