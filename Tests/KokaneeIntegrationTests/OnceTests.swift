import Foundation
import TestSupport
import Testing

/// Jobs with idempotency keys, through the tool, past workers that die, come and stand still.
@Suite(.alone)
struct OnceTests {
    /// Two jobs of each key, half of the queue apart.
    private static func jobs(_ keys: Int) -> [String] {
        (0..<keys * 2).map { n in
            let key = n % keys
            return #"{"type":"t","id":"\#(n)","key":"k\#(key % 50)","data":{"do":"sleep","seconds":0.003},"#
                + #""idempotencyKey":"once-\#(key)"}"#
        }
    }

    private static func key(_ run: Ledger.Run, _ keys: Int) -> Int { (Int(run.start.id) ?? 0) % keys }

    @Test("after SIGKILLs each key's effect was made once, but for those that were made as the worker died")
    func sigkill() async throws {
        try await Stand.withGroups(partitions: 4) { stand in
            let keys = 1500
            try await stand.enqueue(Self.jobs(keys))
            var kills: [Int64] = []
            for lines in [600, 1400] {
                let worker = try stand.startWorker(concurrency: 4)
                try await stand.ledger.waitFor(lines: lines, within: .seconds(90))
                kills.append(Ledger.monotonicNow)
                worker.signal(SIGKILL)
                _ = try await worker.outcome()
                try await CrashTests.waitForQuiet(stand.ledger)
            }
            let worked = try await stand.workUntilIdle(within: .seconds(120))
            let runs = try stand.ledger.runs()
            #expect(Set(runs.map { Self.key($0, keys) }).count == keys)
            for (key, runs) in Dictionary(grouping: runs, by: { Self.key($0, keys) }) where runs.count > 1 {
                let end = runs[0].end?.at ?? .max
                // Between the effect and its mark: an acknowledgement's time, and what a busy machine makes of it.
                let isAtKill = kills.contains { end > $0 - 1_000_000_000 }
                #expect(isAtKill, "once-\(key) was made \(runs.count) times, \(worked)")
            }
            #expect(runs.count < keys + 100)
            let marks = try await stand.oracle.records(of: "\(stand.queue).state").compactMap(\.key)
                .filter { $0.starts(with: Data("mark/".utf8)) }
            #expect(Set(marks).count == keys)
            #expect(try await stand.lag().isEmpty)
        }
    }

    @Test("marks move with their partitions: a second worker makes no effect again that the first has made")
    func handOver() async throws {
        try await Stand.withGroups(partitions: 4) { stand in
            let keys = 1000
            try await stand.enqueue(Self.jobs(keys))
            let first = try stand.startWorker(concurrency: 4)
            try await stand.ledger.waitFor(lines: 800)
            let second = try stand.startWorker(concurrency: 4, "--until-idle", "--json")
            try await stand.ledger.waitFor(lines: 1400)
            first.signal(SIGTERM)
            #expect(try await first.outcome(within: .seconds(40)).code == 0)
            let ended = try await second.outcome(within: .seconds(120))
            #expect(ended.code == 0, "\(ended)")
            let runs = try stand.ledger.runs()
            let repeated = runs.map { "\(Self.key($0, keys))" }.repeated
            #expect(Set(runs.map { Self.key($0, keys) }).count == keys && repeated.isEmpty, "\(repeated) \(ended)")
        }
    }

    @Test("a worker that stood still beyond the session timeout makes no effect again that its heir has made")
    func zombie() async throws {
        try await Stand.withGroups(partitions: 2) { stand in
            let keys = 1000
            try await stand.enqueue(Self.jobs(keys))
            let zombie = try stand.startWorker(concurrency: 4)
            try await stand.ledger.waitFor(lines: 300)
            zombie.signal(SIGSTOP)
            let stopped = Ledger.monotonicNow
            let heirs = Ledger(file: stand.scratch.file("heir"))
            let heir = try stand.startWorker(ledger: heirs, concurrency: 4)
            try await heirs.waitFor(lines: 600, within: .seconds(60))
            zombie.signal(SIGCONT)
            try await eventually("all keys are done", within: .seconds(90)) {
                Set(try (stand.ledger.runs() + heirs.runs()).map { Self.key($0, keys) }).count == keys
            }
            try await eventually("all jobs are done", within: .seconds(60)) { try await stand.lag().isEmpty }
            for worker in [zombie, heir] { worker.signal(SIGTERM) }
            for worker in [zombie, heir] { _ = try await worker.outcome(within: .seconds(40)) }
            let runs = try stand.ledger.runs() + heirs.runs()
            for (key, runs) in Dictionary(grouping: runs, by: { Self.key($0, keys) }) where runs.count > 1 {
                let first = runs.min { $0.start.at < $1.start.at }
                let isInHand = (first?.end?.at ?? .max) > stopped - 1_000_000_000
                #expect(isInHand, "once-\(key) was made again, and not in hand when time stopped")
            }
        }
    }

    @Test("the command line: a key that was done is skipped, within its window")
    func commandLine() async throws {
        try await Stand.with { stand in
            let words = ["enqueue", stand.queue, "--type", "t", "--data", "{}", "--idempotency-key", "a"]
            for _ in 0..<2 { #expect(try await stand.start(words).outcome().code == 0) }
            try await stand.workUntilIdle()
            #expect(try stand.ledger.runs().count == 1)
            let unique = ["enqueue", stand.queue, "--type", "t", "--data", "{}", "--unique", "start"]
            for _ in 0..<2 { #expect(try await stand.start(unique + ["--unique-for", "1h"]).outcome().code == 0) }
            try await stand.workUntilIdle()
            #expect(try stand.ledger.runs().count == 2)
            let wrong = try await stand.start(words + ["--unique", "later"]).outcome()
            #expect(wrong.code == 64 && wrong.error.contains("start or done"), "\(wrong)")
        }
    }
}
