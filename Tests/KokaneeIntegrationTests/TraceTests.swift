import Foundation
import TestSupport
import Testing

/// W3C trace context, from whoever enqueues to the handler process.
@Suite(.besideOthers)
struct TraceTests {
    private static let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    private static let other = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"

    private struct Request: Decodable {
        let id: String
        let attempt: Int
        let traceparent: String?
        let tracestate: String?
    }

    /// Notes what it was given, whole, and fails.
    private static let failing = HandlerProgram.recording.replacingOccurrences(
        of: "\"ok\": True",
        with: "\"ok\": False, \"error\": \"no luck\", \"retry\": True"
    )

    private func requests(_ stand: Stand) throws -> [Request] {
        try String(contentsOf: stand.ledger.file, encoding: .utf8).split(separator: "\n").map { line in
            try JSONDecoder().decode(Request.self, from: Data(line.utf8))
        }
    }

    @Test("a job's trace reaches its Python handler on every attempt, through the rung, the dead letters and back")
    func throughEveryHop() async throws {
        try await Stand.with { stand in
            let enqueued = try await stand.kokanee(
                "enqueue",
                stand.queue,
                "--type",
                "t",
                "--id",
                "traced",
                "--traceparent",
                Self.trace
            )
            #expect(enqueued.code == 0, "\(enqueued)")
            let dead = try await stand.workUntilIdle(Self.failing)
            #expect(dead.dead == 1)
            let retried = try await stand.kokanee("dlq", "retry", stand.queue, "traced", "--execute")
            #expect(retried.code == 0, "\(retried)")
            let summary = try await stand.workUntilIdle(HandlerProgram.recording)
            #expect(summary.completed == 1)
            let requests = try requests(stand)
            #expect(requests.map(\.attempt) == [1, 2, 1])
            #expect(requests.map(\.traceparent) == [Self.trace, Self.trace, Self.trace])
        }
    }

    @Test("jobs belong to the trace of the environment unless they name their own; a value that is none is passed over")
    func environment() async throws {
        try await Stand.with { stand in
            func enqueue(_ lines: String, _ environment: [String: String]) async throws {
                let words = ["enqueue", stand.queue, "--type", "t", "--file", "-"]
                let outcome = try await stand.start(words, input: lines, environment: environment).outcome()
                #expect(outcome.code == 0, "\(outcome)")
            }
            try await enqueue(
                """
                {"data":1,"id":"a"}
                {"data":2,"id":"b","traceparent":"\(Self.other)"}
                {"data":3,"id":"c","traceparent":"odd"}

                """,
                ["TRACEPARENT": Self.trace, "TRACESTATE": "a=1"]
            )
            try await enqueue("{\"data\":4,\"id\":\"d\"}\n", ["TRACEPARENT": "odd"])
            let wrong = try await stand.kokanee("enqueue", stand.queue, "--type", "t", "--traceparent", "odd")
            #expect(wrong.code == 64, "\(wrong)")
            #expect(wrong.error.contains("--traceparent is as 00-"), "\(wrong)")
            try await stand.workUntilIdle(HandlerProgram.recording)
            let requests = try requests(stand).sorted { $0.id < $1.id }
            #expect(requests.map(\.traceparent) == [Self.trace, Self.other, nil, nil])
            #expect(requests.map(\.tracestate) == ["a=1", nil, nil, nil])
        }
    }

    @Test("a command gets the trace in its environment, and never the worker's own")
    func command() async throws {
        try await Stand.with { stand in
            try await stand.enqueue([
                #"{"type":"t","data":1,"id":"a","traceparent":"\#(Self.trace)"}"#, #"{"type":"t","data":2,"id":"b"}"#,
            ])
            let file = stand.scratch.file("traces").path
            let command = "echo \"$KOKANEE_JOB_ID ${TRACEPARENT-none}\" >> '\(file)'"
            let outcome = try await stand.start(
                ["work", stand.queue, "--exec", command, "--until-idle"],
                environment: ["TRACEPARENT": Self.other]
            ).outcome()
            #expect(outcome.code == 0, "\(outcome)")
            let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").sorted()
            #expect(lines == ["a \(Self.trace)", "b none"])
        }
    }
}
