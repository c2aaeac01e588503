import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("Workers that end, crash and take over")
struct WorkerEndTests {
    @Test("a worker that is stopped lets running jobs finish, starts no others, and commits what is finished")
    func graceful() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(10)
        let ledger = Ledger()
        let gate = Gate()
        let worker = try fixture.worker(set(\.concurrency, 2)) { job, _ in
            try await ledger.run(job) { try await gate.pass() }
        }
        try await running(worker) {
            try await eventually("two run") { ledger.starts.count == 2 }
            worker.stop()
            try await eventually("what had not started is dropped") { worker.inFlight == 2 }
            gate.open()
        }
        #expect(ledger.starts.sorted() == [0, 1] && ledger.ends.sorted() == [0, 1])
        #expect(try await fixture.committed()?.offset == 2)
    }

    @Test("jobs that outlast the shutdown are cancelled, cost no attempt, and run again as they were")
    func limit() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(3, key: { _ in "k" })
        let ledger = Ledger()
        let first = try fixture.worker(set(\.shutdownLimit, .milliseconds(100))) { job, _ in
            try await ledger.run(job) { try await Task.sleep(for: .seconds(600)) }
        }
        try await running(first) {
            try await eventually("the first runs") { ledger.starts == [0] }
        }
        #expect(ledger.starts == [0], "no job of the key overtook the cancelled one")
        #expect(first.statistics.failedAttempts == 0)
        let second = try fixture.worker { job, context in
            #expect(context.attempt == 1)
            try await ledger.run(job) {}
        }
        try await running(second) {
            try await eventually("all run", within: .seconds(30)) { ledger.ends == [0, 1, 2] }
        }
    }

    @Test("a stubborn job that outlasts the shutdown, and its grace, is not taken for a failed attempt")
    func stubborn() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(1)
        let ledger = Ledger()
        let gate = Gate()
        let configure: (inout WorkerConfiguration) -> Void = {
            $0.shutdownLimit = .milliseconds(100)
            $0.cancellationGrace = .milliseconds(100)
        }
        let worker = try fixture.worker(configure) { job, _ in try await ledger.run(job) { await gate.passStubbornly() }
        }
        try await running(worker) {
            try await eventually("it runs") { ledger.starts == [0] }
        }
        gate.open()
        #expect(worker.statistics.failedAttempts == 0 && worker.statistics.stuck == 1)
        #expect(try await fixture.records(of: fixture.queue.retryTopics[0]).isEmpty)
        #expect(try await fixture.committed()?.offset ?? 0 == 0)
    }

    @Test("after a crash only what finished since the last commit runs again, though the head was never finished")
    func crash() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(60)
        let ledger = Ledger()
        let later = Gate()
        let configure: (inout WorkerConfiguration) -> Void = { $0.shutdownLimit = .milliseconds(50) }
        let first = try fixture.worker(configure) { job, _ in
            try await ledger.run(job) {
                if job == 0 { try await Task.sleep(for: .seconds(600)) }
                if job >= 50 { try await later.pass() }
            }
        }
        try await running(first) {
            try await eventually("what is finished behind the head is committed") {
                guard let committed = try await fixture.committed() else { return false }
                return CommitMetadata(text: committed.metadata, above: committed.offset)?.completed.runs == [1..<50]
            }
            // From here on nothing is committed any more, as if the process had died.
            fixture.broker.failNext(.offsetCommit, with: Array(repeating: .unknown, count: 10_000))
            later.open()
            try await eventually("the rest is finished, too") { ledger.ends.count == 59 }
        }
        fixture.broker.stopFailing(.offsetCommit)
        let again = Ledger()
        let second = try fixture.worker { job, _ in try await again.run(job) {} }
        try await running(second) {
            try await eventually("all is committed", within: .seconds(30)) {
                try await fixture.committed()?.offset == 60
            }
        }
        #expect(again.starts.sorted() == [0] + Array(50..<60))
    }

    @Test(
        "through a worker that joins and another that leaves nothing is lost, and no key's jobs overlap or turn round"
    )
    func rebalance() async throws {
        let fixture = try WorkerFixture(partitions: 4)
        try await fixture.enqueue(1200, key: { "k\($0 % 40)" }, partition: { $0 % 4 })
        let ledger = Ledger()
        let perform: @Sendable (Int, JobContext) async throws -> Void = { job, _ in
            try await ledger.run(job, as: "k\(job % 40)") { try await Task.sleep(for: .milliseconds(60)) }
        }
        let configure: (inout WorkerConfiguration) -> Void = { $0.concurrency = 8 }
        let first = try fixture.worker(configure, perform: perform)
        let second = try fixture.worker(configure, perform: perform)
        try await withThrowingTaskGroup { group in
            group.addTask { try await first.run() }
            try await eventually("the first works") { first.statistics.completed > 100 }
            group.addTask { try await second.run() }
            try await eventually("the second works, too", within: .seconds(40)) { second.statistics.completed > 100 }
            first.stop()
            try await eventually("the rest is done", within: .seconds(60)) {
                for partition in Int32(0)..<4 where try await fixture.committed(partition)?.offset != 300 {
                    return false
                }
                return true
            }
            second.stop()
            try await group.waitForAll()
        }
        #expect(Set(ledger.ends) == Set(0..<1200))
        #expect(ledger.mostBesideOfAny == 1)
        for key in 0..<40 {
            // The embedded broker refuses commits while members join, which Kafka does not: what such a one held runs
            // twice, but never before its predecessors have run.
            var seen: Set<Int> = []
            let firstStarts = ledger.starts.filter { $0 % 40 == key && seen.insert($0).inserted }
            #expect(firstStarts == firstStarts.sorted(), "key \(key)")
        }
        #expect(second.statistics.completed > 100 && first.statistics.completed > 100)
    }

    @Test("a rebalance does not wait for a worker that is ending")
    func rebalanceWhileEnding() async throws {
        let fixture = try WorkerFixture(partitions: 2)
        try await fixture.enqueue(20, partition: { $0 % 2 })
        let ledger = Ledger()
        let others = Ledger()
        let gate = Gate()
        let configure: (inout WorkerConfiguration) -> Void = {
            $0.concurrency = 2
            $0.shutdownLimit = .seconds(60)
            $0.revocationLimit = .milliseconds(100)
        }
        let first = try fixture.worker(configure) { job, _ in
            try await ledger.run(job) { await gate.passStubbornly() }
        }
        let second = try fixture.worker { job, _ in try await others.run(job) {} }
        try await withThrowingTaskGroup { group in
            group.addTask { try await first.run() }
            try await eventually("the first works") { ledger.starts.count == 2 }
            first.stop()
            group.addTask { try await second.run() }
            try await eventually("the second works, and the first has not ended", within: .seconds(30)) {
                others.ends.count == 20
            }
            #expect(ledger.ends.isEmpty)
            gate.open()
            second.stop()
            try await group.waitForAll()
        }
    }

    @Test(
        "work of a group that went on without its worker is cancelled, commits nothing, and is done again",
        .timeLimit(.minutes(1))
    )
    func lost() async throws {
        let fixture = try WorkerFixture(ladder: "1s")
        try await fixture.enqueue(4)
        let ledger = Ledger()
        let worker = try fixture.worker(set(\.concurrency, 4)) { job, _ in
            try await ledger.run(job) {
                // The first time each waits to be cancelled.
                if ledger.starts.filter({ $0 == job }).count == 1 { try await Task.sleep(for: .seconds(600)) }
            }
        }
        try await running(worker) {
            try await eventually("all four run") { ledger.starts.count == 4 }
            fixture.broker.failNext(.heartbeat, with: [.unknownMemberID])
            try await eventually("all four run again, and are committed", within: .seconds(40)) {
                let committed = try await fixture.committed()?.offset
                return ledger.ends.count == 4 && committed == 4
            }
        }
        #expect(ledger.starts.count == 8)
        #expect(worker.statistics.completed == 4 && worker.statistics.failedAttempts == 0)
    }

    @Test("without a broker a worker that is stopped ends all the same")
    func withoutBroker() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(5)
        let worker = try fixture.worker { _, _ in }
        let clock = ContinuousClock()
        var stopped = clock.now
        try await running(worker) {
            try await eventually("it works") { worker.statistics.completed == 5 }
            try fixture.broker.setBrokerDown()
            stopped = clock.now
        }
        #expect(clock.now - stopped < .seconds(25))
    }
}
