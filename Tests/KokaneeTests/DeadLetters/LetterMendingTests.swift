import RdKafka
import Testing

@testable import Kokanee

@Suite("Edited dead letters")
struct LetterMendingTests {
    private static let place = Envelope.Origin(topic: "orders.dlq", partition: 0, offset: 3)

    private static func dead(_ headers: [Header], reason: DeadReason = .rejected) -> [Header] {
        Envelope.deadLetterHeaders(
            copying: headers,
            from: Envelope.Origin(topic: "orders", partition: 0, offset: 9),
            attempt: 1,
            reason: reason,
            failure: Envelope.Failure(type: "Error", message: "no", at: 2),
            at: 3
        )
    }

    private static func event(_ extra: [Header] = []) -> [Header] {
        dead(
            Envelope(id: "a", type: "t", version: 2).newJobHeaders(
                source: "shop",
                at: 1,
                contentType: "application/json",
                extra: extra
            )
        )
    }

    private static func mend(
        _ headers: [Header],
        _ value: Bytes?,
        key: Bytes? = "k",
        id: String = "a",
        _ edit: (inout LetterLine) -> Void
    ) throws -> LetterMending.Job {
        var line = LetterLine(place: place, id: id)
        edit(&line)
        let parts = LetterParts(place: place, key: key, value: value, headers: headers)
        return try LetterMending(parts, line, defaultType: "plain").job()
    }

    /// What a worker reads of the job that goes back.
    private static func read(_ job: LetterMending.Job) throws -> DecodedJob {
        let headers = Envelope.retryHeaders(copying: job.headers, from: place)
        let there = Envelope.Origin(topic: "orders", partition: 0, offset: 50)
        return try Envelope.decode(headers: headers, at: there, value: job.value, defaultType: "plain").get()
    }

    @Test("another payload goes as it was written, under the same headers")
    func payload() throws {
        let headers = Self.event([Header("trace", "x")])
        let job = try Self.mend(headers, "{\"n\":1}") { $0.payload = .to("{\"n\": 2}") }
        #expect(job.value == "{\"n\": 2}")
        #expect(job.headers == headers)
        #expect(job.change == LetterChange(isEdited: true))
        #expect(try Self.mend(headers, "{}") { $0.payload = .to(nil) }.value == nil)
    }

    @Test("JSON that was only laid out otherwise is the same payload; a space in a string is not")
    func layout() throws {
        let value: Bytes = "{\"a\": [1, 2],\n\"b\":\"x \\\" y\"}"
        let same = try Self.mend(Self.event(), value) { $0.payload = .to("{\"a\":[1,2],\"b\":\"x \\\" y\"}") }
        #expect(same.value == value)
        #expect(same.change == LetterChange())
        let other = try Self.mend(Self.event(), value) { $0.payload = .to("{\"a\":[1,2],\"b\":\"x \\\" y \"}") }
        #expect(other.change.isEdited)
        // No JSON: every byte counts.
        #expect(try Self.mend(Self.event(), "a b") { $0.payload = .to("ab") }.change.isEdited)
    }

    @Test("another type and version are read by workers, with the same id and all other headers")
    func names() throws {
        let headers = Self.event([Header("trace", "x"), Header("trace", "y")])
        let job = try Self.mend(headers, "{}") { line in
            line.type = .to("t2")
            line.version = .to(1)
        }
        let read = try Self.read(job)
        #expect(read.envelope.id == "a")
        #expect(read.envelope.type == "t2")
        #expect(read.envelope.version == 1)
        #expect(read.envelope.attempt == 1)
        #expect(read.envelope.origin?.description == "orders/0/9")
        let shown = LetterLine.shownHeaders(job.headers).map { "\($0.name)=\($0.value?.text ?? "")" }
        #expect(Set(shown) == Set(LetterLine.shownHeaders(headers).map { "\($0.name)=\($0.value?.text ?? "")" }))
        #expect(shown.filter { $0.hasPrefix("trace=") } == ["trace=x", "trace=y"])
        #expect(job.headers.count { $0.name == "ce_type" } == 1)
        #expect(job.headers.count { $0.name == "content-type" } == 1)
    }

    @Test("another key is said to be one, for it goes to another partition")
    func key() throws {
        let job = try Self.mend(Self.event(), "{}") { $0.key = .to("other") }
        #expect(job.key == "other")
        #expect(job.change == LetterChange(isEdited: true, hasOtherKey: true))
        #expect(try Self.mend(Self.event(), "{}") { $0.key = .to("k") }.change == LetterChange())
        #expect(try Self.mend(Self.event(), "{}", key: nil) { $0.key = .to("") }.change.hasOtherKey)
        #expect(try Self.mend(Self.event(), "{}") { $0.key = .to(nil) }.key == nil)
    }

    @Test("a plain record stays one until its type is edited, and keeps its id then")
    func plain() throws {
        let headers = Self.dead([Header("x", "y")])
        let id = "orders/0/9"
        let payload = try Self.mend(headers, "1", id: id) { $0.payload = .to("2") }
        #expect(payload.headers == headers)
        #expect(try Self.read(payload).envelope.id == id)
        let typed = try Self.read(Self.mend(headers, "1", id: id) { $0.type = .to("new") })
        #expect(typed.envelope.id == id)
        #expect(typed.envelope.type == "new")
        #expect(typed.payload == "1")
    }

    @Test("a structured event stays one, with its other attributes")
    func structured() throws {
        let headers = Self.dead([Header("content-type", "application/cloudevents+json; charset=UTF-8")])
        let value: Bytes = """
            {"specversion":"1.0","id":"a","type":"t","source":"s","dataschemaversion":2,"ext":"é","data":{"n":1}}
            """
        #expect(try Self.mend(headers, value) { $0.payload = .to("{ \"n\": 1 }") }.value == value)
        let job = try Self.mend(headers, value) { line in
            line.type = .to("t\"2")
            line.payload = .to(Bytes([0, 0xFF]))
        }
        let read = try Self.read(job)
        #expect(read.envelope.type == "t\"2")
        #expect(read.envelope.version == 2)
        #expect(read.payload == Bytes([0, 0xFF]))
        #expect(job.value?.text.contains("\"ext\":\"é\"") == true)
        #expect(job.headers == headers)
        let json = try Self.mend(headers, value) { $0.payload = .to("[2]") }
        #expect(try Self.read(json).payload == "[2]")
        #expect(json.value?.text.contains("\"data\":[2]") == true)
    }

    @Test("a structured event whose data is text has text again")
    func structuredText() throws {
        let headers = Self.dead([Header("content-type", "application/cloudevents+json")])
        let value: Bytes = """
            {"specversion":"1.0","id":"a","type":"t","source":"s","datacontenttype":"text/plain","data":"17"}
            """
        let job = try Self.mend(headers, value) { $0.payload = .to("\"18\"") }
        #expect(try Self.read(job).payload == "\"18\"")
    }

    @Test("what no worker could read is mended by naming its type")
    func undecodable() throws {
        let broken = Self.dead([Header("ce_id", "a"), Header("ce_type", Bytes([0xFF]))], reason: .undecodable)
        let mended = try Self.read(Self.mend(broken, "{}") { $0.type = .to("t") })
        #expect(mended.envelope.id == "a")
        #expect(mended.envelope.type == "t")
        let batch = Self.dead([Header("content-type", "application/cloudevents-batch+json")], reason: .undecodable)
        let job = try Self.mend(batch, "[{}]", id: "orders/0/9") { line in
            line.type = .to("t")
            line.payload = .to("{}")
        }
        #expect(try Self.read(job).payload == "{}")
        #expect(job.headers.filter { $0.name == "content-type" }.map { $0.value?.text } == ["application/json"])
        // As it is, it would only die again; that is for who asks for it.
        #expect(try Self.mend(batch, "[{}]", id: "orders/0/9") { _ in }.headers == batch)
    }

    @Test("an edit that no worker could read is refused")
    func stillUndecodable() {
        let broken = Self.dead([Header("kokanee-idempotency-key", Bytes([0xFF]))], reason: .undecodable)
        let error = #expect(throws: InputError.self) {
            try Self.mend(broken, "{}", id: "orders/0/9") { $0.type = .to("t") }
        }
        #expect(error?.message.contains("kokanee-idempotency-key is not UTF-8") == true, "\(error?.message ?? "")")
        for type in ["", "a\nb", String(repeating: "x", count: 1025)] {
            #expect(throws: InputError.self) { try Self.mend(Self.event(), "{}") { $0.type = .to(type) } }
        }
    }

    @Test("a line for another job, or with other headers, is refused; so is one without the payload that is lacking")
    func refused() throws {
        let other = #expect(throws: InputError.self) { try Self.mend(Self.event(), "{}", id: "b") { _ in } }
        #expect(other?.message == "orders.dlq/0/3 is the letter of job \"a\", not of \"b\"")
        // Swift takes the two for equal; they are not the same job.
        let composed = Self.dead(Envelope(id: "é", type: "t").newJobHeaders(source: "s", at: 1, contentType: nil))
        #expect(throws: InputError.self) { try Self.mend(composed, "{}", id: "e\u{301}") { _ in } }
        #expect(throws: InputError.self) {
            try Self.mend(Self.event([Header("trace", "x")]), "{}") { $0.headers = .to([Header("trace", "y")]) }
        }
        let cut = Self.event() + [Header("kokanee-cut", "payload")]
        #expect(throws: InputError.self) { try Self.mend(cut, nil) { _ in } }
        #expect(throws: InputError.self) { try Self.mend(cut, nil) { $0.payload = .to(nil) } }
        let given = try Self.mend(cut, nil) { $0.payload = .to("{}") }
        #expect(given.value == "{}")
        #expect(!Envelope.retryHeaders(copying: given.headers, from: Self.place).contains { $0.name == "kokanee-cut" })
    }
}
