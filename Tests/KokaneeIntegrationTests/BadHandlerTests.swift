import Foundation
import TestSupport
import Testing

/// Handlers that don't do their part cost one attempt of one job.
@Suite(.besideOthers)
struct BadHandlerTests {
    struct Fault: Sendable, CustomTestStringConvertible {
        let name: String
        let data: String
        /// What the dead letter's error says of it.
        let error: [String]
        var testDescription: String { name }
    }

    static let faults = [
        Fault(name: "crashes", data: #"{"do":"crash"}"#, error: ["exit status 3", "last words of bad"]),
        Fault(name: "prints nonsense", data: #"{"do":"nonsense"}"#, error: ["this is not the protocol"]),
        Fault(name: "hangs", data: #"{"do":"hang"}"#, error: ["3"]),
    ]

    @Test("a handler that fails its part costs that job's attempt, and its neighbours' jobs finish", arguments: faults)
    func neighboursFinish(fault: Fault) async throws {
        try await Stand.with(partitions: 1) { stand in
            let good = (0..<20).map(String.init)
            func line(_ id: String, _ data: String) -> String {
                #"{"type":"t","id":"\#(id)","key":"\#(id)","data":\#(data)}"#
            }
            try await stand.enqueue(
                good[..<10].map { line($0, "{}") } + [line("bad", fault.data)] + good[10...].map { line($0, "{}") }
            )
            let summary = try await stand.workUntilIdle(concurrency: 2, flags: ["--attempts", "2", "--timeout", "3s"])
            #expect(summary.completed == 20)
            #expect(summary.failedAttempts == 2, "\(summary)")
            #expect(summary.dead == 1, "\(summary)")
            let ids = try stand.ledger.entries().filter { $0.event == .start }.map(\.id)
            #expect(ids.filter { $0 != "bad" }.sorted() == good.sorted())
            #expect(ids.count { $0 == "bad" } == 2)
            let letters = try await stand.deadLetters()
            #expect(letters.map { $0.header("ce_id") } == ["bad"])
            let error = letters.first?.header("kokanee-error") ?? ""
            for part in fault.error { #expect(error.contains(part), "\(error)") }
            #expect(try await stand.lag().isEmpty)
        }
    }

    @Test("a handler that can't be started at all ends the worker with what it said, and no job is touched")
    func cannotStart() async throws {
        try await Stand.with { stand in
            try await stand.enqueue([#"{"type":"t","id":"waits","data":{}}"#])
            let outcome = try await stand.kokanee(
                "work",
                stand.queue,
                "--handler",
                "/nonexistent/handler",
                "--until-idle",
                within: .seconds(30)
            )
            #expect(outcome.code == 1, "\(outcome)")
            #expect(outcome.error.contains("/nonexistent/handler"), "\(outcome)")
            #expect(outcome.error.contains("not found"), "\(outcome)")
            #expect(try await stand.oracle.count(of: stand.deadLetterTopic) == 0)
            #expect(try await stand.lag() == [stand.queue: 1])
        }
    }

    @Test(
        "a command that does nothing, or is not there, is refused before any job is read",
        arguments: [
            (["--exec", ""], 64, "--exec is empty"), (["--exec", "  "], 64, "--exec is empty"),
            (["--handler", ""], 64, "--handler is empty"), (["--exec", "/nonexistent/command x"], 1, "can't be run"),
        ] as [([String], Int32, String)]
    )
    func nothing(words: [String], code: Int32, said: String) async throws {
        try await Stand.with { stand in
            try await stand.enqueue([#"{"type":"t","id":"waits","data":{}}"#])
            let outcome = try await stand.start(["work", stand.queue, "--until-idle"] + words).outcome()
            #expect(outcome.code == code && outcome.error.contains(said), "\(outcome)")
            #expect(try await stand.lag() == [stand.queue: 1])
        }
    }

    @Test("--exec runs a process a job, tells it of the job, and goes by its exit code")
    func exec() async throws {
        try await Stand.with { stand in
            let notes = stand.scratch.file("notes").path
            let command = """
                data=$(cat); echo "$KOKANEE_JOB_ID $KOKANEE_JOB_TYPE $KOKANEE_JOB_ATTEMPT $KOKANEE_JOB_KEY $data" \
                >>'\(notes)'; echo "first line" >&2; echo "code $data" >&2; exit "$data"
                """
            try await stand.enqueue(
                [0, 1, 65, 75].map { #"{"type":"exit.\#($0)","id":"job-\#($0)","key":"key \#($0)","data":\#($0)}"# }
            )
            let outcome = try await stand.kokanee(
                "work",
                stand.queue,
                "--exec",
                command,
                "--until-idle",
                "--json"
            )
            #expect(outcome.code == 0, "\(outcome)")
            let summary = try outcome.object(Stand.Summary.self)
            #expect(summary.completed == 1)
            #expect(summary.failedAttempts == 5)
            #expect(summary.retried == 2)
            #expect(summary.dead == 3)
            let lines = try String(contentsOfFile: notes, encoding: .utf8).split(separator: "\n").sorted()
            #expect(
                lines == [
                    "job-0 exit.0 1 key 0 0", "job-1 exit.1 1 key 1 1", "job-1 exit.1 2 key 1 1",
                    "job-65 exit.65 1 key 65 65", "job-75 exit.75 1 key 75 75", "job-75 exit.75 2 key 75 75",
                ]
            )
            let letters = try await stand.deadLetters()
            let attempts = letters.reduce(into: [:]) { $0[$1.header("ce_id") ?? ""] = $1.header("kokanee-attempt") }
            #expect(attempts == ["job-1": "2", "job-65": "1", "job-75": "2"])
            for letter in letters {
                let code = letter.header("ce_id")?.dropFirst("job-".count) ?? ""
                #expect(letter.header("kokanee-error")?.contains("code \(code)") == true, "\(letter.headers)")
            }
            #expect(try await stand.lag().isEmpty)
        }
    }
}
