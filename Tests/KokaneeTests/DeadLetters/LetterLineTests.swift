import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("Lines of exported dead letters")
struct LetterLineTests {
    private static let place = Envelope.Origin(topic: "orders.dlq", partition: 2, offset: 17)

    private static func whole(
        key: Bytes?,
        value: Bytes?,
        headers: [Header],
        note: VerdictIndex.Note? = nil
    ) -> WholeDeadLetter {
        let decoded = Envelope.decodeDeadLetter(headers: headers, at: place, value: value, defaultType: "default")
        return WholeDeadLetter(
            letter: DeadLetter(place: place, key: key, timestamp: 5, decoded, note),
            headers: headers,
            payload: decoded.payload,
            isWithoutPayload: value == nil,
            settlement: nil
        )
    }

    private static func headers(_ id: String = "a", _ type: String = "mail.send", extra: [Header] = []) -> [Header] {
        Envelope.deadLetterHeaders(
            copying: Envelope(id: id, type: type, version: 2).newJobHeaders(
                source: "t",
                at: 1,
                contentType: "application/json",
                extra: extra
            ),
            from: Envelope.Origin(topic: "orders", partition: 2, offset: 5),
            attempt: 3,
            reason: .attemptsExhausted,
            failure: Envelope.Failure(type: "Timeout", message: "no answer", at: 2000),
            at: 3000
        )
    }

    @Test("a line has all that there is to know, and what an edit may change")
    func line() throws {
        let whole = Self.whole(
            key: "k",
            value: "{\"n\" :\n1}",
            headers: Self.headers(extra: [
                Header("traceparent", "00-1"), Header("raw", Bytes([0xFF])), Header("x", nil),
            ])
        )
        #expect(
            String(decoding: LetterLine.text(of: whole), as: UTF8.self) == """
                {"letter":"orders.dlq/2/17","id":"a","type":"mail.send","version":2,"key":"k","data":{"n" : 1},\
                "headers":[{"name":"ce_source","value":"t"},{"name":"ce_time","value":"1970-01-01T00:00:00.001Z"},\
                {"name":"content-type","value":"application/json"},{"name":"traceparent","value":"00-1"},\
                {"name":"raw","valueBase64":"/w=="},{"name":"x","value":null}],"attempts":3,\
                "reason":"attempts-exhausted","firstError":"Timeout: no answer","lastError":"Timeout: no answer",\
                "firstFailedAt":2000,"diedAt":3000,"origin":"orders/2/5"}
                """
        )
    }

    @Test(
        "a letter that nobody edited is the same job, whatever texts and bytes are in it",
        arguments: 0..<40
    )
    func roundTrip(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let texts = [
            "", "a", "\"\\", "\u{0}", "\n\r\t", "\u{2028}\u{202E}", "é", "e\u{301}", "😀", "</script>", "null", "{}",
        ]
        let payloads: [Bytes?] = [
            nil, "", "null", "{}", "\"\\ud800\"", "{\"a\":1,\"a\":2}", "[1e400, 12345678901234567890]", " {} ",
            Bytes([0, 0xFF]), Bytes([0xEF, 0xBB, 0xBF, 0x7B, 0x7D]), "not json\n{\"letter\":1}",
            Bytes(String(repeating: "[", count: 512) + String(repeating: "]", count: 512)),
            Bytes(String(repeating: "[", count: 600) + String(repeating: "]", count: 600)),
        ]
        let keys: [Bytes?] = [nil, Bytes([0xC3]), Bytes([])] + texts.map { Bytes($0) }
        for _ in 0..<25 {
            let key = keys.randomElement(using: &generator) ?? nil
            let value = payloads.randomElement(using: &generator) ?? nil
            let text = texts.randomElement(using: &generator) ?? ""
            let extra = [Header("h\(text)", Bytes(text)), Header("ce_x", Bytes([0xFE])), Header("none", nil)]
            var headers = Self.headers("id" + text, "t" + text, extra: extra)
            if Bool.random(using: &generator) { headers.removeAll { $0.name.hasPrefix("ce_") } }
            let bytes = LetterLine.text(of: Self.whole(key: key, value: value, headers: headers))
            #expect(!bytes.contains(UInt8(ascii: "\n")))
            let line = try LetterLine(bytes)
            #expect(line.place == Self.place)
            let parts = LetterParts(place: Self.place, key: key, value: value, headers: headers)
            let job = try LetterMending(parts, line, defaultType: "default").job()
            #expect(job == LetterMending.Job(key: key, value: value, headers: headers))
        }
    }

    @Test("what decides about the letter is in the line of a settled one")
    func settled() {
        let note = VerdictIndex.Note(verdict: .discarded, at: 7, by: "ann", reason: "by \"hand\"")
        let text = LetterLine.text(of: Self.whole(key: nil, value: nil, headers: [], note: note))
        let tail = #""verdict":"discarded","verdictAt":7,"verdictBy":"ann","verdictReason":"by \"hand\""}"#
        #expect(String(decoding: text, as: UTF8.self).hasSuffix(tail))
    }

    @Test("members that are missing leave the job as it is; null is no key, and no payload in Base64")
    func edits() throws {
        let short = try LetterLine(Array(#"{"letter":"orders.dlq/2/17","id":"a"}"#.utf8))
        #expect(short == LetterLine(place: Self.place, id: "a"))
        let text = #"{"id":"a","letter":"orders.dlq/2/17","key":null,"data":null,"version":3,"type":"x","diedAt":[]}"#
        let line = try LetterLine(Array(text.utf8))
        #expect(line.key == .to(nil))
        #expect(line.payload == .to("null"))
        #expect(line.version == .to(3))
        #expect(line.type == .to("x"))
        let none = try LetterLine(Array(#"{"id":"a","letter":"orders.dlq/2/17","dataBase64":null}"#.utf8))
        #expect(none.payload == .to(nil))
    }

    @Test(
        "a line that can't be meant says what is wrong with it",
        arguments: [
            ("", "not JSON: expected '{'"), ("[]", "not JSON"), ("{\"id\":\"a\"}", "\"letter\" is missing"),
            (#"{"letter":7,"id":"a"}"#, "\"letter\" must be a string"),
            (#"{"letter":"a/b","id":"a"}"#, "must be TOPIC/PARTITION/OFFSET"),
            (#"{"letter":"a/0/-1","id":"a"}"#, "must be TOPIC/PARTITION/OFFSET"),
            (#"{"letter":"a/0/9223372036854775807","id":"a"}"#, "must be TOPIC/PARTITION/OFFSET"),
            (#"{"letter":"a/0/1"}"#, "\"id\" is missing"), (#"{"letter":"a/0/1","id":null}"#, "must be a string"),
            (#"{"letter":"a/0/1","id":"a","dta":1}"#, "unknown member \"dta\""),
            (#"{"letter":"a/0/1","id":"a","id":"b"}"#, "there twice"),
            (#"{"letter":"a/0/1","id":"a","key":7}"#, "\"key\" must be a string"),
            (#"{"letter":"a/0/1","id":"a","key":"","keyBase64":""}"#, "exclude each other"),
            (#"{"letter":"a/0/1","id":"a","data":1,"dataBase64":""}"#, "exclude each other"),
            (#"{"letter":"a/0/1","id":"a","dataBase64":"%"}"#, "\"dataBase64\" is not Base64"),
            (#"{"letter":"a/0/1","id":"a","version":0}"#, "\"version\" must be"),
            (#"{"letter":"a/0/1","id":"a","version":1.5}"#, "\"version\" must be"),
            (#"{"letter":"a/0/1","id":"a","headers":{}}"#, "\"headers\" must be"),
            (#"{"letter":"a/0/1","id":"a","headers":[{"name":"x"}]}"#, "\"headers\" must be"),
        ]
    )
    func wrong(text: String, problem: String) {
        let error = #expect(throws: InputError.self) { try LetterLine(Array(text.utf8)) }
        #expect(error?.message.contains(problem) == true, "\(error?.message ?? "")")
    }
}
