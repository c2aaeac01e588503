import Foundation
import TestSupport
import Testing

/// Jobs that fail climb the queue's rungs, and no faster than the rungs say.
@Suite(.besideOthers)
struct LadderTests {
    static let rungs = ["1s", "2s", "3s"]

    /// Records' timestamps are whole milliseconds, cut; what is due by them may be due that much before.
    static let clockGrain: Int64 = 2_000_000

    @Test(
        "a job that always fails runs once, and once for each rung, never early, and is then a dead letter that tells all"
    )
    func failsForEver() async throws {
        try await Stand.with(ladder: Self.rungs.joined(separator: ",")) { stand in
            let before = Ledger.wallNow
            try await stand.enqueue([#"{"type":"t","id":"doomed","key":"k","data":{"do":"fail"}}"#])
            let source = try #require(try await stand.oracle.records(of: stand.queue).first)
            let summary = try await stand.workUntilIdle(within: .seconds(240))
            #expect(summary.completed == 0)
            #expect(summary.failedAttempts == 4)
            #expect(summary.retried == 3)
            #expect(summary.dead == 1)
            let runs = try stand.ledger.runs()
            #expect(runs.map(\.start.attempt) == [1, 2, 3, 4])
            for (index, delay) in [1, 2, 3].enumerated() where runs.count == 4 {
                let gap = runs[index + 1].start.at - (runs[index].end?.at ?? .max)
                #expect(gap >= Int64(delay) * 1_000_000_000 - Self.clockGrain, "rung \(delay)s: \(gap) ns")
                #expect(gap < Int64(delay + 60) * 1_000_000_000, "rung \(delay)s: \(gap) ns")
            }
            let letters = try await stand.deadLetters()
            try #require(letters.count == 1)
            let letter = letters[0]
            #expect(letter.key == Data("k".utf8))
            #expect(letter.value == Data(#"{"do":"fail"}"#.utf8))
            #expect(letter.partition == source.partition)
            #expect(letter.header("ce_id") == "doomed")
            #expect(letter.header("ce_type") == "t")
            #expect(letter.header("kokanee-attempt") == "4")
            #expect(letter.header("kokanee-error")?.contains("broken at attempt 4") == true, "\(letter.headers)")
            #expect(letter.header("kokanee-first-error")?.contains("broken at attempt 1") == true)
            #expect(
                letter.header("kokanee-origin") == "\(stand.queue)/\(source.partition ?? -1)/\(source.offset ?? -1)"
            )
            let firstFailedAt = try #require(letter.header("kokanee-first-failed-at").flatMap(Int64.init))
            let firstEnd = try #require(runs.first?.end?.wall)
            // The worker tells the brokers' time, which it takes to be a round trip earlier than it is.
            #expect((before - 1_000...firstEnd + 5_000).contains(firstFailedAt))
            #expect(firstFailedAt >= firstEnd - 1_000)
            #expect(try await stand.lag(rungs: Self.rungs).isEmpty)
        }
    }

    @Test("a job that fails twice and then succeeds leaves nothing behind")
    func flaky() async throws {
        try await Stand.with(ladder: Self.rungs.joined(separator: ",")) { stand in
            try await stand.enqueue([#"{"type":"t","id":"flaky","data":{"do":"flaky","failures":2}}"#])
            let summary = try await stand.workUntilIdle()
            #expect(summary.completed == 1)
            #expect(summary.failedAttempts == 2)
            #expect(summary.retried == 2)
            #expect(summary.dead == 0)
            #expect(try stand.ledger.runs().map(\.start.attempt) == [1, 2, 3])
            #expect(try await stand.lag(rungs: Self.rungs).isEmpty)
            #expect(try await stand.oracle.count(of: stand.deadLetterTopic) == 0)
        }
    }

    @Test("--attempts bounds the attempts, above the ladder's height too", arguments: [1, 2, 4])
    func attempts(number: Int) async throws {
        try await Stand.with(ladder: "1s") { stand in
            try await stand.enqueue([#"{"type":"t","id":"doomed","data":{"do":"fail"}}"#])
            let summary = try await stand.workUntilIdle(flags: ["--attempts", "\(number)"])
            #expect(summary.failedAttempts == number)
            #expect(summary.dead == 1)
            let runs = try stand.ledger.runs()
            #expect(runs.count == number)
            for (before, after) in zip(runs, runs.dropFirst()) {
                #expect(after.start.at - (before.end?.at ?? .max) >= 1_000_000_000 - Self.clockGrain)
            }
        }
    }

    @Test("a handler that asks for no retry makes a dead letter at the first attempt")
    func rejected() async throws {
        try await Stand.with { stand in
            try await stand.enqueue([#"{"type":"t","id":"no","data":{"do":"reject","why":"for good"}}"#])
            let summary = try await stand.workUntilIdle()
            #expect(summary.dead == 1)
            #expect(summary.retried == 0)
            let letter = try #require(try await stand.deadLetters().first)
            #expect(letter.header("kokanee-attempt") == "1")
            #expect(letter.header("kokanee-error")?.contains("rejected for good") == true, "\(letter.headers)")
        }
    }

    @Test("a job on a rung does not hold up those behind it")
    func nonBlocking() async throws {
        try await Stand.with(partitions: 1, ladder: "3s") { stand in
            try await stand.enqueue(
                [#"{"type":"t","id":"first","key":"k","data":{"do":"flaky","failures":1}}"#]
                    + (1...5).map { #"{"type":"t","id":"later-\#($0)","key":"k","data":{}}"# }
            )
            try await stand.workUntilIdle()
            #expect(
                try stand.ledger.runs().ids == [
                    "first", "later-1", "later-2", "later-3", "later-4", "later-5", "first",
                ]
            )
        }
    }
}
