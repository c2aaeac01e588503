import Foundation
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

    private static func state(_ record: String) throws -> JobState {
        let record = try #require(JobRecord(value: Bytes(record)))
        return JobState(id: "i", partition: 0, record)
    }

    private func shown(_ state: JobState, isJSON: Bool, redacting fields: [String]) throws -> String {
        let text = JobStateText(state: state, redaction: try Redaction(fields))
        return isJSON ? String(decoding: text.json().finish(), as: UTF8.self) : text.text
    }

    @Test("what a job has left is shown without the fields, or withheld if no JSON", arguments: [false, true])
    func states(isJSON: Bool) throws {
        let state = try Self.state(
            #"{"attempt":1,"at":1,"checkpoint":{"email":"a@b.c","n":7},"result":["a@b.c",{"Email":"a@b.c"}],"#
                + #""progress":0.5,"note":"email=a@b.c"}"#
        )
        #expect(try shown(state, isJSON: isJSON, redacting: []).contains("a@b.c"))
        let text = try shown(state, isJSON: isJSON, redacting: ["email"])
        #expect(text.components("a@b.c") == 1 && text.components("[redacted]") == 3 && text.contains("7"), "\(text)")
        let bytes = try Self.state(#"{"attempt":1,"at":1,"resultBase64":"ZW1haWwgaXMgYUBiLmM="}"#)
        #expect(try shown(bytes, isJSON: isJSON, redacting: []).contains(isJSON ? "ZW1haWwgaXMgYUBiLmM" : "a@b.c"))
        let hidden = try shown(bytes, isJSON: isJSON, redacting: ["email"])
        #expect(hidden.contains(isJSON ? #""resultBase64":null"# : "withheld"), "\(hidden)")
    }

    @Test("a result is printed without the fields, and so is why there is none", arguments: [false, true])
    func result(isJSON: Bool) throws {
        func printed(_ record: String) throws -> String {
            let recorder = Recorder()
            let console = Console(
                output: recorder.sink(),
                error: recorder.sink(),
                redaction: try Redaction(["email"]),
                isJSON: isJSON
            )
            let context = Context(
                values: OptionValues(),
                console: console,
                interruption: Interruption(),
                environment: [:]
            )
            do {
                try Command.show(try Self.state(record), context)
            } catch {
                console.complain("\(error)")
            }
            return recorder.text
        }
        let done = try printed(#"{"attempt":1,"at":1,"outcome":"completed","result":{"email":"a@b.c","n":7}}"#)
        #expect(!done.contains("a@b.c") && done.contains(#""n":7"#), "\(done)")
        let dead = try printed(#"{"attempt":1,"at":1,"outcome":"dead","error":"E: email=a@b.c is gone"}"#)
        #expect(!dead.contains("a@b.c") && dead.contains("is gone"), "\(dead)")
        let bytes = try printed(#"{"attempt":1,"at":1,"outcome":"completed","resultBase64":"ZW1haWwgaXMgYUBiLmM="}"#)
        #expect(!bytes.contains("a@b.c") && !bytes.contains("ZW1haWwg"), "\(bytes)")
        #expect(isJSON || bytes.contains("withheld"), "\(bytes)")
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

extension String {
    /// How often a text is in it.
    fileprivate func components(_ text: String) -> Int { components(separatedBy: text).count - 1 }
}
