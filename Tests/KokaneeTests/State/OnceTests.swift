import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("Jobs that are done once")
struct OnceTests {
    @Test("of the jobs of a key one is done, the others are skipped and counted, and jobs without a key all run")
    func duplicates() async throws {
        let fixture = try WorkerFixture(partitions: 2)
        try await fixture.enqueue((0..<6).map { fixture.job($0, once: "a") } + [fixture.job(6), fixture.job(7)])
        let ran = Ledger()
        let worker = try fixture.worker(set(\.stopsWhenIdle, true)) { number, _ in try await ran.run(number) {} }
        try await worker.run()
        #expect(ran.ends.sorted() == [0, 6, 7])
        #expect(worker.statistics.completed == 3 && worker.statistics.skipped == 5)
        #expect(try await fixture.marks().map(\.key) == ["mark/a"])
    }

    @Test("in unordered work, too, those of a key meet in one lane, and the second sees what became of the first")
    func unordered() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue((0..<4).map { fixture.job($0, once: "a") })
        let ran = Ledger()
        let worker = try fixture.worker { configuration in
            configuration.order = .unordered
            configuration.stopsWhenIdle = true
        } perform: { number, _ in
            try await ran.run(number) { try await Task.sleep(for: .milliseconds(50)) }
        }
        try await worker.run()
        #expect(ran.ends == [0] && worker.statistics.skipped == 3)
    }

    @Test("a key in hand under another ordering key is waited for")
    func otherOrderingKey() async throws {
        let fixture = try WorkerFixture()
        var jobs = [fixture.job(0, once: "a"), fixture.job(1, once: "a")]
        jobs[0].key = "x"
        jobs[1].key = "y"
        try await fixture.enqueue(jobs)
        let ran = Ledger()
        let gate = Gate()
        let worker = try fixture.worker(set(\.stopsWhenIdle, true)) { number, _ in
            try await ran.run(number) { try await gate.pass() }
        }
        try await running(worker) {
            try await eventually("one has begun") { ran.starts.count == 1 }
            gate.open()
            try await eventually("the other is skipped") { worker.statistics.skipped == 1 }
        }
        #expect(ran.starts.count == 1 && worker.statistics.completed == 1)
    }

    @Test("a job whose time is over when it has waited for its key's other one does not run")
    func expiredWhileWaiting() async throws {
        let fixture = try WorkerFixture()
        var first = fixture.job(0, once: "a")
        first.key = "x"
        try await fixture.enqueue([first])
        let ran = Ledger()
        let gate = Gate()
        let worker = try fixture.worker { number, _ in
            try await ran.run(number) {
                try await gate.pass()
                throw JobError.discard("not needed")
            }
        }
        try await running(worker) {
            try await eventually("the first one has begun") { ran.starts == [0] }
            var second = fixture.job(1, once: "a")
            second.key = "y"
            second.expiresAfter = .seconds(2)
            try await fixture.enqueue([second])
            let end = Timestamp.now + 2000
            try await eventually("the second has been taken, and its time is over") {
                worker.inFlight == 2 && Timestamp.now > end
            }
            gate.open()
            try await eventually("both have ended") { worker.statistics.discarded == 2 }
        }
        #expect(ran.starts == [0])
    }

    @Test("a job that fails is never skipped because of itself, and the key is free for others until one is done")
    func retries() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue([fixture.job(0, once: "a")])
        let ran = Ledger()
        let worker = try fixture.worker(set(\.stopsWhenIdle, true)) { number, context in
            try await ran.run(number) {
                if context.attempt < 2 { throw JobError.retry(after: .milliseconds(1), "not yet") }
            }
        }
        try await worker.run()
        #expect(ran.starts == [0, 0] && worker.statistics.completed == 1 && worker.statistics.skipped == 0)
    }

    @Test("what is discarded or dies leaves no mark, and the next of its key runs")
    func noMark() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue((0..<4).map { fixture.job($0, once: "a") })
        let ran = Ledger()
        let worker = try fixture.worker(set(\.stopsWhenIdle, true)) { number, _ in
            try await ran.run(number) {
                if number == 0 { throw JobError.deadLetter("never") }
                if number == 1 { throw JobError.discard("not needed") }
            }
        }
        try await worker.run()
        #expect(ran.starts == [0, 1, 2] && worker.statistics.skipped == 1)
        #expect(worker.statistics.dead == 1 && worker.statistics.discarded == 1)
    }

    @Test("marks are restored by the next worker, whatever else stands in the topic")
    func restored() async throws {
        let fixture = try WorkerFixture(partitions: 2)
        try await fixture.fillStateWithGarbage()
        try await fixture.enqueue((0..<20).map { fixture.job($0, once: "key \($0)") })
        let ran = Ledger()
        for _ in 0..<2 {
            let worker = try fixture.worker(set(\.stopsWhenIdle, true)) { number, _ in try await ran.run(number) {} }
            try await worker.run()
            try await fixture.fillStateWithGarbage()
            try await fixture.enqueue((0..<20).map { fixture.job($0, once: "key \($0)") })
        }
        #expect(ran.ends.sorted() == Array(0..<20))
    }

    @Test("a mark stands in the topic before its job's offset is committed")
    func markBeforeCommit() async throws {
        let fixture = try WorkerFixture.withStateElsewhere()
        try await fixture.enqueue([fixture.job(0, once: "a")])
        let ran = Ledger()
        let worker = try fixture.worker { number, _ in
            try await ran.run(number) { try fixture.broker.setBrokerDown(2) }
        }
        try await running(worker) {
            try await eventually("the job is done") { ran.ends == [0] }
            // Commits go on without marks of what became of jobs; this one is another matter.
            try await eventually("a commit was made, or would have been") { worker.statistics.completed == 1 }
            #expect(try await fixture.committed()?.offset ?? 0 == 0)
            #expect(worker.inFlight == 1)
            try fixture.broker.setBrokerUp(2)
            try await eventually("it is committed") { try await fixture.committed()?.offset == 1 }
            #expect(try await fixture.marks().count == 1)
        }
    }

    @Test("a key counts as done for its window, and no longer")
    func window() async throws {
        let fixture = try WorkerFixture()
        let ran = Ledger()
        var job = fixture.job(0, once: "a")
        job.idempotencyWindow = .milliseconds(1)
        try await fixture.enqueue([job])
        let worker = try fixture.worker { number, _ in try await ran.run(number) {} }
        try await running(worker) {
            try await eventually("it is done") { worker.statistics.completed == 1 }
            try await Task.sleep(for: .milliseconds(5))
            try await fixture.enqueue([fixture.job(1, once: "a")])
            try await eventually("the second is done") { worker.statistics.completed == 2 }
            try await fixture.enqueue([fixture.job(2, once: "a")])
            try await eventually("the third is skipped") { worker.statistics.skipped == 1 }
        }
        #expect(ran.ends == [0, 1])
    }

    @Test("plain jobs run while the state can't be read, and jobs that need it wait for it")
    func brokerAway() async throws {
        let fixture = try WorkerFixture.withStateElsewhere()
        try await fixture.enqueue([fixture.job(0, once: "a"), fixture.job(1)])
        try fixture.broker.setBrokerDown(2)
        let ran = Ledger()
        let worker = try fixture.worker { number, _ in try await ran.run(number) {} }
        try await running(worker) {
            try await eventually("the plain one has run") { ran.ends == [1] }
            try fixture.broker.setBrokerUp(2)
            try await eventually("the other has run") { ran.ends == [1, 0] }
        }
    }

    @Test("in a side replay a key that was done live is done again, and once")
    func sideReplay() async throws {
        let stage = try await ReplayStage(partitions: 1, jobs: 0)
        try await stage.fixture.enqueue((0..<4).map { stage.fixture.job($0, once: "key \($0 / 2)") })
        let ran = Ledger()
        let live = try stage.fixture.worker(set(\.stopsWhenIdle, true)) { number, _ in try await ran.run(number) {} }
        try await live.run()
        #expect(ran.ends.sorted() == [0, 2])
        let replay = try await stage.begin([(0, 0..<4)])
        let worker = try stage.worker(replay) { number, _ in try await ran.run(number) {} }
        try await worker.run()
        #expect(ran.ends.sorted() == [0, 0, 2, 2])
        #expect(worker.statistics.skipped == 2)
        // Live marks are as they were.
        #expect(try await stage.fixture.marks().count == 2)
    }

    @Test("a replay's dead letter that is sent back runs, though the job was done live before the replay, and once")
    func sentBackByReplay() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue([fixture.job(0, once: "a")])
        let ran = Ledger()
        func work() async throws -> Int {
            let worker = try fixture.worker(set(\.stopsWhenIdle, true)) { number, _ in try await ran.run(number) {} }
            try await worker.run()
            return worker.statistics.skipped
        }
        #expect(try await work() == 0)
        let job = try #require(try await fixture.records(of: "q").first)
        // It began later than the job was done, and by a clock that is fast.
        let replay = ReplayID.make(at: Timestamp.now + 60_000)
        let record = ProducerRecord(
            topic: "q",
            partition: 0,
            key: job.key,
            value: job.value,
            headers: Envelope.retryHeaders(
                copying: job.headers + [Header("kokanee-origin", "q/0/0")],
                from: Envelope.Origin(topic: "q.replay.\(replay).dlq", partition: 0, offset: 0),
                replay: replay
            )
        )
        let producer = try Producer(fixture.client)
        _ = try await producer.send(record)
        #expect(try await work() == 0)
        #expect(ran.ends == [0, 0])
        // As it is read again after a crash between its mark and its commit.
        _ = try await producer.send(record)
        await producer.close()
        #expect(try await work() == 1)
        #expect(ran.ends == [0, 0])
    }

    @Test("marks that have expired are taken out by their owner, in as many passes as it takes, and others stay")
    func sweep() async throws {
        let fixture = try WorkerFixture()
        let now = Timestamp.now
        let producer = try Producer(fixture.client)
        // More than two passes find.
        let expired = 2 * SweepBook.batch + 10
        let records = (0..<expired + 10).map { number in
            let isExpired = number < expired
            let mark = MarkBook.Mark(kind: .done, until: isExpired ? now - 1 : now + 600_000, of: 1)
            let value = MarkRecord(mark: mark, of: "q/0/0", at: now, job: "j").value
            return StateRecord(key: MarkRecord.key(.idempotency, "\(number)"), value: value)
                .record(topic: fixture.queue.stateTopic, partition: 0)
        }
        for result in await producer.send(records) { _ = try result.get() }
        let engine = Engine(configuration: WorkerConfiguration(), producer: producer, logger: .disabled)
        let runtime = try fixture.runtime()
        engine.add(runtime, partitions: 1, leaseLength: .seconds(600))
        let state = runtime.state
        state.shared.withLock { $0.sweeps = SweepBook(most: 0) }
        state.attach(StateLink(engine: engine, client: fixture.client, queue: 0))
        state.begin([0], now: now)
        state.want()
        try await eventually("it is restored") { state.shared.withLock { $0.table.unrestored.isEmpty } }
        #expect(state.shared.withLock { $0.table.partitions[0]?.books.marks.count } == 10)
        state.sweep()
        try await eventually("they are taken away") { try await fixture.marks().count == 10 }
        #expect(try await fixture.marks().map(\.key).contains("mark/\(expired + 9)"))
        state.detach()
        await producer.close()
    }

    @Test("the client makes the key the record's where there is no other, and says what it wants in headers")
    func records() throws {
        let queue = try Queue("q")
        var generator = SystemRandomNumberGenerator()
        var job = NewJob(type: "t", payload: "{}")
        job.idempotencyKey = "a"
        job.idempotencyWindow = .seconds(60)
        var record = try job.record(for: queue, source: "s", at: 0, using: &generator).record
        #expect(record.key == "a")
        job.unique = .unique(until: .start, for: .seconds(5), key: "a")
        record = try job.record(for: queue, source: "s", at: 0, using: &generator).record
        #expect(record.key == "a")
        // One without an ordering key has another partition by either key.
        job.unique = .unique(until: .start, for: .seconds(5))
        #expect(throws: InputError.self) { try job.record(for: queue, source: "s", at: 0, using: &generator) }
        job.key = "order"
        record = try job.record(for: queue, source: "s", at: 0, using: &generator).record
        let scan = HeaderScan(record.headers)
        #expect(scan.idempotencyKey == .text("a") && scan.idempotencyWindow == 60_000)
        // printf '{}' | sha256sum
        let digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        #expect(scan.unique == UniqueWish(until: .start, limit: 5000, key: "t:\(digest)"))
        #expect(record.key == "order")
        job.idempotencyKey = nil
        #expect(throws: InputError.self) { try job.record(for: queue, source: "s", at: 0, using: &generator) }
        job.idempotencyWindow = nil
        job.priority = .high
        #expect(throws: InputError.self) { try job.record(for: queue, source: "s", at: 0, using: &generator) }
        job.priority = .normal
        _ = try job.record(for: queue, source: "s", at: 0, using: &generator)
        job.unique?.limit = .zero
        #expect(throws: InputError.self) { try job.record(for: queue, source: "s", at: 0, using: &generator) }
    }
}
