import Foundation
import TestSupport
import Testing

/// What operators do about dead letters.
@Suite(.alone)
struct DeadLetterCommandTests {
    struct Letter: Decodable {
        let id: String
        let type: String
        let version: Int
        let key: String?
        let attempts: Int
        let reason: String
        let firstError: String?
        let lastError: String?
        let firstFailedAt: Int64?
        let diedAt: Int64?
        let origin: String
        let verdict: String?
    }

    static func list(_ stand: Stand, _ flags: String...) async throws -> [Letter] {
        let outcome = try await stand.start(["dlq", "list", stand.queue, "--json"] + flags).outcome()
        guard outcome.code == 0 else { throw StandError("\(outcome)") }
        return try outcome.objects(Letter.self)
    }

    @Test("a dead letter is listed and shown with all that there is to know, and mended work runs it again")
    func one() async throws {
        try await Stand.with { stand in
            try await stand.enqueue([#"{"type":"pay","id":"doomed","key":"k","data":{"do":"flaky","failures":2}}"#])
            try await stand.workUntilIdle()
            let letters = try await Self.list(stand)
            try #require(letters.count == 1)
            let letter = letters[0]
            #expect(letter.id == "doomed")
            #expect(letter.type == "pay")
            #expect(letter.version == 1)
            #expect(letter.key == "k")
            #expect(letter.attempts == 2)
            #expect(letter.firstError?.contains("broken at attempt 1") == true)
            #expect(letter.lastError?.contains("broken at attempt 2") == true)
            #expect(letter.origin.hasPrefix("\(stand.queue)/"))
            #expect(letter.verdict == nil)
            #expect((letter.firstFailedAt ?? .max) <= (letter.diedAt ?? 0))
            let shown = try await stand.kokanee("dlq", "show", stand.queue, "doomed")
            #expect(shown.code == 0, "\(shown)")
            for part in ["doomed", "broken at attempt 2", "failures"] {
                #expect(shown.output.contains(part), "\(shown)")
            }

            let dry = try await stand.kokanee("dlq", "retry", stand.queue, "doomed")
            #expect(dry.code == 0, "\(dry)")
            #expect(try await stand.oracle.count(of: stand.queue) == 1)
            #expect(try await StatusTests.status(of: stand).dead == 1)

            let retried = try await stand.kokanee("dlq", "retry", stand.queue, "doomed", "--execute")
            #expect(retried.code == 0, "\(retried)")
            #expect(try await Self.list(stand).map(\.verdict) == ["retried"])
            #expect(try await StatusTests.status(of: stand).dead == 0)
            let records = try await stand.oracle.records(of: stand.queue)
            #expect(records.count == 2)
            #expect(Set(records.map(\.partition)).count == 1)
            #expect(records.allSatisfy { $0.key == Data("k".utf8) && $0.value == records[0].value })
            try await stand.workUntilIdle(flags: ["--attempts", "1"])
            // Attempt 1 again: it fails as it did the first time, and is a letter of its own.
            #expect(try stand.ledger.runs().map(\.start.attempt) == [1, 2, 1])
            #expect(try await Self.list(stand).map(\.verdict) == ["retried", nil])
            #expect(try await Self.list(stand, "--open").map(\.attempts) == [1])
        }
    }

    @Test("an id that there is not is named, and is 1")
    func unknown() async throws {
        try await Stand.with { stand in
            for action in ["show", "retry", "discard"] {
                let outcome = try await stand.kokanee("dlq", action, stand.queue, "nobody")
                #expect(outcome.code == 1, "\(outcome)")
                #expect(outcome.error.contains("nobody"), "\(outcome)")
            }
            let idle = try await stand.kokanee("dlq", "retry", stand.queue, "--all", "--execute")
            #expect(idle.code == 0, "\(idle)")
        }
    }

    @Test("10,000 dead letters are listed, filtered and retried in seconds, and retrying twice runs no job twice")
    func many() async throws {
        try await Stand.with(partitions: 4) { stand in
            let count = 10_000
            try await stand.enqueue(
                (0..<count).map { n in
                    #"{"type":"\#(n % 10 == 0 ? "rare" : "often")","id":"\#(n)","key":"\#(n % 100)","#
                        + #""data":{"do":"reject","why":"reason \#(n % 100)"}}"#
                }
            )
            let summary = try await stand.workUntilIdle(
                concurrency: 2,
                flags: ["--circuit-share", "0"],
                within: .seconds(120)
            )
            #expect(summary.dead == count, "\(summary)")
            #expect(try await StatusTests.status(of: stand).dead == Int64(count))

            func timed<T>(_ what: String, _ body: () async throws -> T) async throws -> T {
                let start = Ledger.monotonicNow
                let result = try await body()
                let milliseconds = (Ledger.monotonicNow - start) / 1_000_000
                #expect(Sanitizer.isOn || milliseconds < 60_000, "\(what) took \(milliseconds) ms")
                return result
            }
            let all = try await timed("list") { try await Self.list(stand) }
            #expect(Set(all.map(\.id)).count == count)
            #expect(all.count == count)
            let rare = try await timed("list by type") { try await Self.list(stand, "--type", "rare") }
            #expect(rare.count == count / 10)
            let error = try await timed("list by error") { try await Self.list(stand, "--error", "REASON 37") }
            #expect(error.count == count / 100)
            #expect(try await Self.list(stand, "--limit", "5").count == 5)
            #expect(try await Self.list(stand, "--since", "-1h").count == count)
            #expect(try await Self.list(stand, "--since", "2100-01-01T00:00:00Z").isEmpty)

            let discarded = try await stand.kokanee(
                "dlq",
                "discard",
                stand.queue,
                "--all",
                "--error",
                "reason 37",
                "--execute"
            )
            #expect(discarded.code == 0, "\(discarded)")
            let left = count - count / 100
            for _ in 0..<2 {
                let retried = try await timed("retry") {
                    try await stand.kokanee("dlq", "retry", stand.queue, "--all", "--execute")
                }
                #expect(retried.code == 0, "\(retried)")
                let records = try await stand.oracle.records(of: stand.queue)
                #expect(records.count == count + left)
            }
            #expect(try await StatusTests.status(of: stand).dead == 0)
            // Offsets also count the marks that end transactions: one a partition and batch.
            let waiting = try await StatusTests.status(of: stand).waiting
            #expect((left...left + 200).contains(Int(waiting)), "\(waiting) wait")
            let verdicts = Dictionary(grouping: try await Self.list(stand)) { $0.verdict }.mapValues(\.count)
            #expect(verdicts == ["retried": left, "discarded": count / 100])

            // The mended handler.
            let file = Ledger(file: stand.scratch.file("mended"))
            let worker = try stand.startWorker(HandlerProgram.counting, ledger: file, concurrency: 2, "--until-idle")
            let outcome = try await worker.outcome(within: .seconds(120))
            #expect(outcome.code == 0, "\(outcome)")
            let ids = try String(contentsOf: file.file, encoding: .utf8).split(separator: "\n").map(String.init)
            #expect(ids.count == left)
            #expect(Set(ids).count == left)
            #expect(try await StatusTests.status(of: stand).waiting == 0)
            #expect(try await stand.lag().isEmpty)
        }
    }

    @Test(
        "two operators who retry at the same time send each job back once",
        .enabled(if: Stand.isolatesTransactions, "the embedded broker shows records of transactions that are aborted")
    )
    func together() async throws {
        try await Stand.with(partitions: 2) { stand in
            try await stand.enqueue((0..<500).map { #"{"type":"t","id":"\#($0)","data":{"do":"reject"}}"# })
            try await stand.workUntilIdle(flags: ["--circuit-share", "0"])
            let operators = try (0..<3).map { _ in
                try stand.start(["dlq", "retry", stand.queue, "--all", "--execute"])
            }
            for process in operators { _ = try await process.outcome() }
            // One that was fenced by another may have failed: it is run again, as people would.
            let last = try await stand.kokanee("dlq", "retry", stand.queue, "--all", "--execute")
            #expect(last.code == 0, "\(last)")
            let ids = try await stand.oracle.records(of: stand.queue).compactMap { $0.header("ce_id") }
            #expect(ids.count == 1000)
            #expect(Set(ids).count == 500)
            #expect(try await StatusTests.status(of: stand).dead == 0)
        }
    }
}
