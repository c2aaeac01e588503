import TestSupport
import Testing

@testable import Kokanee

@Suite("What a worker reads next")
struct ReadingTests {
    private static func scheduler(bytes: Int = 1000) -> Scheduler<String> {
        var scheduler = Scheduler<String>(limits: .init(jobs: 100, bytes: bytes, gap: 1000, ready: 40))
        for id in 0..<2 {
            scheduler.assign(id, queue: 0, number: 0, committed: 0, restored: CompletionMap(), movedAt: 0)
        }
        return scheduler
    }

    private static func admit(_ count: Int, to id: Int, bytes: Int = 1, _ scheduler: inout Scheduler<String>) {
        for _ in 0..<count {
            let offset = scheduler.partitions[id]?.tracker.position ?? 0
            _ = scheduler.admit(id, offset: offset, .init(bytes: bytes, key: nil, start: .now), "x")
        }
    }

    @Test("a backlog leaves room for the rungs' jobs that are due: a quarter of what may begin soon, for all together")
    func due() {
        var scheduler = Self.scheduler(bytes: 1 << 30)
        Self.admit(scheduler.room(in: 0), to: 0, &scheduler)
        #expect(scheduler.room(in: 0) == 0 && scheduler.room(in: 1) == 0)
        #expect(scheduler.roomForDue(in: 1, ofRungs: 1) == 10)
        #expect(scheduler.roomForDue(in: 1, ofRungs: 3) == 3)
        Self.admit(10, to: 1, &scheduler)
        #expect(scheduler.roomForDue(in: 1, ofRungs: 1) == 0)
        scheduler.stopIntake([1])
        #expect(scheduler.roomForDue(in: 1, ofRungs: 1) == 0)
    }

    @Test("so does one of few large jobs, of its bytes")
    func dueBytes() {
        var scheduler = Self.scheduler()
        while scheduler.room(in: 0) > 0 { Self.admit(1, to: 0, bytes: 100, &scheduler) }
        #expect(scheduler.inFlightBytes == 1000)
        while scheduler.roomForDue(in: 1, ofRungs: 1) > 0 { Self.admit(1, to: 1, bytes: 100, &scheduler) }
        #expect((1100...1300).contains(scheduler.inFlightBytes), "\(scheduler.inFlightBytes)")
    }

    @Test("where there is room for few, all partitions have their turns, however many rungs there are")
    func turns() async throws {
        let fixture = try WorkerFixture(partitions: 4, ladder: "1m,2m,3m,4m,5m")
        try await fixture.enqueue(200, partition: { $0 % 4 })
        let ledger = Ledger()
        let worker = try fixture.worker {
            $0.concurrency = 1
            $0.maximumInFlight = 8
        } perform: { job, _ in
            try await ledger.run(job) { try await Task.sleep(for: .milliseconds(2)) }
        }
        try await running(worker) {
            try await eventually("some have run", within: .seconds(60)) { ledger.ends.count >= 80 }
        }
        var counts = [0, 0, 0, 0]
        for job in ledger.starts.prefix(80) { counts[job % 4] += 1 }
        #expect(counts.allSatisfy { $0 >= 10 }, "\(counts)")
    }

    @Test("a retried job that is due starts amid a backlog of slow ones")
    func retried() async throws {
        let fixture = try WorkerFixture(ladder: "1s")
        try await fixture.enqueue(500)
        let ledger = Ledger()
        let worker = try fixture.worker {
            $0.concurrency = 2
            $0.maximumInFlight = 50
        } perform: { job, context in
            if job == 0, context.attempt == 1 { throw JobError.retry("once") }
            try await ledger.run(job) { try await Task.sleep(for: .milliseconds(20)) }
        }
        try await running(worker) {
            try await eventually("all have run", within: .seconds(120)) { ledger.ends.count == 500 }
        }
        let place = try #require(ledger.starts.firstIndex(of: 0))
        #expect(place < 400, "started as number \(place)")
    }
}
