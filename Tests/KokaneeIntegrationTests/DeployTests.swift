import Foundation
import TestSupport
import Testing

/// A deploy rolls: workers that don't know a type yet, beside and before those that do.
@Suite(.besideOthers)
struct DeployTests {
    @Test("jobs of a type that a killed worker did not know run with the next one that does, as attempt 1")
    func killed() async throws {
        try await Stand.withGroups(partitions: 4) { stand in
            let old = (0..<40).map { #"{"type":"old","id":"old-\#($0)","key":"k\#($0)","data":{}}"# }
            let new = (0..<40).map { #"{"type":"new","id":"new-\#($0)","key":"k\#($0)","data":{}}"# }
            try await stand.enqueue(zip(old, new).flatMap { [$0, $1] })
            let first = try stand.startWorker(concurrency: 4, "--knows", "old", "--wait-for-deploy", "10m")
            try await stand.ledger.waitFor(lines: 80)
            try await eventually("it has refused the new ones") { first.error.contains("can't run the job") }
            first.signal(SIGKILL)
            _ = try await first.outcome()
            let summary = try await stand.workUntilIdle()
            #expect(summary.dead == 0, "\(summary)")
            let runs = try stand.ledger.runs()
            let counted = runs.filter { $0.start.id.hasPrefix("new-") }
            #expect(Set(counted.ids).count == 40)
            #expect(counted.allSatisfy { $0.start.attempt == 1 })
            #expect(try await stand.deadLetters().isEmpty)
            #expect(try await stand.lag().isEmpty)
        }
    }

    @Test("where no worker that knows them comes, they are dead letters that say so, and no attempt is counted")
    func over() async throws {
        try await Stand.with(partitions: 2) { stand in
            try await stand.enqueue((0..<10).map { #"{"type":"new","id":"\#($0)","data":{}}"# })
            let summary = try await stand.workUntilIdle(flags: ["--knows", "old", "--wait-for-deploy", "2s"])
            #expect(summary.dead == 10 && summary.failedAttempts == 0, "\(summary)")
            let letters = try await stand.deadLetters()
            #expect(letters.allSatisfy { $0.header("kokanee-reason") == "unknown-type" })
            #expect(letters.allSatisfy { $0.header("kokanee-error")?.contains("it waited") == true })
            #expect(letters.allSatisfy { $0.header("kokanee-refused-since") == nil })
            #expect(try stand.ledger.runs().isEmpty)
        }
    }

    @Test("jobs whose time is over are dead letters where a worker keeps them")
    func expired() async throws {
        try await Stand.with(partitions: 1) { stand in
            let words = ["enqueue", stand.queue, "--type", "t", "--data", "{}", "--expires", "1ms"]
            let outcome = try await stand.start(words).outcome(within: .seconds(60))
            #expect(outcome.code == 0, "\(outcome)")
            let summary = try await stand.workUntilIdle(flags: ["--expired", "dead-letter"])
            #expect(summary.dead == 1 && summary.discarded == 0, "\(summary)")
            #expect(try await stand.deadLetters().map { $0.header("kokanee-reason") } == ["expired"])
        }
    }
}
