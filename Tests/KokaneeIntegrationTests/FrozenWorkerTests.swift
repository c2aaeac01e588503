import Foundation
import TestSupport
import Testing

/// Workers whose process stands still, as a stopped one, a swapped-out one or a moved virtual machine does.
@Suite(.alone)
struct FrozenWorkerTests {
    @Test("a worker that stood still, but for less than the session timeout, asks whether it is a member, and goes on")
    func shortPause() async throws {
        try await Stand.withGroups(partitions: 2) { stand in
            let count = 1500
            try await stand.enqueue(
                (0..<count).map {
                    #"{"type":"t","id":"\#($0)","key":"k\#($0 % 40)","data":{"do":"sleep","seconds":0.005}}"#
                }
            )
            // The group counts from the last heartbeat, which is otherwise up to 3 s before the stop.
            let worker = try stand.startWorker(concurrency: 4, "--until-idle", "-X", "heartbeat.interval.ms=500")
            try await stand.ledger.waitFor(lines: 400)
            worker.signal(SIGSTOP)
            let stopped = Ledger.monotonicNow
            // A third of the session timeout is what a worker trusts in, and the group waits for the whole.
            try await eventually("time passes") { Ledger.monotonicNow > stopped + 3_000_000_000 }
            worker.signal(SIGCONT)
            let outcome = try await worker.outcome(within: .seconds(60))
            #expect(outcome.code == 0, "\(outcome)")
            #expect(outcome.error.contains("stood still"), "\(outcome)")
            #expect(outcome.error.contains("accepted a commit"), "\(outcome)")
            let ids = try stand.ledger.runs().ids
            #expect(ids.count == count && Set(ids).count == count)
        }
    }

    @Test("a worker that stood still beyond the session timeout starts none of the jobs that others run now")
    func zombie() async throws {
        try await Stand.withGroups(partitions: 4) { stand in
            let count = 4000
            try await stand.enqueue(
                (0..<count).map {
                    #"{"type":"t","id":"\#($0)","key":"k\#($0 % 200)","data":{"do":"sleep","seconds":0.01}}"#
                }
            )
            let zombie = try stand.startWorker(concurrency: 4)
            try await stand.ledger.waitFor(lines: 400)
            zombie.signal(SIGSTOP)
            let stopped = Ledger.monotonicNow
            let heirs = Ledger(file: stand.scratch.file("heir"))
            let heir = try stand.startWorker(ledger: heirs, concurrency: 4)
            try await heirs.waitFor(lines: 1000, within: .seconds(60))
            let woken = Ledger.monotonicNow
            zombie.signal(SIGCONT)
            try await eventually("the zombie hears of its loss") { zombie.error.contains("partitions lost") }
            try await eventually("all jobs have run", within: .seconds(90)) {
                Set(try (stand.ledger.runs() + heirs.runs()).ids).count == count
            }
            for worker in [zombie, heir] { worker.signal(SIGTERM) }
            for worker in [zombie, heir] {
                let outcome = try await worker.outcome(within: .seconds(40))
                #expect(outcome.code == 0, "\(outcome)")
            }

            let mine = try stand.ledger.runs()
            let theirs = try heirs.runs()
            let back = try Self.lastAssignment(of: zombie)
            // What it had in hand when time stopped it may end.
            let known = Set(mine.filter { $0.start.at < stopped + 500_000_000 }.ids)
            let late = mine.filter { $0.start.at > stopped + 500_000_000 }
            let unaware = late.filter { $0.start.wall < back }.ids
            #expect(unaware.isEmpty, "the zombie started \(unaware) before it had partitions again: \(zombie.error)")
            #expect(!theirs.isEmpty && late.allSatisfy { $0.start.at > woken })
            let byKey = Dictionary(grouping: (late + theirs).filter { !known.contains($0.start.id) }) { $0.start.key }
            for runs in byKey.values {
                let sorted = runs.sorted { $0.start.at < $1.start.at }
                for (first, second) in zip(sorted, sorted.dropFirst()) {
                    #expect((first.end?.at ?? .max) <= second.start.at, "\(first.start.id) and \(second.start.id)")
                }
            }
        }
    }

    /// When a worker was last assigned partitions, in milliseconds since the epoch.
    private static func lastAssignment(of worker: KokaneeProcess) throws -> Int64 {
        let line = worker.error.split(separator: "\n").last { $0.contains("partitions assigned") }
        let time = try #require(line?.prefix { $0 != " " })
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        return Int64(try style.parse(String(time)).timeIntervalSince1970 * 1000)
    }
}
