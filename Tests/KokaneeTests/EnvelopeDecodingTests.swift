import Kokanee
import RdKafka
import TestSupport
import Testing

private let place = Envelope.Origin(topic: "orders", partition: 3, offset: 42)

private func header(_ name: String, _ value: String) -> Header { Header(name, Bytes(value)) }

private func event(_ more: [Header] = [], without: Set<String> = []) -> [Header] {
    [header("ce_specversion", "1.0"), header("ce_id", "i-1"), header("ce_type", "t")].filter {
        !without.contains($0.name)
    } + more
}

private func decode(_ headers: [Header], _ value: Bytes? = "{}") -> Result<DecodedJob, EnvelopeError> {
    Envelope.decode(headers: headers, at: place, value: value, defaultType: "default")
}

private func reason(_ headers: [Header], _ value: Bytes? = "{}") -> String? {
    if case .failure(let error) = decode(headers, value) { error.reason } else { nil }
}

@Suite struct EnvelopeDecodingTests {
    @Test("a CloudEvent in binary mode is a job, its value the payload")
    func binary() throws {
        let job = try decode(event([header("ce_dataschemaversion", "3"), header("traceparent", "00-a")]), "\"p\"").get()
        #expect(job.envelope == Envelope(id: "i-1", type: "t", version: 3))
        #expect(job.payload == "\"p\"")
    }

    @Test("a record without CloudEvents headers is a job of the default type, its id where it was first seen")
    func plain() throws {
        let plain = try decode([header("app", "x"), header("content-type", "application/json")]).get()
        #expect(plain.envelope == Envelope(id: "orders/3/42", type: "default"))
        let hopped = try decode([header("kokanee-origin", "orders/1/7")]).get()
        #expect(hopped.envelope.id == "orders/1/7")
        #expect(try decode([], nil).get().payload.count == 0)
    }

    @Test("halves of a CloudEvent are an error that names the header")
    func partial() {
        #expect(reason(event(without: ["ce_id"]))?.contains("ce_id is missing") == true)
        #expect(reason(event(without: ["ce_type"]))?.contains("ce_type is missing") == true)
        #expect(reason(event(without: ["ce_specversion"]))?.contains("ce_specversion is missing") == true)
        #expect(reason([header("ce_source", "s")])?.contains("missing") == true)
    }

    @Test(
        "garbage in CloudEvents headers is an error, not a job",
        arguments: [
            ("ce_id", [0xFF, 0xFE]), ("ce_id", []), ("ce_id", [97, 0]), ("ce_type", [10]), ("ce_type", [0xC3]),
            ("ce_specversion", Array("0.3".utf8)), ("ce_specversion", Array("10".utf8)), ("ce_specversion", []),
            ("ce_dataschemaversion", Array("0".utf8)), ("ce_dataschemaversion", Array("-1".utf8)),
            ("ce_dataschemaversion", Array("1.0".utf8)), ("ce_dataschemaversion", Array("99999999999999".utf8)),
            ("ce_dataschemaversion", []), ("kokanee-idempotency-key", [0xFF]),
            ("content-type", Array("application/cloudevents+avro".utf8)),
            ("content-type", Array("application/cloudevents-batch+json".utf8)),
        ] as [(String, [UInt8])]
    )
    func garbage(name: String, value: [UInt8]) {
        let reason = reason(event([Header(name, Bytes(value))]))
        #expect(reason != nil && reason!.utf8.count < 300)
    }

    @Test(
        "an attribute beyond 1 KiB is an error, however long, and one of 1 KiB is read",
        arguments: ["ce_id", "ce_type", "kokanee-idempotency-key"]
    )
    func longest(name: String) throws {
        for length in [1025, 1_000_000] {
            #expect(reason(event([header(name, String(repeating: "a", count: length))]))?.contains("\(length)") == true)
        }
        let longest = String(repeating: "é", count: 512)
        let envelope = try decode(event([header(name, longest)])).get().envelope
        #expect([envelope.id, envelope.type, envelope.idempotencyKey].contains(longest))
    }

    @Test("a null where an attribute should be is an error, and a null retry header is as if absent")
    func nulls() throws {
        #expect(reason(event([Header("ce_id", nil)])) != nil)
        let job = try decode(
            event(["attempt", "due-at", "origin", "error", "idempotency-key"].map { Header("kokanee-\($0)", nil) })
        ).get()
        #expect(job.envelope == Envelope(id: "i-1", type: "t"))
    }

    @Test("retry state is read from the headers")
    func retryState() throws {
        let envelope = try decode(
            event([
                header("kokanee-attempt", "3"), header("kokanee-first-failed-at", "1000"),
                header("kokanee-due-at", "2000"), header("kokanee-expires-at", "3000"),
                header("kokanee-idempotency-key", "k"), header("kokanee-origin", "orders/0/1"),
                header("kokanee-error", "E: last"), header("kokanee-first-error", "E: first"),
            ])
        ).get().envelope
        var expected = Envelope(id: "i-1", type: "t", attempt: 3)
        expected.firstFailedAt = 1000
        expected.dueAt = 2000
        expected.expiresAt = 3000
        expected.idempotencyKey = "k"
        expected.origin = Envelope.Origin(topic: "orders", partition: 0, offset: 1)
        expected.lastError = "E: last"
        expected.firstError = "E: first"
        #expect(envelope == expected)
    }

    @Test(
        "a forged attempt is clamped, or ignored where it is no number",
        arguments: [
            ("0", 1), ("-5", 1), ("1000000000000000000", 1_000_000), ("999999999999999999999999999999", 1_000_000),
            ("-999999999999999999999999999999", 1), ("x", 1), ("", 1), ("1x", 1), (" 2", 1), ("+2", 1), ("-", 1),
            ("2.0", 1), ("٣", 1), ("0007", 7), ("1000001", 1_000_000),
        ]
    )
    func forgedAttempt(text: String, attempt: Int) throws {
        #expect(try decode(event([header("kokanee-attempt", text)])).get().envelope.attempt == attempt)
    }

    @Test("what is to be done once, and can't be read, is not run; the last of a name counts")
    func unreadableWishes() throws {
        for (name, value) in [("unique", "done/24h/k"), ("unique", "done"), ("idempotency-window", "1d")] {
            #expect(reason(event([header("kokanee-\(name)", value)]))?.contains("kokanee-\(name) is not ") == true)
        }
        let twice = event([header("kokanee-due-at", "tomorrow"), header("kokanee-due-at", "7")])
        #expect(try decode(twice).get().envelope.dueAt == 7)
    }

    @Test(
        "a forged time is clamped to the years 1970 to 9999, and ignored where it is no number and nobody's wish",
        arguments: [
            ("-1", 0), ("9223372036854775808", Timestamp.latest), ("253402300800000", Timestamp.latest), ("x", nil),
            ("", nil), ("1e3", nil), ("2026-07-01T12:00:00Z", nil),
        ] as [(String, Int64?)]
    )
    func forgedTime(text: String, time: Int64?) throws {
        for name in ["due-at", "expires-at", "first-failed-at"] {
            let record = event([header("kokanee-\(name)", text)])
            guard time != nil || text.isEmpty || name == "first-failed-at" else {
                #expect(reason(record)?.contains("kokanee-\(name) is not a number of milliseconds") == true)
                continue
            }
            let envelope = try decode(record).get().envelope
            #expect([envelope.dueAt, envelope.expiresAt, envelope.firstFailedAt].contains(time))
            #expect((envelope.dueAt ?? envelope.expiresAt ?? envelope.firstFailedAt) == time)
        }
    }

    @Test(
        "an origin that is no place in a log is ignored",
        arguments: [
            "", "/", "//", "a/b/c", "a/0", "a/0/0/0", "/0/0", "a//0", "a/-1/0", "a/0/-1", "a/2147483648/0", "a/00/0",
            "a/0/9223372036854775807", "a/0/99999999999999999999", "a b/0/0", "a/0/0 ", "ä/0/0", "a/0/0/",
        ]
    )
    func forgedOrigin(text: String) throws {
        let envelope = try decode([header("kokanee-origin", text)]).get().envelope
        #expect(envelope.origin == nil)
        #expect(envelope.id == "orders/3/42")
        #expect(Envelope.Origin(text: text) == nil)
    }

    @Test("an origin of any length is ignored without much ado")
    func longOrigin() {
        #expect(Envelope.Origin(text: String(repeating: "a", count: 250) + "/0/0") == nil)
        #expect(Envelope.Origin(text: String(repeating: "/", count: 1_000_000)) == nil)
        #expect(Envelope.Origin(text: "a/0/" + String(repeating: "0", count: 1_000_000)) == nil)
    }

    @Test("an origin reads back what it writes, at its bounds too")
    func origin() {
        for origin in [
            Envelope.Origin(topic: String(repeating: "a", count: 249), partition: .max, offset: .max - 1),
            Envelope.Origin(topic: "-", partition: 0, offset: 0),
        ] {
            #expect(Envelope.Origin(text: origin.description) == origin)
        }
    }

    @Test("of a header that occurs twice the last counts")
    func duplicates() throws {
        let envelope = try decode(
            event([
                header("kokanee-attempt", "2"), header("kokanee-attempt", "5"), header("ce_id", "i-2"),
                header("ce_type", "u"),
            ])
        ).get().envelope
        #expect(envelope == Envelope(id: "i-2", type: "u", attempt: 5))
    }

    @Test("an error header of any size and bytes is one short line")
    func forgedError() throws {
        let bytes = [UInt8](repeating: 0xF0, count: 1_000_000) + [10, 0]
        let envelope = try decode(event([Header("kokanee-error", Bytes(bytes))])).get().envelope
        #expect(try #require(envelope.lastError).utf8.count <= 1024)
        let escape = try decode(event([header("kokanee-error", "a\u{1B}[2J\nb\u{202E}")])).get().envelope
        #expect(escape.lastError == "a [2J b ")
    }

    @Test("random headers never crash and never give a job outside its bounds")
    func fuzz() {
        var generator = SeededGenerator(seed: 4)
        let names = [
            "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_dataschemaversion", "content-type",
            "kokanee-attempt", "kokanee-due-at", "kokanee-origin", "kokanee-error", "kokanee-first-error",
            "kokanee-idempotency-key", "kokanee-reason", "kokanee-died-at", "kokanee-first-failed-at", "", "k", "\u{0}",
        ]
        let values: [Bytes?] = [
            nil, "", "1.0", "t", "-1", "7", "a/1/2", "99999999999999999999", "application/cloudevents+json",
            Bytes([0xFF]), Bytes([0]), "\u{1F41F}", "9",
        ]
        for _ in 0..<5000 {
            let headers = (0..<Int.random(in: 0...8, using: &generator)).map { _ in
                Header(names.randomElement(using: &generator)!, values.randomElement(using: &generator)!)
            }
            let value: Bytes? = values.randomElement(using: &generator)!
            if case .success(let job) = decode(headers, value) {
                #expect((1...1_000_000).contains(job.envelope.attempt))
                #expect(!job.envelope.id.isEmpty && !job.envelope.type.isEmpty)
                #expect(job.envelope.dueAt.map { (0...Timestamp.latest).contains($0) } != false)
            }
            let letter = Envelope.decodeDeadLetter(headers: headers, at: place, value: value, defaultType: "default")
            #expect(!letter.envelope.id.isEmpty && letter.attempts >= 0)
        }
    }
}

@Suite struct StructuredEventTests {
    private func decode(_ json: String, _ more: [Header] = []) -> Result<DecodedJob, EnvelopeError> {
        let type = Header("content-type", "application/cloudevents+json; charset=UTF-8")
        return Envelope.decode(headers: [type] + more, at: place, value: Bytes(json), defaultType: "default")
    }

    @Test("a structured CloudEvent is a job whose data is carried verbatim")
    func data() throws {
        let job = try decode(
            #"{"specversion":"1.0","id":"\u0061","type":"t","dataschemaversion":2,"data": {"b":1.50,"a":90071992547409931} }"#,
            [header("kokanee-attempt", "2")]
        ).get()
        #expect(job.envelope == Envelope(id: "a", type: "t", version: 2, attempt: 2))
        #expect(job.payload == #"{"b":1.50,"a":90071992547409931}"#)
    }

    @Test("Base64 data is decoded, and a string under a type that isn't JSON is the payload itself")
    func otherData() throws {
        let start = #"{"specversion":"1.0","id":"a","type":"t""#
        #expect(try decode(start + #","data_base64":"aGkA"}"#).get().payload == Bytes([104, 105, 0]))
        #expect(try decode(start + #","datacontenttype":"text/plain","data":"h\u0069"}"#).get().payload == "hi")
        #expect(try decode(start + #","datacontenttype":"a/b+json","data":"hi"}"#).get().payload == #""hi""#)
        #expect(try decode(start + "}").get().payload.count == 0)
    }

    @Test(
        "what is no structured CloudEvent is an error",
        arguments: [
            "", "[]", "{", "{}", #"{"specversion":"1.0","id":"a"}"#, #"{"specversion":"1.0","type":"a"}"#,
            #"{"specversion":"0.3","id":"a","type":"t"}"#, #"{"specversion":1,"id":"a","type":"t"}"#,
            #"{"specversion":"1.0","id":1,"type":"t"}"#, #"{"specversion":"1.0","id":"","type":"t"}"#,
            #"{"specversion":"1.0","id":"a","type":"t","dataschemaversion":0}"#,
            #"{"specversion":"1.0","id":"a","type":"t","dataschemaversion":1.5}"#,
            #"{"specversion":"1.0","id":"a","type":"t","data":1,"data_base64":"YQ=="}"#,
            #"{"specversion":"1.0","id":"a","type":"t","data_base64":"!"}"#,
            #"{"specversion":"1.0","id":"a\u0000","type":"t"}"#,
        ]
    )
    func refusing(json: String) {
        #expect(throws: EnvelopeError.self) { try decode(json).get() }
    }

    @Test("nesting without end is an error, not a crash")
    func nesting() {
        #expect(throws: EnvelopeError.self) { try decode(String(repeating: "[", count: 1_000_000)).get() }
        #expect(throws: EnvelopeError.self) { try decode(String(repeating: #"{"a":"#, count: 1_000_000)).get() }
    }
}

@Suite struct DeadLetterDecodingTests {
    @Test("a dead letter that can't be decoded still has an id, a place, a reason and no attempts")
    func undecodable() {
        let letter = Envelope.decodeDeadLetter(
            headers: [
                Header("ce_id", Bytes([0xFF])), header("ce_type", "t"), header("kokanee-reason", "undecodable"),
                header("kokanee-died-at", "9"), header("kokanee-origin", "orders/0/5"), header("kokanee-attempt", "1"),
            ],
            at: place,
            value: nil,
            defaultType: "default"
        )
        #expect(letter.envelope.id == "orders/0/5")
        #expect(letter.envelope.type == "t")
        #expect(letter.reason == .undecodable)
        #expect(letter.diedAt == 9)
        #expect(letter.attempts == 0)
    }

    @Test("a reason that no version of Kokanee writes is none", arguments: ["", "A", "a b", "a\n", "ä"])
    func reason(text: String) {
        let letter = Envelope.decodeDeadLetter(
            headers: [header("kokanee-reason", text)],
            at: place,
            value: nil,
            defaultType: "default"
        )
        #expect(letter.reason == nil)
        #expect(letter.attempts == 1)
    }
}
