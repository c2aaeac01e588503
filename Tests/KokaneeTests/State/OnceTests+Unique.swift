import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

// Unique jobs, of which one stands for all others of its key.

extension OnceTests {
    @Test("unique jobs: while one of a key is under way, or waits for its next attempt, others are skipped")
    func unique() async throws {
        let fixture = try WorkerFixture()
        func unique(_ number: Int) -> NewJob { fixture.unique(number, until: .done) }
        let ran = Ledger()
        let worker = try fixture.worker { number, context in
            try await ran.run(number) { if context.attempt == 1, number == 0 { throw JobError.retry("once more") } }
        }
        try await fixture.enqueue([unique(0), unique(1)])
        try await running(worker) {
            try await eventually("the second is skipped") { worker.statistics.skipped == 1 }
            try await fixture.enqueue([unique(2)])
            try await eventually("the third, too") { worker.statistics.skipped == 2 }
            try await eventually("the first is done") { worker.statistics.completed == 1 }
            try await fixture.enqueue([unique(3)])
            try await eventually("what comes after that runs") { worker.statistics.completed == 2 }
        }
        #expect(ran.starts == [0, 0, 3])
    }

    @Test("a unique job whose idempotency key was done while it waited for its next attempt stands for nobody any more")
    func uniqueDoneElsewhere() async throws {
        let fixture = try WorkerFixture()
        func once(_ number: Int, isIdempotent: Bool = false, isUnique: Bool = false) -> NewJob {
            var job = isUnique ? fixture.unique(number, until: .done) : fixture.job(number)
            job.key = "lane"
            if isIdempotent { job.idempotencyKey = "i" }
            return job
        }
        let ran = Ledger()
        let worker = try fixture.worker { number, context in
            try await ran.run(number) { if context.attempt == 1, number == 0 { throw JobError.retry("once more") } }
        }
        try await fixture.enqueue([once(0, isIdempotent: true, isUnique: true), once(1, isIdempotent: true)])
        try await running(worker) {
            try await eventually("the second is done, and the first is skipped for it") {
                worker.statistics.completed == 1 && worker.statistics.skipped == 1
            }
            try await fixture.enqueue([once(2, isUnique: true)])
            try await eventually("the next one of its key runs") { worker.statistics.completed == 2 }
        }
        #expect(ran.starts == [0, 1, 2])
    }

    @Test(
        "a job that is skipped leaves alone what another one of its id has left, also where it is to keep its end",
        arguments: [nil, .seconds(3600)] as [Duration?]
    )
    func skippedTwin(keepResult: Duration?) async throws {
        let fixture = try WorkerFixture()
        var twin = fixture.unique(0, until: .done)
        twin.id = "twin"
        twin.keepResult = keepResult
        let seen = Mutex<[Int?]>([])
        let worker = try fixture.worker { _, context in
            let last = try await context.lastCheckpoint(as: Int.self)
            seen.withLock { $0.append(last) }
            guard context.attempt == 1 else { return }
            try await context.checkpoint(7)
            throw JobError.retry("once more")
        }
        try await fixture.enqueue([twin, twin])
        try await running(worker) {
            try await eventually("one is skipped, and the other done") {
                worker.statistics.skipped == 1 && worker.statistics.completed == 1
            }
        }
        #expect(seen.withLock { $0 } == [nil, 7])
        guard keepResult != nil else { return }
        let client = try JobClient(fixture.client)
        #expect(try await client.state(of: "twin", in: fixture.queue)?.ending == .completed)
        await client.close()
    }

    @Test("unique until start: those that were taken in before the first started are skipped")
    func uniqueUntilStart() async throws {
        let fixture = try WorkerFixture()
        func unique(_ number: Int) -> NewJob { fixture.unique(number, until: .start) }
        let ran = Ledger()
        let gate = Gate()
        let worker = try fixture.worker(set(\.concurrency, 1)) { number, _ in
            try await ran.run(number) { if number >= 100 { try await gate.pass() } }
        }
        try await fixture.enqueue([fixture.job(100), unique(0), unique(1), unique(2)])
        try await running(worker) {
            try await eventually("all four are taken in") { worker.inFlight == 4 }
            gate.open()
            try await eventually("two are skipped") { worker.statistics.skipped == 2 }
            try await fixture.enqueue([unique(3)])
            try await eventually("a later one runs") { ran.ends.contains(3) }
        }
        #expect(ran.ends == [100, 0, 3])
    }

    @Test("unique until start: one that was told to stop goes on, though another has started meanwhile")
    func uniqueUntilStartStopped() async throws {
        let fixture = try WorkerFixture()
        func unique(_ number: Int) -> NewJob { fixture.unique(number, until: .start) }
        let ran = Ledger()
        let gate = Gate()
        let worker = try fixture.worker { number, _ in
            try await ran.run(number) {
                guard number == 0, ran.starts.count == 1 else { return }
                try await gate.pass()
                throw JobStop(wait: .seconds(1))
            }
        }
        try await fixture.enqueue([unique(0)])
        try await running(worker) {
            try await eventually("the first runs") { ran.starts == [0] }
            try await fixture.enqueue([unique(1)])
            try await eventually("the second is taken in") { worker.inFlight == 2 }
            gate.open()
            try await eventually("both are done") { ran.ends.count == 2 && worker.inFlight == 0 }
        }
        #expect(ran.ends == [1, 0] && worker.statistics.skipped == 0)
    }
}
