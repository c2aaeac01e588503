import RdKafka
import TestSupport
import Testing

@testable import Kokanee
@testable import kokanee

@Suite(.timeLimit(.minutes(1)))
struct RedactOptionTests {
    private static func letter(_ payload: Bytes, _ headers: [Header] = []) -> WholeDeadLetter {
        let event = [
            Header("ce_specversion", "1.0"), Header("ce_id", "i"), Header("ce_type", "t"), Header("ce_source", "/s"),
            Header("kokanee-error", #"E: no user {"email":"a@b.c"}"#), Header("kokanee-first-error", "E: email=a@b.c"),
        ]
        let place = Envelope.Origin(topic: "q.dlq", partition: 0, offset: 0)
        let decoded = Envelope.decodeDeadLetter(
            headers: event + headers,
            at: place,
            value: payload,
            defaultType: "default"
        )
        return WholeDeadLetter(
            letter: DeadLetter(place: place, key: nil, timestamp: 0, decoded, nil),
            headers: event + headers,
            payload: payload,
            isWithoutPayload: false,
            settlement: nil
        )
    }

    private func output(
        redacting fields: [String],
        isJSON: Bool,
        _ body: (inout DeadLetterOutput) throws -> Void
    ) throws -> String {
        let recorder = Recorder()
        let console = Console(
            output: recorder.sink(),
            error: Recorder().sink(),
            redaction: try Redaction(fields),
            isJSON: isJSON
        )
        var output = DeadLetterOutput(console: console)
        try body(&output)
        try output.flush()
        return recorder.text
    }

    @Test("a letter that is shown or listed shows no redacted field, on a page or as JSON", arguments: [false, true])
    func letters(isJSON: Bool) throws {
        let letter = Self.letter(#"{"user":{"email":"a@b.c"},"n":7}"#, [Header("Email", "a@b.c"), Header("x", "y")])
        let open = try output(redacting: [], isJSON: isJSON) { try $0.show(letter) }
        #expect(open.contains("a@b.c") && open.contains("7"))
        let shown = try output(redacting: ["email"], isJSON: isJSON) { try $0.show(letter) }
        #expect(!shown.contains("a@b.c") && shown.contains("[redacted]") && shown.contains("7"), "\(shown)")
        let listed = try output(redacting: ["email"], isJSON: isJSON) { try $0.add(letter.letter) }
        #expect(!listed.contains("a@b.c") && listed.contains("no user"), "\(listed)")
    }

    @Test("a payload that is no JSON is withheld, not guessed at", arguments: [false, true])
    func withheld(isJSON: Bool) throws {
        let letter = Self.letter("email is a@b.c")
        let shown = try output(redacting: ["email"], isJSON: isJSON) { try $0.show(letter) }
        #expect(!shown.contains("a@b.c") && !shown.contains("ZW1haWwgaXMgYUBiLmM"), "\(shown)")
        #expect(isJSON ? shown.contains(#""dataBase64":null"#) : shown.contains("withheld"))
    }

    @Test("an export is not redacted, for it is to be put back")
    func export() {
        let line = String(decoding: LetterLine.text(of: Self.letter(#"{"email":"a@b.c"}"#)), as: UTF8.self)
        #expect(line.contains(#""data":{"email":"a@b.c"}"#))
    }

    @Test("log lines show none either, and a field that can't be ends the command with 64")
    func log() async throws {
        let error = Recorder()
        let console = Console(output: Recorder().sink(), error: error.sink(), redaction: try Redaction(["email"]))
        console.logger().log(.error, "attempt failed", ["error": #"E: {"email":"a@b.c"}"#])
        #expect(!error.text.contains("a@b.c") && error.text.contains("[redacted]"), "\(error.text)")
        let (environment, refused) = (["KOKANEE_REDACT": "a..b"], Recorder())
        let program = Program(
            environment: environment,
            output: Recorder().sink(),
            error: refused.sink(),
            interruption: Interruption()
        )
        #expect(await program.run(["status"]) == .usage)
        #expect(refused.text.hasPrefix("kokanee: $KOKANEE_REDACT: "), "\(refused.text)")
    }
}
