import Foundation
import TestSupport
import Testing

/// Workers that go away, in order or not, and workers that come.
@Suite(.alone)
struct CrashTests {
    /// The worker's interval, which ARCHITECTURE leaves to it, and what a busy machine may add to a commit.
    static let commitInterval: Int64 = 1_000_000_000
    static let margin: Int64 = 1_500_000_000
    /// From one commit to the next where commits are slow.
    static let longestCommitInterval: Int64 = 10_000_000_000

    @Test("after SIGKILL in the middle of 10,000 jobs all have run, twice only what ran or had just finished")
    func sigkill() async throws {
        try await Stand.withGroups(partitions: 6) { stand in
            let count = 10_000
            let ids = (0..<count).map { "job-\($0)" }
            try await stand.enqueue(
                ids.enumerated().map { n, id in
                    #"{"type":"t","id":"\#(id)","key":"key-\#(n % 500)","data":{"do":"sleep","seconds":0.008}}"#
                }
            )
            let offsets = try await stand.oracle.records(of: stand.queue)
                .reduce(into: [String: (partition: Int, offset: Int64)]()) { offsets, record in
                    guard let id = record.header("ce_id"), let partition = record.partition else { return }
                    offsets[id] = (partition, record.offset ?? -1)
                }
            let first = try stand.startWorker(concurrency: 4)
            // For longer than a commit may take, so that what ended before it shows something.
            try await stand.ledger.waitFor(lines: 14_000, within: .seconds(90))
            let killed = Ledger.monotonicNow
            let surelyCommitted = killed - Self.longestCommitInterval - Self.margin
            first.signal(SIGKILL)
            #expect(try await first.outcome().code == 128 + SIGKILL)
            // The handlers of a killed worker find their stdin closed, after the job in hand.
            try await Self.waitForQuiet(stand.ledger)
            let before = try stand.ledger.runs()
            #expect(before.contains { ($0.end?.at ?? .max) < surelyCommitted })
            let committed = try await stand.oracle.positions(of: stand.queue, group: stand.group)
                .reduce(into: [:]) { $0[$1.partition] = $1.committed ?? $1.low }

            try await stand.workUntilIdle(within: .seconds(120))
            let runs = try stand.ledger.runs()
            #expect(Set(runs.ids) == Set(ids))
            let earlier = Dictionary(before.map { ($0.start.id, $0) }) { $1 }
            let again = runs.dropFirst(before.count).filter { earlier[$0.start.id] != nil }.map(\.start.id)
            #expect(again.repeated.isEmpty)
            for id in again {
                let end = earlier[id]?.end?.at ?? .max
                #expect(
                    end > surelyCommitted,
                    "\(id) ran again, though it was finished \((killed - end) / 1_000_000) ms before the kill"
                )
                let place = try #require(offsets[id])
                #expect(place.offset >= committed[place.partition] ?? 0, "\(id) at \(place) is below the watermark")
            }
            #expect(try await stand.lag().isEmpty)
        }
    }

    @Test("what finished beyond a job that takes long does not run again after SIGKILL")
    func completionMap() async throws {
        try await Stand.withGroups(partitions: 1) { stand in
            let release = stand.scratch.file("release")
            try await stand.enqueue(
                [#"{"type":"t","id":"long","key":"long","data":{"do":"wait","file":"\#(release.path)"}}"#]
                    + (0..<500).map { #"{"type":"t","id":"\#($0)","key":"k\#($0)","data":{}}"# }
            )
            let first = try stand.startWorker(concurrency: 4)
            try await stand.ledger.waitFor(lines: 1_001)
            // Two commit intervals after the last job; the commit can't be seen from outside.
            let done = Ledger.monotonicNow
            try await eventually("finished jobs are committed") {
                Ledger.monotonicNow > done + Self.commitInterval + Self.margin
            }
            first.signal(SIGKILL)
            _ = try await first.outcome()
            try Data().write(to: release)
            try await stand.workUntilIdle()
            let repeated = try stand.ledger.runs().ids.repeated
            #expect(repeated == ["long": 2])
            #expect(try await stand.lag().isEmpty)
        }
    }

    @Test("a second worker joins and the first leaves: nothing is lost, and no key's jobs run beside each other")
    func handOver() async throws {
        try await Stand.withGroups(partitions: 8) { stand in
            let keys = 60
            let perKey = 100
            try await stand.enqueue(
                (0..<keys * perKey).map { n in
                    #"{"type":"t","id":"\#(n)","key":"key-\#(n % keys)","data":{"do":"sleep","seconds":0.005}}"#
                }
            )
            let first = try stand.startWorker(concurrency: 4)
            try await stand.ledger.waitFor(lines: 2_000)
            let joined = stand.scratch.file("second")
            let second = try stand.startWorker(ledger: Ledger(file: joined), concurrency: 4, "--until-idle", "--json")
            try await Ledger(file: joined).waitFor(lines: 1_500)
            first.signal(SIGTERM)
            let left = try await first.outcome(within: .seconds(40))
            #expect(left.code == 0, "\(left)")
            let ended = try await second.outcome(within: .seconds(120))
            #expect(ended.code == 0, "\(ended)")

            let runs = (try stand.ledger.runs() + Ledger(file: joined).runs()).sorted { $0.start.at < $1.start.at }
            #expect(Set(runs.ids).count == keys * perKey)
            #expect(runs.allSatisfy { $0.end != nil })
            #expect(runs.overlaps { $0.start.key } == [])
            // A Kafka takes the commit of a member that gives its partitions away. The embedded broker refuses it: what
            // finished since the last commit runs again.
            var earlier: [String: Ledger.Run] = [:]
            for run in runs {
                if earlier[run.start.id] != nil { #expect(!Stand.isExternal, "\(run.start.id) ran again") }
                earlier[run.start.id] = run
            }
            for (key, runs) in Dictionary(grouping: runs, by: { $0.start.key ?? "" }) {
                var seen: Set<Int> = []
                let firsts = runs.ids.compactMap(Int.init).filter { seen.insert($0).inserted }
                #expect(firsts == firsts.sorted(), "\(key)")
            }
            #expect(try await stand.lag().isEmpty)
        }
    }

    @Test("a worker that is stopped during a job lets it finish, and another one goes on behind it")
    func sigtermWaits() async throws {
        try await Stand.with(partitions: 1) { stand in
            try await stand.enqueue(
                [#"{"type":"t","id":"slow","key":"k","data":{"do":"sleep","seconds":2}}"#]
                    + (0..<5).map { #"{"type":"t","id":"\#($0)","key":"k","data":{}}"# }
            )
            let worker = try stand.startWorker()
            try await stand.ledger.waitFor(lines: 1)
            worker.signal(SIGTERM)
            let outcome = try await worker.outcome()
            #expect(outcome.code == 0, "\(outcome)")
            #expect(try stand.ledger.runs().map { $0.end != nil } == [true])
            try await stand.workUntilIdle()
            #expect(try stand.ledger.runs().ids == ["slow", "0", "1", "2", "3", "4"])
        }
    }

    @Test("a job that outlasts --shutdown-timeout does not keep the worker, and runs again")
    func shutdownLimit() async throws {
        try await Stand.with(partitions: 1) { stand in
            let release = stand.scratch.file("release")
            try await stand.enqueue([
                #"{"type":"t","id":"done","key":"k","data":{}}"#,
                #"{"type":"t","id":"long","key":"k","data":{"do":"wait","file":"\#(release.path)"}}"#,
            ])
            let worker = try stand.startWorker(concurrency: 1, "--shutdown-timeout", "1s")
            try await stand.ledger.waitFor(lines: 3)
            let start = Ledger.monotonicNow
            worker.signal(SIGTERM)
            _ = try await worker.outcome(within: .seconds(30))
            #expect(Ledger.monotonicNow - start < 15_000_000_000)
            #expect(try await stand.lag() == [stand.queue: 1])
            try Data().write(to: release)
            try await stand.workUntilIdle()
            #expect(try stand.ledger.runs().ids == ["done", "long", "long"])
            #expect(try stand.ledger.runs().last?.start.attempt == 1)
        }
    }

    @Test("a second SIGINT ends a worker at once, with 130")
    func secondInterrupt() async throws {
        try await Stand.withGroups(partitions: 1) { stand in
            try await stand.enqueue([#"{"type":"t","id":"long","data":{"do":"sleep","seconds":20}}"#])
            let worker = try stand.startWorker(concurrency: 1)
            try await stand.ledger.waitFor(lines: 1)
            worker.signal(SIGINT)
            try await eventually("the worker says that it is ending") { worker.error.contains("second SIGINT") }
            #expect(worker.isRunning)
            let start = Ledger.monotonicNow
            worker.signal(SIGINT)
            let outcome = try await worker.outcome(within: .seconds(10))
            #expect(outcome.code == 130, "\(outcome)")
            // The job would sleep for twenty.
            #expect(Ledger.monotonicNow - start < 10_000_000_000)
        }
    }

    @Test("a broker that goes away in the middle and comes back costs no job", .enabled(if: !Stand.isExternal))
    func brokerRestart() async throws {
        let broker = try await BrokerProcess()
        try await Stand.with(partitions: 4, on: broker.bootstrapServers) { stand in
            let ids = (0..<3000).map(String.init)
            try await stand.enqueue(
                ids.map { #"{"type":"t","id":"\#($0)","key":"\#($0)","data":{"do":"sleep","seconds":0.004}}"# }
                    + [#"{"type":"t","id":"flaky","data":{"do":"flaky","failures":1}}"#]
            )
            let worker = try stand.startWorker(concurrency: 4)
            try await stand.ledger.waitFor(lines: 1_000)
            try await broker.stop()
            try await broker.start()
            try await eventually("every job has run", within: .seconds(60)) {
                guard stand.ledger.count >= 6_004 else { return false }
                return Set(try stand.ledger.runs().filter { $0.end != nil }.ids).count == 3_001
            }
            try await eventually("the offsets say so", within: .seconds(30)) { try await stand.lag().isEmpty }
            #expect(try stand.ledger.runs().filter { $0.start.id == "flaky" && $0.start.attempt == 2 }.count >= 1)
            worker.signal(SIGTERM)
            let outcome = try await worker.outcome(within: .seconds(40))
            #expect(outcome.code == 0, "\(outcome)")
            #expect(try await stand.oracle.count(of: stand.deadLetterTopic) == 0)
        }
        try await broker.stop()
    }

    /// Waits until nobody has written for a second.
    static func waitForQuiet(_ ledger: Ledger) async throws {
        var last = -1
        var since = Ledger.monotonicNow
        try await eventually("the handlers of the killed worker end") {
            let count = ledger.count
            if count != last {
                last = count
                since = Ledger.monotonicNow
            }
            return Ledger.monotonicNow > since + 1_000_000_000
        }
    }
}
