import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("A worker under limits", .timeLimit(.minutes(5)))
struct WorkerLimitTests {
    /// Enqueues plain jobs of types, in this order.
    private static func enqueue(
        _ jobs: [(type: String, key: String?)],
        to fixture: WorkerFixture,
        partitions: Int = 1
    ) async throws {
        let producer = try Producer(fixture.client)
        let records = jobs.enumerated().map { index, job in
            ProducerRecord(
                topic: fixture.queue.mainTopic,
                partition: Int32(index % partitions),
                key: job.key.map { Bytes($0) },
                value: Bytes("\(index)"),
                headers: [
                    Header("ce_specversion", "1.0"), Header("ce_type", Bytes(job.type)),
                    Header("ce_id", Bytes("\(index)")),
                    Header("ce_source", "test"),
                ]
            )
        }
        for start in stride(from: 0, to: records.count, by: 5000) {
            for result in await producer.send(Array(records[start..<min(start + 5000, records.count)])) {
                _ = try result.get()
            }
        }
        await producer.close()
    }

    private static func worker(
        _ fixture: WorkerFixture,
        _ limits: LimitTable,
        _ configure: (inout WorkerConfiguration) -> Void = { _ in },
        perform: @escaping @Sendable (JobContext) async throws -> Void
    ) throws -> Worker {
        var jobs = JobRegistry()
        for type in ["a", "b"] {
            try jobs.register(type) { (_: Bytes, context) in try await perform(context) }
        }
        var configuration = WorkerConfiguration()
        configuration.commitInterval = .milliseconds(50)
        configuration.revocationLimit = .seconds(2)
        configuration.limits = ["q": limits]
        configure(&configuration)
        return Worker(queues: [fixture.queue], jobs: jobs, configuration: configuration, client: fixture.client)
    }

    @Test("no more of a type run at once than its limit says, through failures and retries, and all are done")
    func concurrency() async throws {
        let fixture = try WorkerFixture()
        try await Self.enqueue((0..<80).map { ($0 % 2 == 0 ? "a" : "b", nil) }, to: fixture)
        let ledger = Ledger()
        let table = try LimitTable([JobLimit(type: "a", concurrency: 2)])
        let worker = try Self.worker(fixture, table, set(\.concurrency, 12)) { context in
            let number = Int(context.id) ?? -1
            try await ledger.run(number, as: context.type) {
                try await Task.sleep(for: .milliseconds(3))
                if number % 5 == 0, context.attempt == 1 { throw JobError.retry(after: .milliseconds(50), "once more") }
            }
        }
        try await running(worker) {
            try await eventually("all have run", within: .seconds(60)) { Set(ledger.ends).count == 80 }
        }
        #expect(ledger.mostBeside("a") <= 2)
        #expect(ledger.mostBeside("b") > 2)
    }

    @Test("jobs that come too late take nothing of the rate from those behind them")
    func expired() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(type: "a", count: 60, headers: [Header("kokanee-expires-at", "1")])
        try await fixture.enqueue([(type: "a", id: "in time")])
        let ran = Mutex<[String]>([])
        let table = try LimitTable([JobLimit(type: "a", rate: Rate(perSecond: 1), burst: 1)])
        let worker = try Self.worker(fixture, table) { context in ran.withLock { $0.append(context.id) } }
        try await running(worker) {
            try await eventually("the one that is in time has run", within: .seconds(30)) {
                ran.withLock { $0 } == ["in time"]
            }
        }
        #expect(worker.statistics.discarded == 60)
    }

    @Test("a tenant's jobs don't run beside more than the limit of its key group")
    func tenants() async throws {
        let fixture = try WorkerFixture()
        try await Self.enqueue((0..<60).map { ("a", "t\($0 % 2):\($0)") }, to: fixture)
        let ledger = Ledger()
        let table = try LimitTable([JobLimit(grouping: .prefix(":"), concurrency: 1)])
        let worker = try Self.worker(fixture, table) { context in
            let number = Int(context.id) ?? -1
            try await ledger.run(number, as: "t\(number % 2)") { try await Task.sleep(for: .milliseconds(2)) }
        }
        try await running(worker) {
            try await eventually("all have run", within: .seconds(60)) { ledger.ends.count == 60 }
        }
        #expect(ledger.mostBesideOfAny == 1)
    }

    @Test("jobs that time out and ignore it give their places back exactly once")
    func stuck() async throws {
        let fixture = try WorkerFixture()
        try await Self.enqueue((0..<6).map { _ in ("a", nil) }, to: fixture)
        let ledger = Ledger()
        let gate = Gate()
        let configure: (inout WorkerConfiguration) -> Void = {
            $0.attemptTimeout = .milliseconds(100)
            $0.cancellationGrace = .milliseconds(100)
            $0.retryPolicy = .ladder(attempts: 1)
            $0.circuit = nil
        }
        let table = try LimitTable([JobLimit(type: "a", concurrency: 1)])
        let worker = try Self.worker(fixture, table, configure) { context in
            let number = Int(context.id) ?? -1
            try await ledger.run(number) { if number < 2 { await gate.passStubbornly() } }
        }
        try await running(worker) {
            try await eventually("the others have run one by one", within: .seconds(60)) {
                Set(ledger.ends).isSuperset(of: 2..<6)
            }
            gate.open()
            try await eventually("the stuck ones end") { ledger.ends.count == 6 }
        }
    }

    @Test("a fast type runs though 20,000 jobs of a paused type stand before it; these run when it is resumed")
    func paused() async throws {
        let fixture = try WorkerFixture(partitions: 4)
        let slow = (0..<20_000).map { _ in (type: "a", key: String?.none) }
        try await Self.enqueue(slow + (0..<40).map { _ in ("b", nil) }, to: fixture, partitions: 4)
        let fast = Mutex(0)
        let late = Mutex(Set<String>())
        var table = LimitTable()
        table.pausedTypes = ["a"]
        let worker = try Self.worker(fixture, table) { context in
            if context.type == "b" { fast.withLock { $0 += 1 } } else { _ = late.withLock { $0.insert(context.id) } }
        }
        try await running(worker) {
            try await eventually("the fast ones have run", within: .seconds(120)) { fast.withLock { $0 } == 40 }
            #expect(late.withLock { $0.isEmpty })
            #expect(worker.statistics.limited > 0)
            worker.setLimits(LimitTable(), queue: 0)
            try await eventually("the others have run", within: .seconds(120)) { late.withLock { $0.count } == 20_000 }
        }
        #expect(worker.statistics.failedAttempts == 0)
        #expect(worker.statistics.dead == 0)
    }

    @Test("limits that are set while a worker runs count at once, for jobs that wait already")
    func change() async throws {
        let fixture = try WorkerFixture()
        try await Self.enqueue((0..<40).map { _ in ("a", nil) }, to: fixture)
        let ledger = Ledger()
        let gate = Gate()
        let worker = try Self.worker(fixture, LimitTable(), set(\.concurrency, 4)) { context in
            try await ledger.run(Int(context.id) ?? -1) { try await gate.pass() }
        }
        try await running(worker) {
            try await eventually("four run") { ledger.starts.count == 4 }
            var table = LimitTable()
            table.pausedTypes = ["a"]
            worker.setLimits(table, queue: 0)
            gate.open()
            try await eventually("these end") { ledger.ends.count == 4 }
            let read = worker.inFlight
            try await eventually("the others are read") { worker.inFlight >= min(read, 36) }
            #expect(ledger.starts.count == 4)
            worker.setLimits(LimitTable(), queue: 0)
            try await eventually("all have run") { ledger.ends.count == 40 }
        }
    }

    @Test("the rate holds over two workers of a queue, while partitions move between them")
    func fleet() async throws {
        let fixture = try WorkerFixture(partitions: 4)
        let jobs = (0..<2000).map { _ in (type: "a", key: String?.none) }
        try await Self.enqueue(jobs, to: fixture, partitions: 4)
        let starts = Mutex<[ContinuousClock.Instant]>([])
        let table = try LimitTable([JobLimit(type: "a", rate: Rate(perSecond: 20), burst: 4)])
        func make() throws -> Worker {
            try Self.worker(fixture, table) { _ in starts.withLock { $0.append(.now) } }
        }
        let first = try make()
        let second = try make()
        try await running(first) {
            try await eventually("the first one works") { starts.withLock { $0.count } >= 10 }
            try await running(second) {
                try await eventually("both work", within: .seconds(60)) {
                    first.statistics.completed > 0 && second.statistics.completed > 15
                }
            }
            let count = starts.withLock { $0.count }
            try await eventually("the first one goes on", within: .seconds(60)) {
                starts.withLock { $0.count } >= count + 10
            }
        }
        let times = starts.withLock { $0.sorted() }.map { ($0 - .now) / .seconds(1) }
        for (index, time) in times.enumerated() {
            for earlier in 0...index {
                // A handler may come to note its start a little late: what counts is that it is never many.
                let allowed = 20 * (time - times[earlier]) + 4 + 2 + 6
                #expect(Double(index - earlier + 1) <= allowed)
            }
        }
    }

    @Test("a worker tells the limits of its code, for as long as it works the queue")
    func reported() async throws {
        let fixture = try WorkerFixture()
        let limit = JobLimit(type: "a", grouping: .key, concurrency: 3)
        let worker = try Self.worker(fixture, try LimitTable([limit])) { _ in }
        let desk = try LimitDesk(fixture.client)
        try await running(worker) {
            try await eventually("it tells them") { try await desk.reported(of: "q").map(\.limits) == [[limit]] }
            #expect(try await desk.reported(of: "other").isEmpty)
        }
        #expect(try await desk.reported(of: "q").isEmpty)
    }

    @Test("a limit for a queue that the worker does not work is refused")
    func unknownQueue() async throws {
        let fixture = try WorkerFixture()
        let limits: (inout WorkerConfiguration) -> Void = { $0.limits["other"] = LimitTable() }
        let worker = try fixture.worker(limits) { _, _ in }
        await #expect(throws: InputError.self) { try await worker.run() }
    }
}
