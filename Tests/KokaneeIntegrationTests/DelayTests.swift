import Foundation
import TestSupport
import Testing

/// Jobs that are not to start yet, or no longer.
@Suite(.besideOthers)
struct DelayTests {
    @Test(
        "a delayed job never starts early, whatever the rungs are",
        arguments: [("1s", "2s"), ("1s", "500ms"), ("1s,5s", "1s"), ("5s", "2500ms")]
    )
    func delay(ladder: String, delay: String) async throws {
        try await Stand.with(ladder: ladder) { stand in
            let milliseconds: Int64 = ["2s": 2000, "500ms": 500, "1s": 1000, "2500ms": 2500][delay] ?? .max
            let before = Ledger.wallNow
            let outcome = try await stand.kokanee(
                "enqueue",
                stand.queue,
                "--type",
                "t",
                "--data",
                "{}",
                "--id",
                "later",
                "--delay",
                delay
            )
            #expect(outcome.code == 0, "\(outcome)")
            #expect(outcome.output == "later\n")
            try await stand.enqueue([#"{"type":"t","id":"now","data":{}}"#])
            let summary = try await stand.workUntilIdle(within: .seconds(120))
            #expect(summary.completed == 2)
            #expect(summary.failedAttempts == 0)
            let runs = try stand.ledger.runs()
            #expect(runs.ids.sorted() == ["later", "now"])
            let later = try #require(runs.first { $0.start.id == "later" })
            #expect(later.start.attempt == 1)
            #expect(later.start.wall >= before + milliseconds, "\(later.start.wall - before) ms")
            #expect(later.start.wall < before + milliseconds + 60_000)
        }
    }

    @Test("a job with a time never starts before it, one whose time has passed starts at once")
    func at() async throws {
        try await Stand.with { stand in
            // The other one is to run before it, and a group's first join takes 3 s on many brokers.
            let due = (Ledger.wallNow / 1000 + 12) * 1000
            let text = Date(timeIntervalSince1970: Double(due / 1000)).formatted(.iso8601)
            try await stand.enqueue([
                #"{"type":"t","id":"then","at":"\#(text)","data":{}}"#,
                #"{"type":"t","id":"past","at":"2020-01-01T00:00:00Z","data":{}}"#,
            ])
            let summary = try await stand.workUntilIdle()
            #expect(summary.completed == 2)
            let runs = try stand.ledger.runs()
            #expect(runs.ids == ["past", "then"])
            #expect(try #require(runs.last).start.wall >= due)
        }
    }

    @Test("a job that has expired is not started, but discarded")
    func expires() async throws {
        try await Stand.with { stand in
            let outcome = try await stand.kokanee(
                "enqueue",
                stand.queue,
                "--type",
                "t",
                "--data",
                "{}",
                "--id",
                "stale",
                "--expires",
                "1s"
            )
            #expect(outcome.code == 0, "\(outcome)")
            let enqueued = Ledger.wallNow
            try await stand.enqueue([#"{"type":"t","id":"fresh","data":{}}"#])
            try await eventually("the job has expired") { Ledger.wallNow > enqueued + 1_000 }
            let summary = try await stand.workUntilIdle()
            #expect(try stand.ledger.runs().ids == ["fresh"])
            #expect(summary.completed == 1, "\(summary)")
            #expect(summary.discarded == 1, "\(summary)")
            #expect(try await stand.oracle.count(of: stand.deadLetterTopic) == 0)
            #expect(try await stand.lag().isEmpty)
        }
    }
}
