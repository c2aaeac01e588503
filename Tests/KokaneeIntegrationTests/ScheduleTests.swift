import Foundation
import Kokanee
import TestSupport
import Testing

/// Schedules that workers fire while they die, freeze and come back, as Python's confluent-kafka sees the jobs.
@Suite(.alone)
struct ScheduleTests {
    /// The seconds since the epoch of the ticks that were fired, in their order.
    private static func ticks(_ stand: Stand, _ name: String = "tick") async throws -> [Int] {
        let style = Date.ISO8601FormatStyle()
        return try await stand.oracle.records(of: stand.queue)
            .compactMap { $0.header("ce_id") }
            .filter { $0.hasPrefix("\(name)@") && !$0.hasSuffix("-by-hand") }
            .map { Int(try style.parse(String($0.dropFirst(name.count + 1))).timeIntervalSince1970) }
            .sorted()
    }

    /// Each second from the first to the last, once.
    private static func expectAll(_ ticks: [Int]) {
        guard let first = ticks.first, let last = ticks.last else {
            Issue.record("nothing was fired")
            return
        }
        #expect(ticks == Array(first...last))
    }

    private static func add(_ stand: Stand, _ flags: String..., schedule: String = "* * * * * *") async throws {
        let outcome = try await stand.start(
            ["cron", "add", stand.queue, "tick", "--type", "t", "--schedule", schedule] + flags
        ).outcome()
        guard outcome.code == 0 else { throw StandError("\(outcome)") }
    }

    /// Waits until there are so many ticks later than those that there were.
    private static func waitFor(_ count: Int, on stand: Stand, within limit: Duration = .seconds(60)) async throws {
        let before = try await ticks(stand).count
        try await eventually("\(count) more ticks are fired", within: limit) {
            try await ticks(stand).count >= before + count
        }
    }

    private static func isInCharge(_ worker: KokaneeProcess) -> Bool {
        worker.error.contains("fires the queue's schedules")
    }

    @Test("a worker in charge that is killed is followed by another: every tick is fired once")
    func killed() async throws {
        try await Stand.withGroups(partitions: 2) { stand in
            try await Self.add(stand, "--misfire", "catch-up:1000")
            var workers = try (0..<2).map { _ in try stand.startWorker(concurrency: 1) }
            for _ in 0..<2 {
                try await eventually("one is in charge", within: .seconds(40)) {
                    workers.contains(where: Self.isInCharge)
                }
                try await Self.waitFor(3, on: stand)
                let index = try #require(workers.lastIndex(where: Self.isInCharge))
                workers[index].signal(SIGKILL)
                _ = try await workers[index].outcome()
                workers.remove(at: index)
                workers.append(try stand.startWorker(concurrency: 1))
                try await Self.waitFor(3, on: stand)
            }
            Self.expectAll(try await Self.ticks(stand))
        }
    }

    @Test(
        "two that believe to be in charge, one of whom stands still or dies, fire every tick once",
        .enabled(if: Stand.isolatesTransactions, "the embedded broker shuts nobody out")
    )
    func twoLeaders() async throws {
        try await Stand.with(partitions: 2) { stand in
            try await Self.add(stand, "--misfire", "catch-up:1000")
            // Each is the only one of its group, owns the partition, and takes over from the other again and again. The
            // group is patient: it is the brokers' fencing that is looked at, not the group's.
            func start(_ group: String) throws -> KokaneeProcess {
                let flags = ["--group", "\(stand.queue).\(group)", "-X", "session.timeout.ms=120000"]
                return try stand.startWorker(concurrency: 1, flags[0], flags[1], flags[2], flags[3])
            }
            var workers = try ["a", "b"].map(start)
            try await eventually("both take over", within: .seconds(40)) { workers.allSatisfy(Self.isInCharge) }
            for round in 0..<3 {
                workers[round % 2].signal(SIGSTOP)
                try await Self.waitFor(4, on: stand)
                workers[round % 2].signal(SIGCONT)
                try await Self.waitFor(3, on: stand)
            }
            workers[0].signal(SIGKILL)
            _ = try await workers[0].outcome()
            workers[0] = try start("c")
            try await Self.waitFor(6, on: stand)
            try await eventually("the third takes over", within: .seconds(40)) { Self.isInCharge(workers[0]) }
            try await Self.waitFor(3, on: stand)
            #expect(workers.contains { $0.error.contains("another worker fires") })
            Self.expectAll(try await Self.ticks(stand))
        }
    }

    @Test(
        "after a time without workers, as many ticks are made up for as the policy says",
        arguments: [("once", 1), ("ignore", 0), ("catch-up:3", 3)]
    )
    func misfires(policy: String, count: Int) async throws {
        try await Stand.with(partitions: 1) { stand in
            try await Self.add(stand, "--misfire", policy, "--misfire-threshold", "1s")
            let earlier = try stand.startWorker(concurrency: 1)
            try await Self.waitFor(2, on: stand)
            earlier.signal(SIGTERM)
            #expect(try await earlier.outcome().code == 0)
            let before = try await Self.ticks(stand)
            let last = try #require(before.last)
            try await eventually("time passes") { Int(Date().timeIntervalSince1970) > last + 9 }
            _ = try stand.startWorker(concurrency: 1)
            try await Self.waitFor(count + 4, on: stand)
            let after = Array(try await Self.ticks(stand).dropFirst(before.count))
            #expect(Set(after).count == after.count)
            Self.expectAll(after)
            // All that the second worker fires at once has the time at which it took charge. What was then older than the
            // threshold, which is 2 s at least, was missed.
            let first = try #require(try await stand.oracle.records(of: stand.queue).dropFirst(before.count).first)
            let time = try #require(first.header("ce_time"))
            let date = try Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(time)
            let inCharge = Int((date.timeIntervalSince1970 * 1000).rounded())
            #expect(after.count { $0 * 1000 < inCharge - 2000 } == count, "\(after), in charge at \(time)")
        }
    }

    @Test("with skip, nothing is fired beside a job that has not come to its end, on whichever worker; then it goes on")
    func skip() async throws {
        try await Stand.withGroups(partitions: 2) { stand in
            let release = stand.scratch.file("release")
            try await Self.add(stand, "--overlap", "skip", "--data", #"{"do":"wait","file":"\#(release.path)"}"#)
            let workers = try (0..<2).map { _ in try stand.startWorker(concurrency: 1) }
            try await stand.ledger.waitFor(lines: 1, within: .seconds(60))
            try await eventually("ticks pass", within: .seconds(30)) {
                workers.contains { $0.error.components(separatedBy: "a tick is passed over").count > 4 }
            }
            #expect(try await Self.ticks(stand).count == 1)
            #expect(stand.ledger.count == 1)
            try Data().write(to: release)
            try await Self.waitFor(3, on: stand)
            let runs = try stand.ledger.runs()
            #expect(runs.overlaps { _ in "all" } == [])
            let listed = try #require(try await Self.list(stand).first)
            #expect(listed.skipped >= 3 && listed.fired >= 4)
        }
    }

    @Test("with skip, a job that becomes a dead letter has come to its end, and one that waits on a rung has not")
    func skipDead() async throws {
        try await Stand.with(partitions: 1, ladder: "4s") { stand in
            try await Self.add(stand, "--overlap", "skip", "--data", #"{"do":"fail"}"#)
            let worker = try stand.startWorker(concurrency: 1)
            try await eventually("three have died", within: .seconds(60)) {
                try await stand.oracle.count(of: stand.deadLetterTopic) >= 3
            }
            worker.signal(SIGTERM)
            #expect(try await worker.outcome().code == 0)
            let runs = try stand.ledger.runs()
            // Both attempts of one job, with four seconds between them, and then the next one's.
            for pair in stride(from: 0, to: 6, by: 2) {
                #expect(runs[pair].start.id == runs[pair + 1].start.id)
                #expect(runs[pair].start.attempt == 1 && runs[pair + 1].start.attempt == 2)
            }
        }
    }

    @Test("with queue, the jobs run one after another, though they are fired in time")
    func queue() async throws {
        try await Stand.with(partitions: 2) { stand in
            try await Self.add(stand, "--overlap", "queue", "--data", #"{"do":"sleep","seconds":1.5}"#)
            _ = try stand.startWorker(concurrency: 4)
            try await stand.ledger.waitFor(lines: 8, within: .seconds(60))
            let runs = try stand.ledger.runs()
            #expect(runs.overlaps { _ in "all" } == [])
            let ticks = try await Self.ticks(stand)
            Self.expectAll(ticks)
            #expect(ticks.count > runs.count)
        }
    }

    private struct Listed: Decodable {
        let name: String
        let type: String
        let schedule: String
        let timezone: String
        let paused: Bool
        let next: [String]
        let lastJob: String?
        let fired: Int
        let skipped: Int
        let source: String
    }

    private static func list(_ stand: Stand) async throws -> [Listed] {
        let outcome = try await stand.kokanee("cron", "list", stand.queue, "--json")
        guard outcome.code == 0 else { throw StandError("\(outcome)") }
        return try outcome.objects(Listed.self)
    }

    @Test("what the commands say is so: add, replace, list, pause, resume, run, remove")
    func commands() async throws {
        try await Stand.with(partitions: 2) { stand in
            let queue = stand.queue
            let nothing = try await stand.kokanee("cron", "list", queue)
            #expect(nothing.code == 0 && nothing.error.contains("has no schedules"))
            let bad = try await stand.kokanee("cron", "add", queue, "x", "--type", "t", "--schedule", "0 25 * * *")
            #expect(bad.code == 64, "\(bad)")
            #expect(bad.error.contains("0 25 * * *\n  ^\n25 does not fit in the hours"), "\(bad)")
            let add = ["cron", "add", queue, "nightly", "--type", "t", "--timezone", "Europe/Oslo", "--schedule"]
            let added = try await stand.start(add + ["0 2 * * *"]).outcome()
            #expect(added.code == 0 && added.lines.count == 5, "\(added)")
            #expect(try await stand.start(add + ["0 2 * * *"]).outcome().error.contains("nothing to do"))
            let replaced = try await stand.start(add + ["0 3 * * *", "--data", #"{"a":1}"#]).outcome()
            #expect(replaced.error.contains("schedule 0 2 * * * → 0 3 * * *"), "\(replaced)")
            #expect(replaced.error.contains(#"data none → {"a":1}"#), "\(replaced)")
            try await Self.add(stand)

            let worker = try stand.startWorker(concurrency: 1)
            try await Self.waitFor(2, on: stand)
            var listed = try await Self.list(stand)
            #expect(listed.map(\.name) == ["nightly", "tick"])
            #expect(listed.allSatisfy { $0.next.count == 5 && !$0.paused && $0.source == "hand" })
            #expect(listed[0].next.allSatisfy { $0.contains("T03:00:00+0") })
            #expect(listed[0].lastJob == nil && listed[0].fired == 0)
            #expect(listed[1].lastJob?.hasPrefix("tick@") == true && listed[1].fired >= 2)

            let paused = try await stand.kokanee("cron", "pause", queue, "tick")
            #expect(paused.code == 0, "\(paused)")
            #expect(try await stand.kokanee("cron", "pause", queue, "tick").error.contains("nothing to do"))
            try await eventually("it rests") {
                let fired = try await Self.ticks(stand).last ?? 0
                return Int(Date().timeIntervalSince1970) > fired + 3
            }
            let before = try await Self.ticks(stand)
            listed = try await Self.list(stand)
            #expect(listed.map(\.paused) == [false, true])
            let run = try await stand.kokanee("cron", "run", queue, "nightly")
            #expect(run.code == 0, "\(run)")
            let id = run.lines.first ?? ""
            try await eventually("the job by hand has run") { try stand.ledger.runs().ids.contains(id) }
            #expect(try await Self.ticks(stand) == before)
            #expect(try await stand.kokanee("cron", "resume", queue, "tick").code == 0)
            try await Self.waitFor(3, on: stand)
            let after = Array(try await Self.ticks(stand).dropFirst(before.count))
            #expect(after[0] > (before.last ?? 0) + 2, "what came while it was paused was made up for")
            Self.expectAll(after)

            #expect(try await stand.kokanee("cron", "remove", queue, "tick").code == 0)
            #expect(try await stand.kokanee("cron", "remove", queue, "tick").error.contains("nothing to do"))
            #expect(try await stand.kokanee("cron", "run", queue, "tick").code == 65)
            #expect(try await Self.list(stand).map(\.name) == ["nightly"])
            try await eventually("what it has left is taken away") {
                try await stand.oracle.records(of: "\(queue).state").contains {
                    $0.key == Data("schedule/tick".utf8) && $0.value == nil
                }
            }
            worker.signal(SIGTERM)
            #expect(try await worker.outcome().code == 0)
        }
    }
}
