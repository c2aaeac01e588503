import Foundation
import Kokanee
import RdKafka
import Testing

@testable import kokanee

@Suite("kokanee dlq", .timeLimit(.minutes(1)))
struct DeadLetterCommandTests {
    static func bury(_ ids: [String], _ servers: String) async throws {
        let producer = try Producer(ClientConfiguration(bootstrapServers: servers))
        for (index, id) in ids.enumerated() {
            let place = Envelope.Origin(topic: "orders", partition: 0, offset: Int64(index))
            let headers = Envelope.deadLetterHeaders(
                copying: Envelope(id: id, type: "mail.send").newJobHeaders(source: "t", at: 1, contentType: nil),
                from: place,
                attempt: 3,
                reason: .attemptsExhausted,
                failure: Envelope.Failure(type: "Timeout", message: "no \u{1B}[31manswer", at: 2000),
                at: Int64(2000 + index)
            )
            _ = try await producer.send(
                ProducerRecord(topic: "orders.dlq", partition: 0, key: "k", value: "{\"n\":[1,2]}", headers: headers)
            )
        }
        await producer.close()
    }

    @Test("list has a line of JSON a letter with exactly the promised fields, and a table for people")
    func list() async throws {
        try await ProgramTests.withBroker { servers in
            let empty = await ProgramTests.run(["dlq", "list", "orders"], servers: servers)
            #expect(empty.code == .success)
            #expect(empty.error.lines == ["no dead letters in orders"])
            try await Self.bury(["a", "b"], servers)
            let json = await ProgramTests.run(["dlq", "list", "orders", "--limit", "1", "--json"], servers: servers)
            #expect(
                json.output.text == """
                    {"id":"b","type":"mail.send","version":1,"key":"k","attempts":3,"reason":"attempts-exhausted",\
                    "firstError":"Timeout: no  [31manswer","lastError":"Timeout: no  [31manswer",\
                    "firstFailedAt":2000,"diedAt":2001,"origin":"orders/0/1","verdict":null,"verdictAt":null,\
                    "verdictBy":null,"verdictReason":null}

                    """
            )
            let table = await ProgramTests.run(["dlq", "list", "orders", "--error", "TIMEOUT"], servers: servers)
            #expect(table.output.lines.count == 3)
            #expect(table.output.lines[0].hasPrefix("id  type       attempts  died"))
            #expect(table.output.lines[1].contains("1970-01-01T00:00:02.000Z  orders/0/0  -"))
            #expect(table.error.lines == ["2 dead letters, 2 without a verdict"])
            let none = await ProgramTests.run(["dlq", "list", "orders", "--type", "x"], servers: servers)
            #expect(none.error.lines == ["no dead letters in orders match"])
        }
    }

    @Test("retry without --execute does nothing; with it the job goes back once, and then there is nothing to do")
    func retry() async throws {
        try await ProgramTests.withBroker { servers in
            try await Self.bury(["a", "b", "c"], servers)
            let dry = await ProgramTests.run(["dlq", "retry", "orders", "--all"], servers: servers)
            #expect(dry.code == .success)
            #expect(dry.output.lines.last == "would retry 3 dead letters of orders")
            #expect(dry.error.text.contains("--execute does it"))
            let one = await ProgramTests.run(["dlq", "retry", "orders", "b", "--execute"], servers: servers)
            #expect(one.code == .success, "\(one.error.text)")
            #expect(one.output.text == "retried 1 dead letter of orders\n")
            let again = await ProgramTests.run(["dlq", "retry", "orders", "b", "--execute"], servers: servers)
            #expect(again.code == .success)
            #expect(again.output.text.isEmpty)
            #expect(again.error.text.contains("b has its verdict already"))
            #expect(again.error.text.contains("nothing to do"))
            let words = ["dlq", "discard", "orders", "--all", "--execute", "--json"]
            let discard = await ProgramTests.run(words, servers: servers)
            #expect(
                discard.output.text == """
                    {"action":"discard","executed":true,"letters":2,"refused":[],"settledBefore":[],"unknown":[]}

                    """
            )
            let list = await ProgramTests.run(["dlq", "list", "orders", "--json"], servers: servers)
            let verdicts = list.output.lines.map { $0.contains(#""verdict":"retried""#) ? "retried" : "discarded" }
            #expect(verdicts == ["discarded", "retried", "discarded"])
            #expect(list.output.lines.allSatisfy { $0.contains(#""verdictBy":"uid "#) })
            let open = await ProgramTests.run(["dlq", "list", "orders", "--open"], servers: servers)
            #expect(open.output.text.isEmpty)
        }
    }

    @Test("ids that no letter has are named, and exit 1, when the others are done")
    func unknown() async throws {
        try await ProgramTests.withBroker { servers in
            try await Self.bury(["a"], servers)
            let run = await ProgramTests.run(
                ["dlq", "retry", "orders", "a", "x", "y", "--execute"],
                servers: servers
            )
            #expect(run.code == .failure)
            #expect(run.output.text == "retried 1 dead letter of orders\n")
            #expect(run.error.lines.last == "kokanee: orders has no dead letter of x, y")
            let show = await ProgramTests.run(["dlq", "show", "orders", "x"], servers: servers)
            #expect(show.code == .failure)
        }
    }

    @Test("show has everything: history, verdict, headers, the payload laid out")
    func show() async throws {
        try await ProgramTests.withBroker { servers in
            try await Self.bury(["a"], servers)
            let words = ["dlq", "discard", "orders", "a", "--reason", "sent by hand", "--execute"]
            #expect(await ProgramTests.run(words, servers: servers).code == .success)
            let show = await ProgramTests.run(["dlq", "show", "orders", "a"], servers: servers)
            #expect(show.code == .success)
            let text = show.output.text
            #expect(text.contains("letter        orders.dlq/0/0\n"))
            #expect(text.contains(": sent by hand\n"))
            #expect(text.contains("  ce_type: mail.send\n"))
            #expect(text.contains("payload       JSON, 11 bytes\n  {\n    \"n\": [\n      1,\n      2\n    ]\n  }\n"))
            #expect(!text.contains("\u{1B}"))
            let json = await ProgramTests.run(["dlq", "show", "orders", "a", "--json"], servers: servers)
            #expect(json.output.text.contains(#""verdictReason":"sent by hand""#))
            #expect(json.output.text.contains(#""data":{"n":[1,2]}"#))
        }
    }

    @Test("a queue that is not there exits 1 and names the command to make it")
    func missing() async throws {
        try await ProgramTests.withBroker { servers in
            let run = await ProgramTests.run(["dlq", "list", "nowhere"], servers: servers)
            #expect(run.code == .failure)
            #expect(
                run.error.lines == ["kokanee: there is no queue nowhere; create it with: kokanee topics create nowhere"]
            )
        }
    }

    @Test(
        "what can't be meant is wrong use",
        arguments: [
            ["retry", "orders"], ["retry", "orders", "a", "--all"], ["show", "orders", "a", "--type", "t"],
            ["discard", "orders", "--limit", "3"], ["retry", "orders", "a", "--until", "-1h"],
            ["retry", "orders", "--all", "--rate", "fast"], ["discard", "orders", "--all", "--rate", "1/s"],
            ["retry", "orders", "--all", "--reason", ""], ["import", "orders"], ["list", "orders", "--limit", "0"],
            ["list", "orders", "a"],
        ]
    )
    func wrongUse(words: [String]) async {
        #expect(await ProgramTests.run(["dlq"] + words).code == .usage)
    }

    @Test(
        "JSON is laid out as it is written: strings, numbers and empty containers stay",
        arguments: [
            ("{}", ["{}"]), ("[ ]", ["[]"]), ("1e400", ["1e400"]), (#""a\"{,""#, [#""a\"{,""#]),
            (
                #"{"a" : [], "b":{"c":[1, {}]}}"#,
                ["{", #"  "a": [],"#, #"  "b": {"#, #"    "c": ["#, "      1,", "      {}", "    ]", "  }", "}"]
            ),
        ]
    )
    func prettyJSON(text: String, lines: [String]) {
        #expect(PrettyJSON.lines(Array(text.utf8)) == lines)
    }
}
