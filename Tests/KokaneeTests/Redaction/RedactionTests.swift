import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("Fields that are not to be shown")
struct RedactionTests {
    private func json(_ text: String, _ fields: String...) throws -> String {
        let redacted = try Redaction(fields).json(Array(text.utf8))
        #expect(JSONText.isValid(redacted))
        return String(decoding: redacted, as: UTF8.self)
    }

    @Test(
        "a field's value is replaced however deep it is, whatever it is, and nothing else is touched",
        arguments: [
            (#"{"email":"a@b.c","n":1}"#, #"{"email":"[redacted]","n":1}"#),
            (#"{ "a" : [ {"EMail": null } , 12e3 ] }"#, #"{ "a" : [ {"EMail": "[redacted]" } , 12e3 ] }"#),
            (#"{"email":{"x":[1,{"email":2}]},"e":"email"}"#, #"{"email":"[redacted]","e":"email"}"#),
            (
                #"{"em\u0061il":1,"card":{"number":4,"n":5}}"#,
                #"{"em\u0061il":"[redacted]","card":{"number":"[redacted]","n":5}}"#
            ),
            (#"{"card":[{"number":"\"]}"}],"number":1}"#, #"{"card":[{"number":"[redacted]"}],"number":1}"#),
            (#"{"card":{"x":{"number":1}}}"#, #"{"card":{"x":{"number":1}}}"#),
            (#"[["email",{"a.card":{"number":1}}]]"#, #"[["email",{"a.card":{"number":1}}]]"#), ("7", "7"),
            (#"{"email":1,"email":2}"#, #"{"email":"[redacted]","email":"[redacted]"}"#),
            (#"{"x":{"card":{"number":[]}},"y":{}}"#, #"{"x":{"card":{"number":"[redacted]"}},"y":{}}"#),
        ]
    )
    func members(text: String, expected: String) throws {
        #expect(try json(text, "email", "card.number") == expected)
    }

    @Test("no value of a redacted name is left in whatever JSON there is")
    func anything() throws {
        var random = SeededGenerator(seed: 3)
        let redaction = try Redaction(["secret"])
        func value(_ depth: Int, isSecret: Bool) -> String {
            let leaf = isSecret ? "777777" : "\(Int.random(in: 0...99, using: &random))"
            switch depth > 0 ? Int.random(in: 0..<4, using: &random) : 3 {
            case 0:
                let elements = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                    value(depth - 1, isSecret: isSecret)
                }
                return "[\(elements.joined(separator: " ,"))]"
            case 1, 2:
                let members = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                    let name = ["secret", "a", "secrets", "Secret"].randomElement(using: &random)!
                    let inner = value(depth - 1, isSecret: isSecret || name.lowercased() == "secret")
                    return "\"\(name)\" : \(inner)"
                }
                return "{\(members.joined(separator: ","))}"
            default: return Bool.random(using: &random) ? leaf : "\"\\\"{\(leaf)\""
            }
        }
        for _ in 0..<2000 {
            let text = value(6, isSecret: false)
            let redacted = redaction.json(Array(text.utf8))
            #expect(JSONText.isValid(redacted), "\(text)")
            #expect(!String(decoding: redacted, as: UTF8.self).contains("777777"), "\(text)")
        }
    }

    @Test("a payload that is no JSON is not shown at all")
    func payloads() throws {
        let redaction = try Redaction(["email"])
        #expect(redaction.payload(Array("email=a@b.c".utf8)) == nil)
        #expect(redaction.payload([]) == [])
        #expect(Redaction.none.payload([0xFF]) == [0xFF])
    }

    @Test(
        "values behind a field's name in text are replaced",
        arguments: [
            (#"E: no such user {"email": "a@b.c", "n": 1}"#, #"E: no such user {"email": [redacted], "n": 1}"#),
            (#"E: {\"email\":\"a \\\"q\\\" b\",\"n\":1}"#, #"E: {\"email\":[redacted],\"n\":1}"#),
            (
                "E: email=a@b.c&x=1, Email : 7; emails=3 my_email=4",
                "E: email=[redacted]&x=1, Email : [redacted]; emails=3 my_email=4"
            ),
            ("E: the email is wrong", "E: the email is wrong"),
            (#"E: "email":{"a":[1,2]},"b":1"#, #"E: "email":[redacted],"b":1"#),
            (#"Rejected(email: Optional("a@b.c"), n: 1)"#, "Rejected(email: [redacted], n: 1)"),
            (#"Pay(email: App.Address(of: "a (b", at: 3), n: 1)"#, "Pay(email: [redacted], n: 1)"),
            (#"Pay(email: App.(unknown context at $55b4).Card(of: "4111"), n: 1)"#, "Pay(email: [redacted], n: 1)"),
            (#"Pay(email: App.Box<Swift.Array<Swift.String>>(of: "4111"), n: 1)"#, "Pay(email: [redacted], n: 1)"),
            (#"E: {'email': {'note': '}', 'n': '4111'}, 'm': 1}"#, #"E: {'email': [redacted], 'm': 1}"#),
            (#"E: email=a<b, it isn't"#, #"E: email=[redacted], it isn't"#),
            (#"Pay(email: ("a", "b"), n: 1)"#, "Pay(email: [redacted], n: 1)"),
            (#"{"email":{"note":"}","number":"4111"},"n":1}"#, #"{"email":[redacted],"n":1}"#),
            (#"E: {\"email\":{\"note\":\"}\"},\"n\":1}"#, #"E: {\"email\":[redacted],\"n\":1}"#),
            ("E: Key (email)=(a@b.c) already exists", "E: Key (email)=[redacted] already exists"),
            (#"E: {"email"=>"a@b.c", :n=>1}"#, #"E: {"email"=>[redacted], :n=>1}"#),
            (#"E: %{email => "a@b.c", n => 1}"#, "E: %{email => [redacted], n => 1}"),
            ("E: [email] => a@b.c [n] => 1", "E: [email] => [redacted] [n] => 1"),
            ("E: email == 'a@b.c', n", "E: email == [redacted], n"),
            ("E: {'email': b'a@b.c', 'n': 1}", "E: {'email': [redacted], 'n': 1}"),
            (#"E: (email=u"a@b.c", n=1)"#, "E: (email=[redacted], n=1)"),
            (#"E: email: "cut in the mid"#, "E: email: [redacted]"), ("email:", "email:"), ("email", "email"),
        ]
    )
    func text(text: String, expected: String) throws {
        #expect(try Redaction(["user.email"]).text(text) == expected)
    }

    @Test("what names no field is refused", arguments: ["", ".", "a.", ".a", "a..b"])
    func refused(field: String) {
        #expect(throws: InputError.self) { try Redaction([field]) }
    }

    /// Its decoder quotes what it can't decode.
    private struct Card: Decodable, Sendable {
        struct Number: Decodable, Sendable {
            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                let text = try container.decode(String.self)
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "no number: \(text)")
            }
        }

        var number: Number
    }

    @Test("attempts that are logged show no redacted field in their errors")
    func logging() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue([("card", "1"), ("fail", "2")], value: #"{"number":"4111-1111"}"#)
        var jobs = JobRegistry()
        try jobs.register("card", payload: Card.self) { _, _ in }
        try jobs.register("fail") { (payload: Bytes, _) in throw JobError.deadLetter("can't: \(payload.text)") }
        let log = LogCollector()
        let worker = fixture.worker(jobs, logger: log.logger) { configuration in
            configuration.redactedFields = ["number"]
            configuration.middleware = [LoggingMiddleware()]
        }
        try await running(worker) {
            try await eventually("both are dead") { worker.statistics.dead == 2 }
        }
        let lines = log.lines.filter { $0.contains("attempt ended with an error") }
        #expect(lines.count == 2 && lines.allSatisfy { $0.contains(Redaction.placeholder) }, "\(log.lines)")
        #expect(!log.contains("4111"), "\(log.lines)")
    }

    @Test("a worker's errors show no redacted field: not in the log, not in what it writes")
    func worker() async throws {
        let fixture = try WorkerFixture()
        var jobs = JobRegistry()
        try jobs.register("card", payload: Card.self) { _, _ in }
        try jobs.register("fail") { (payload: Bytes, _) in throw JobError.deadLetter("can't: \(payload.text)") }
        try jobs.register("retry") { (payload: Bytes, _) in throw JobError.retry("can't: \(payload.text)") }
        try jobs.register("discard") { (payload: Bytes, _) in throw JobError.discard("needn't: \(payload.text)") }
        let producer = try Producer(fixture.client)
        for type in ["card", "fail", "retry", "discard"] {
            // Each leaves how it ended, and why, for who asks.
            let headers = [
                Header("kokanee-keep-result", "600000"),
                Header("ce_specversion", "1.0"), Header("ce_id", "i"), Header("ce_type", Bytes(type)),
                Header("ce_source", "/s"),
            ]
            _ = try await producer.send(
                ProducerRecord(topic: "q", partition: 0, value: #"{"number":"4111-1111"}"#, headers: headers)
            )
        }
        await producer.close()
        let log = Mutex("")
        let logger = Logger(minimumLevel: .debug) { entry in log.withLock { $0 += "\(entry.message) \(entry.fields)\n" }
        }
        let worker = fixture.worker(jobs, logger: logger) { $0.redactedFields = ["number"] }
        try await running(worker) {
            try await eventually("all have ended") {
                worker.statistics.dead == 2 && worker.statistics.retried >= 1 && worker.statistics.discarded == 1
            }
        }
        let letters = try await fixture.records(of: fixture.queue.deadLetterTopic)
        let waiting = try await fixture.records(of: fixture.queue.retryTopics[0])
        for record in letters + waiting {
            #expect(record.text("kokanee-error")?.contains("4111") == false, "\(record.text("kokanee-error") ?? "")")
            #expect(record.text("kokanee-error")?.contains("[redacted]") == true)
            #expect(record.value == #"{"number":"4111-1111"}"#, "the payload itself is as it was")
        }
        #expect(letters.count == 2 && !waiting.isEmpty)
        let left = try await fixture.records(of: fixture.queue.stateTopic).compactMap(\.value?.text)
        #expect(left.contains { $0.contains("[redacted]") } && !left.contains { $0.contains("4111") }, "\(left)")
        #expect(!log.withLock { $0.contains("4111") }, "\(log.withLock { $0 })")
    }
}
