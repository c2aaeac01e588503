import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("Jobs that are handed over together")
struct BatchTests {
    private typealias Ticket = Scheduler<Int>.Ticket

    @Test(
        "jobs of one key begin one at a time and in order, however they are taken and given back",
        arguments: 0..<200 as Range<UInt64>
    )
    func lanes(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var scheduler = Scheduler<Int>(limits: .init(jobs: 1000, bytes: 1 << 20, gap: 1000))
        scheduler.assign(0, queue: 0, number: 0, committed: 0, restored: CompletionMap(), movedAt: 0)
        var offset = 0
        var keys: [Int: UInt64] = [:]
        /// What runners hold: the first of each is the one that may begin, or has.
        var batches: [[Ticket]] = []
        var begun: [UInt64: [Int]] = [:]
        /// Have failed, and are decided about later than those behind them in their batch, which may have completed.
        var undecided: [Ticket] = []
        var finished = 0
        var steps = 0
        while finished < 60 {
            steps += 1
            try #require(steps < 10_000, "nothing can be taken any more")
            switch Int.random(in: 0..<5, using: &random) {
            case 0 where offset < 60:
                let key = UInt64.random(in: 0..<3, using: &random)
                keys[offset] = key
                _ = scheduler.admit(0, offset: Int64(offset), .init(bytes: 1, key: key, start: .now), offset)
                offset += 1
            case 1:
                guard let first = scheduler.take() else { continue }
                var batch = [first.ticket]
                while Bool.random(using: &random), let next = scheduler.takeFollower(of: batch[batch.count - 1]) {
                    batch.append(next.ticket)
                }
                batches.append(batch)
            case 2:
                // A runner ends its job in hand.
                guard let index = batches.indices.randomElement(using: &random) else { continue }
                let ticket = batches[index].removeFirst()
                let job = try #require(scheduler.content(of: ticket))
                let key = try #require(keys[job])
                begun[key, default: []].append(job)
                if Int.random(in: 0..<4, using: &random) == 0 {
                    undecided.append(ticket)
                } else {
                    #expect(scheduler.conclude(ticket, hops: false, now: 0) == .accepted)
                    finished += 1
                }
                if batches[index].isEmpty { batches.remove(at: index) }
            case 3:
                guard let index = undecided.indices.randomElement(using: &random) else { continue }
                let ticket = undecided.remove(at: index)
                #expect(scheduler.conclude(ticket, hops: true, now: 0) == .accepted)
                #expect(scheduler.hopped(ticket, now: 0) == true)
                finished += 1
            default:
                // What has not begun goes back, the last one first.
                guard let index = batches.indices.randomElement(using: &random) else { continue }
                for ticket in batches[index].reversed() { scheduler.giveBack(ticket) }
                batches.remove(at: index)
            }
            let holders = batches.map { batch in scheduler.content(of: batch[0]).flatMap { keys[$0] } }
            #expect(Set(holders).count == holders.count, "two runners may run jobs of one key")
        }
        for jobs in begun.values { #expect(jobs == jobs.sorted()) }
        #expect(scheduler.inFlight == 0 && scheduler.lanes.count == 0)
        #expect(scheduler.partitions[0]?.tracker.watermark == 60 && scheduler.isDrained([0]))
    }

    @Test("of a batch that is closed, whenever that is, every job has either begun or is left, and none is both")
    func closing() async throws {
        let items = try await items(64)
        for round in 0..<200 {
            let batch = Batch(items[0], items.dropFirst().map { .init($0) })
            let count = Atomic(0)
            let runner = Task.detached {
                while batch.begin(at: 1) != nil {
                    count.add(1, ordering: .relaxed)
                    batch.end()
                }
            }
            if round % 2 == 0 { while count.load(ordering: .relaxed) < round % 64 { await Task.yield() } }
            let begun = batch.close()
            await runner.value
            #expect(count.load(ordering: .relaxed) == begun && batch.ended == begun && batch.close() == begun)
            #expect(batch.inHand == nil && batch.begin(at: 2) == nil)
        }
    }

    /// Jobs of which nothing is looked at.
    private func items(_ count: Int) async throws -> [Batch.Item] {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(1)
        let runtime = try fixture.runtime()
        let record = try #require(try await fixture.records(of: "q").first)
        let content = JobContent(record, runtime: runtime)
        return (0..<count).map { .init(ticket: .init(place: $0, stamp: 1), content: content) }
    }

    @Test("a slow job does not hold up those that were handed over behind it")
    func slow() async throws {
        let fixture = try WorkerFixture()
        // So many fast ones that the worker hands them over many at a time by then.
        try await fixture.enqueue(3000)
        let gate = Gate()
        let worker = try fixture.worker(set(\.concurrency, 2)) { number, _ in
            if number == 2000 { try await gate.pass() }
        }
        try await running(worker) {
            try await eventually("all but the slow one are done") { worker.statistics.completed == 2999 }
            gate.open()
            try await eventually("so is the slow one") { worker.statistics.completed == 3000 }
        }
        #expect(worker.statistics.fenced == 0 && worker.statistics.failedAttempts == 0)
    }

    @Test("one that fails in the middle of its key's jobs holds up none of those behind it", .timeLimit(.minutes(1)))
    func failing() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(5000) { "\($0 / 50 % 3)" }
        let orders = Mutex<[[UInt8]: [Int]]>([:])
        let worker = try fixture.worker(set(\.circuit, nil)) { number, context in
            if let key = context.key { orders.withLock { $0[key.array, default: []].append(number) } }
            if number % 7 == 0 { throw JobError.discard("it is of no use") }
        }
        try await running(worker) {
            try await eventually("each has come to its end") {
                worker.statistics.completed + worker.statistics.discarded == 5000
            }
        }
        for numbers in orders.withLock({ $0 }).values { #expect(numbers == numbers.sorted()) }
    }

    @Test("an attempt's cost rises at once, and falls slowly")
    func cost() {
        let cost = AttemptCost()
        for _ in 0..<100 { cost.note(total: 1000, count: 10, longest: 100) }
        #expect(cost.value == 100)
        cost.note(total: 5_000_000, count: 100, longest: 4_900_000)
        #expect(cost.value == 4_900_000)
        cost.note(total: 100, count: 1, longest: 100)
        #expect(cost.value > 3_000_000)
    }

    /// Of 16 runners and a circuit that may open once 20 jobs have ended, with the jobs admitted.
    private func state(of contents: [JobContent], now: ContinuousClock.Instant) -> EngineState {
        let runtime = contents[0].runtime
        var configuration = WorkerConfiguration()
        configuration.concurrency = 16
        var policy = CircuitPolicy()
        policy.minimumJobs = 20
        var state = EngineState(configuration, startLimit: runtime.startLimit, hooks: nil)
        state.add(runtime, policy: policy, leaseLength: .seconds(60), now: now)
        state.scheduler.assign(0, queue: 0, number: 0, committed: 0, restored: CompletionMap(), movedAt: 0)
        for (offset, content) in contents.enumerated() {
            _ = state.scheduler.admit(0, offset: Int64(offset), .init(bytes: 1, key: nil, start: .now), content)
        }
        return state
    }

    @Test("however many runners take jobs before the first has ended, few more may die than open the circuit")
    func deaths() async throws {
        let contents = try await items(1000).map(\.content)
        let now = ContinuousClock.now
        var state = state(of: contents, now: now)
        var sizes: [Int] = []
        var deaths = 0
        for index in state.runners.indices {
            let generation = state.runners[index].begin()
            guard case .run(let batch) = state.nextStep(of: index, generation, now: now) else { continue }
            sizes.append(batch.count)
            deaths += min(batch.mostDeaths, batch.count)
        }
        #expect(sizes[0] > 20 && Set(sizes).count == 1, "jobs that may go on the ladder: \(sizes)")
        // Ten that die, and ten that don't, may open it.
        #expect(deaths >= 10 && deaths < 10 + 16)
    }

    @Test("deaths of which the circuit has not heard yet count against what others are given")
    func undecided() async throws {
        let contents = try await items(1000).map(\.content)
        let content = try #require(contents.first)
        let now = ContinuousClock.now
        var state = state(of: contents, now: now)
        func batch(of index: Int) -> Batch? {
            let generation = state.runners[index].begin()
            guard case .run(let batch) = state.nextStep(of: index, generation, now: now) else { return nil }
            return batch
        }
        let first = try #require(batch(of: 0))
        #expect(first.mostDeaths == 5)
        content.end = JobContent.End(.failed(JobError.deadLetter("bad")))
        for _ in 0..<5 {
            #expect(first.begin(at: 1) != nil)
            first.end()
        }
        var turn = EngineState.Turn()
        state.takeBack(0)
        state.settle(0, now: now, wall: 0, &turn)
        #expect(turn.ended.count == 5)
        #expect(try #require(batch(of: 1)).mostDeaths == 3, "half of the five that are left")
    }

    @Test("a policy that ends earlier than its maximum is not believed")
    func earlyPolicy() async throws {
        struct Early: RetryPolicy {
            func delay(afterAttempt attempt: Int, ladder: Ladder, randomness: UInt64) -> Duration? {
                attempt < 3 ? .seconds(60) : nil
            }
            func maximumAttempts(ladder: Ladder) -> Int { 10 }
        }
        let fixture = try WorkerFixture()
        var configuration = WorkerConfiguration()
        for (policy, retried) in [(Early(), 2), (.ladder(attempts: 4), 3), (.never, 0)] as [(any RetryPolicy, Int)] {
            configuration.retryPolicy = policy
            #expect(try fixture.runtime(JobRegistry(), configuration).retriedAttempts == retried)
        }
    }

    @Test("before a stuck attempt is given up, those that ended before it in its batch are accounted for")
    func stuck() async throws {
        let contents = try await items(2).map(\.content)
        let runtime = try #require(contents.first).runtime
        var state = EngineState(WorkerConfiguration(), startLimit: runtime.startLimit, hooks: nil)
        let now = ContinuousClock.now
        state.add(runtime, policy: nil, leaseLength: .seconds(600), now: now)
        state.scheduler.assign(0, queue: 0, number: 0, committed: 0, restored: CompletionMap(), movedAt: 0)
        for (offset, content) in contents.enumerated() {
            _ = state.scheduler.admit(0, offset: Int64(offset), .init(bytes: 1, key: 1, start: .now), content)
        }
        let generation = state.runners[0].begin()
        guard case .run(let batch) = state.nextStep(of: 0, generation, now: now), batch.count == 2 else {
            Issue.record("the two are not handed over together")
            return
        }
        #expect(batch.begin(at: 1) != nil)
        batch.end()
        #expect(batch.begin(at: 1) != nil)
        _ = state.cancel([batch[1].ticket], now: now)
        let due = state.tick(now: now + .seconds(300), wall: 0)
        #expect(due.stuck.map(\.attempt.item.ticket) == [batch[1].ticket])
        #expect(state.scheduler.partitions[0]?.tracker.watermark == 1, "the first has completed")
    }

    @Test("behind a job with an idempotency key, or a unique one, none of its lane is handed over before it has ended")
    func once() async throws {
        let fixture = try WorkerFixture()
        var jobs = [fixture.job(0), fixture.job(1, once: "a"), fixture.job(2)]
        jobs[0].unique = .unique(until: .done, key: "k")
        // No plain one either.
        jobs[2].expiresAfter = .seconds(3600)
        try await fixture.enqueue(jobs)
        let runtime = try fixture.runtime()
        let now = ContinuousClock.now
        for record in try await fixture.records(of: "q") {
            let content = JobContent(record, runtime: runtime)
            let scan = HeaderScan(record)
            let job = try Envelope.decode(record, scan, defaultType: "default").get()
            content.read(as: .whole(JobContent.WholeReading(job, scan)), for: nil)
            var state = EngineState(WorkerConfiguration(), startLimit: runtime.startLimit, hooks: nil)
            state.add(runtime, policy: nil, leaseLength: .seconds(600), now: now)
            state.scheduler.assign(0, queue: 0, number: 0, committed: 0, restored: CompletionMap(), movedAt: 0)
            for (offset, key) in ([1, 1, 2] as [UInt64]).enumerated() {
                _ = state.scheduler.admit(0, offset: Int64(offset), .init(bytes: 1, key: key, start: .now), content)
            }
            let generation = state.runners[0].begin()
            guard case .run(let batch) = state.nextStep(of: 0, generation, now: now) else {
                Issue.record("nothing is handed over")
                continue
            }
            let offsets = (0..<batch.count).map { state.scheduler.place(of: batch[$0].ticket).offset }
            #expect(offsets == (content.isOnce ? [0, 2] : [0, 1, 2]))
        }
    }

    @Test("a circuit tells how many deaths it takes to open it")
    func headroom() {
        let now = ContinuousClock.now
        var circuit = Circuit(CircuitPolicy(), now: now)
        _ = circuit.noteSuccesses(150, now: now)
        for left in stride(from: 150, through: 1, by: -1) {
            #expect(circuit.headroom == left)
            let transition = circuit.note(.died, now: now)
            #expect((transition != nil) == (left == 1))
        }
    }
}
