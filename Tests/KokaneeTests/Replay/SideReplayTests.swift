import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("A side replay")
struct SideReplayTests {
    @Test("runs exactly the plan's records again, and leaves the live group, ladder and dead letters as they are")
    func plan() async throws {
        let stage = try await ReplayStage(partitions: 2, jobs: 100)
        let replay = try await stage.begin([(0, 10..<30), (1, 0..<0)])
        let before = try await stage.liveState()
        let ran = Ledger()
        let worker = try stage.worker(replay) { number, context in
            #expect(context.attempt == 1)
            try await ran.run(number) {}
        }
        try await worker.run()
        #expect(ran.ends.sorted() == Array(10..<30))
        #expect(try await stage.liveState() == before)
        #expect(try await stage.committed(replay) == [0: 30])
        let progress = try await SideReplay.progress(of: replay, stage.fixture.client)
        #expect(progress.isCovered && progress.dead == 0 && progress.records == 20)
        #expect(try await ReplayBook(stage.fixture.client).record(replay.id).result?.state == .finished)
    }

    @Test("jobs that fail climb a ladder of the replay's own and die in its dead letters")
    func failures() async throws {
        let stage = try await ReplayStage(partitions: 1, jobs: 10)
        let before = try await stage.liveState()
        let replay = try await stage.begin([(0, 0..<10)])
        let ran = Ledger()
        let worker = try stage.worker(replay) { number, context in
            try await ran.run(number) {
                if number == 3, context.attempt == 1 { throw JobError.retry(after: .milliseconds(1), "soon") }
                if number == 7 { throw JobError.deadLetter("never") }
                if number == 5 { throw ReplayStage.Broken() }
            }
        }
        try await worker.run()
        #expect(ran.starts.count(where: { $0 == 3 }) == 2)
        #expect(ran.starts.count(where: { $0 == 5 }) == 2)
        let queue = try stage.fixture.queue.replay(replay.id)
        let letters = try await stage.fixture.records(of: queue.deadLetterTopic)
        #expect(letters.compactMap(\.value?.text).sorted() == ["5", "7"])
        #expect(try await stage.liveState() == before)
        #expect(try await SideReplay.progress(of: replay, stage.fixture.client).dead == 2)
    }

    @Test("where a worker stops another goes on from its commits, and together they run the plan")
    func continued() async throws {
        let stage = try await ReplayStage(partitions: 1, jobs: 200)
        let replay = try await stage.begin([(0, 0..<200)])
        let ran = Ledger()
        let gate = Gate()
        let first = try stage.worker(replay, set(\.concurrency, 1)) { number, _ in
            try await ran.run(number) { if number >= 50 { try await gate.pass() } }
        }
        try await running(first) {
            try await eventually("half of it has run") { ran.ends.count == 50 }
            first.stop()
            gate.open()
        }
        #expect(try await ReplayBook(stage.fixture.client).record(replay.id).result == nil)
        let second = try stage.worker(replay) { number, _ in try await ran.run(number) {} }
        try await second.run()
        #expect(ran.ends.sorted() == Array(0..<200))
    }

    @Test("records that are not selected are passed over, and the commits pass them")
    func selection() async throws {
        let stage = try await ReplayStage(partitions: 1, jobs: 5000) { $0.isMultiple(of: 1000) ? "rare" : "often" }
        var selection = Selection()
        selection.keys = ["rare"]
        let replay = try await stage.begin([(0, 0..<4500)], selection)
        let ran = Ledger()
        let worker = try stage.worker(replay) { number, _ in try await ran.run(number) {} }
        try await worker.run()
        #expect(ran.ends.sorted() == [0, 1000, 2000, 3000, 4000])
        #expect(try await stage.committed(replay) == [0: 4500])
        #expect(worker.replayed?.scanned == 4500 && worker.replayed?.matched == 5)
    }

    @Test(
        "a later attempt that stands in the main topic is history's, and is not run again, nor is one that was only put off",
        arguments: [2, 1]
    )
    func repetitions(attempt: Int) async throws {
        let stage = try await ReplayStage.withLateAttempt(attempt)
        let replay = try await stage.begin([(0, 0..<4)])
        let ran = Ledger()
        let worker = try stage.worker(replay) { number, _ in try await ran.run(number) {} }
        try await worker.run()
        #expect(ran.ends.sorted() == [0, 1, 2])
        #expect(try await stage.committed(replay) == [0: 4])
    }

    @Test(
        "a job that was not due when the plan was made is left to live work, and not waited for",
        .timeLimit(.minutes(2))
    )
    func toCome() async throws {
        let stage = try await ReplayStage(partitions: 1, jobs: 2)
        let now = Timestamp.now
        try await stage.delay(until: now + 3_600_000)
        try await stage.delay(until: now - 1)
        let replay = try await stage.begin([(0, 0..<4)], at: now)
        let ran = Ledger()
        let worker = try stage.worker(replay) { number, _ in try await ran.run(number) {} }
        try await worker.run()
        #expect(ran.ends.sorted() == [0, 1, 100])
        #expect(try await stage.committed(replay) == [0: 4])
        #expect(worker.replayed?.scanned == 4 && worker.replayed?.matched == 3)
    }

    @Test("a later attempt is run where its job's first record stands before the plan")
    func lateAttempt() async throws {
        let stage = try await ReplayStage.withLateAttempt()
        let replay = try await stage.begin([(0, 2..<4)])
        let ran = Ledger()
        let worker = try stage.worker(replay) { number, _ in try await ran.run(number) {} }
        try await worker.run()
        #expect(ran.ends.sorted() == [1, 2])
        #expect(try await stage.committed(replay) == [0: 4])
    }

    @Test("a later attempt is run where its job's first record stands between two stretches of the plan")
    func attemptBetween() async throws {
        let stage = try await ReplayStage.withLateAttempt()
        var selection = Selection()
        selection.stretches = [.init(partition: 0, from: 0, to: 1), .init(partition: 0, from: 3, to: 4)]
        let replay = try await stage.begin([(0, 0..<4)], selection)
        let ran = Ledger()
        let worker = try stage.worker(replay) { number, _ in try await ran.run(number) {} }
        try await worker.run()
        #expect(ran.ends.sorted() == [0, 1])
        #expect(try await stage.committed(replay) == [0: 4])
    }

    @Test("paused, nothing starts; at a rate, jobs go on; cancelled, it ends, and what has not run stays so")
    func wishes() async throws {
        let stage = try await ReplayStage(partitions: 1, jobs: 100)
        let replay = try await stage.begin([(0, 0..<100)], rate: 0)
        let book = try ReplayBook(stage.fixture.client)
        func wish(_ mode: ReplayRecord.Wish.Mode, rate: Double? = nil) async throws {
            try await book.wish(.init(mode: mode, rate: rate, at: 0, by: "test"), of: replay)
        }
        let ran = Ledger()
        let worker = try stage.worker(replay) { number, _ in try await ran.run(number) {} }
        try await running(worker) {
            try await wish(.run, rate: 20)
            try await eventually("some have run") { ran.ends.count >= 5 }
            try await wish(.pause)
            func isKnown(_ rate: Double?) -> Bool {
                worker.replayRun.withLock { $0 }?.wish == ReplayRun.Wish(mode: .pause, rate: rate)
            }
            try await eventually("it knows of the pause") { isKnown(nil) }
            let started = ran.starts.count
            // By when it knows of another word, which takes a while, a worker without a bound would have run all.
            try await wish(.pause, rate: 7)
            try await eventually("it knows of the rate") { isKnown(7) }
            #expect(ran.starts.count <= started + 2)
            #expect(ran.ends.count < 100)
            try await wish(.cancel)
            try await eventually("it ends") { worker.inFlight == 0 && !worker.isReplaying }
        }
        #expect(ran.ends.count < 100)
        #expect(try await book.record(replay.id).result == nil)
    }

    @Test("a rate holds over all partitions together: what one may start the others may not as well")
    func rate() async throws {
        let stage = try await ReplayStage(partitions: 8, jobs: 80, partition: { $0 % 8 })
        // One may start at once, and the next in a day.
        let replay = try await stage.begin((0..<8).map { ($0, 0..<10) }, rate: 1 / 86_400.0)
        let ran = Ledger()
        let worker = try stage.worker(replay) { number, _ in try await ran.run(number) {} }
        try await running(worker) {
            try await eventually("one has run") { !ran.ends.isEmpty }
            worker.stop()
        }
        #expect(ran.starts.count == 1)
    }

    @Test("runs by its plan alone: a worker that would take its queue for any other is refused")
    func plainWorker() async throws {
        let stage = try await ReplayStage(partitions: 1, jobs: 10)
        let replay = try await stage.begin([(0, 2..<4)])
        let ran = Ledger()
        var jobs = JobRegistry()
        try jobs.register("default") { (payload: Bytes, _) in try await ran.run(Int(payload.text) ?? -1) {} }
        var configuration = WorkerConfiguration()
        configuration.stopsWhenIdle = true
        let worker = Worker(
            queues: [try SideReplay.queue(of: replay)],
            jobs: jobs,
            configuration: configuration,
            client: stage.fixture.client
        )
        await #expect(throws: InputError.self) { try await worker.run() }
        #expect(ran.starts.isEmpty)
    }

    @Test("what one of its workers says was lost, another one's result does not take back, nor that it was cancelled")
    func conclusions() async throws {
        let stage = try await ReplayStage(partitions: 1, jobs: 1)
        let replay = try await stage.begin([(0, 0..<0)])
        let (client, book) = (stage.fixture.client, try ReplayBook(stage.fixture.client))
        let plan = try #require(replay.beginning.plan)
        let run = ReplayRun(replay, plan: plan, try RecordSelector(Selection(), defaultType: "default"))
        let queue = try SideReplay.queue(of: replay)
        try await SideReplay.conclude(run, queue, lost: 5, client)
        try await SideReplay.conclude(run, queue, lost: 0, client)
        #expect(try await book.record(replay.id).result?.counts["lostToRetention"] == 5)
        try await SideReplay.conclude(run, queue, lost: 2, client)
        let result = try await book.record(replay.id).result
        #expect(result?.counts["lostToRetention"] == 7)
        #expect(result?.notes == ["retention took 7 records of the plan before a worker read them"])
        try await book.end(.init(state: .cancelled, at: 1), of: replay)
        try await SideReplay.conclude(run, queue, lost: 0, client)
        #expect(try await book.record(replay.id).result?.state == .cancelled)
    }
}

/// A queue with a history on an embedded broker, and replays of it.
struct ReplayStage {
    struct Broken: Error {}

    struct LiveState: Equatable {
        var committed: Int64?
        var counts: [String: Int]
    }

    let fixture: WorkerFixture

    init(
        partitions: Int,
        jobs: Int,
        key: (Int) -> String? = { _ in nil },
        partition: (Int) -> Int = { _ in 0 }
    ) async throws {
        fixture = try WorkerFixture(partitions: partitions)
        try await fixture.enqueue(jobs, key: key, partition: partition)
    }

    /// Three jobs in one partition, and behind them the second attempt of the middle one; or what another number says.
    static func withLateAttempt(_ attempt: Int = 2) async throws -> ReplayStage {
        let stage = try await ReplayStage(partitions: 1, jobs: 3)
        let producer = try Producer(stage.fixture.client)
        let headers = [Header("kokanee-attempt", Bytes("\(attempt)")), Header("kokanee-origin", "q/0/1")]
        _ = try await producer.send(ProducerRecord(topic: "q", partition: 0, value: "1", headers: headers))
        await producer.close()
        return stage
    }

    /// Enqueues a job of number 100 that is due at a time, in milliseconds since the epoch.
    func delay(until dueAt: Int64) async throws {
        let producer = try Producer(fixture.client)
        let headers = [Header("kokanee-due-at", Bytes("\(dueAt)"))]
        _ = try await producer.send(ProducerRecord(topic: "q", partition: 0, value: "100", headers: headers))
        await producer.close()
    }

    /// - Parameter at: when the plan was made.
    func begin(
        _ ranges: [(Int32, Range<Int64>)],
        _ selection: Selection = Selection(),
        rate: Double? = nil,
        at: Int64? = nil
    ) async throws -> ReplayRecord {
        let id = ReplayID.make(at: Timestamp.now)
        let queue = try fixture.queue.replay(id)
        for topic in queue.retryTopics + [queue.deadLetterTopic, queue.stateTopic] {
            try fixture.broker.createTopic(topic, partitions: fixture.partitions)
        }
        let plan = ReplayPlan(
            id: id,
            queue: fixture.queue.name,
            selection: selection,
            partitions: ranges.map { .init(partition: $0, from: $1.lowerBound, to: $1.upperBound) },
            at: at
        )
        return try await SideReplay.begin(
            plan,
            of: fixture.queue,
            rate: rate,
            by: "test",
            words: "a test",
            client: fixture.client
        )
    }

    func worker(
        _ replay: ReplayRecord,
        _ configure: (inout WorkerConfiguration) -> Void = { _ in },
        perform: @escaping @Sendable (Int, JobContext) async throws -> Void
    ) throws -> Worker {
        var jobs = JobRegistry()
        try jobs.register("default") { (payload: Bytes, context) in try await perform(Int(payload.text) ?? -1, context)
        }
        var configuration = WorkerConfiguration()
        configuration.commitInterval = .milliseconds(50)
        configure(&configuration)
        return try Worker(replaying: replay, jobs: jobs, configuration: configuration, client: fixture.client)
    }

    func liveState() async throws -> LiveState {
        var counts: [String: Int] = [:]
        // The state topic gets marks of what the replay has completed.
        for topic in fixture.queue.allTopics where topic != fixture.queue.stateTopic {
            counts[topic] = try await fixture.records(of: topic).count
        }
        return LiveState(committed: try await fixture.committed()?.offset, counts: counts)
    }

    /// What the replay's group has committed in the main topic.
    func committed(_ replay: ReplayRecord) async throws -> [Int32: Int64] {
        let places = (0..<Int32(fixture.partitions)).map { TopicPartition(topic: "q", partition: $0) }
        let committed = try await fixture.admin.committedOffsets(group: replay.beginning.group, places)
        return Dictionary(
            uniqueKeysWithValues: committed.compactMap { place, offset in
                offset.flatMap { $0.offset > 0 ? (place.partition, $0.offset) : nil }
            }
        )
    }
}

extension ReplayRecord {
    /// A side replay of the first records of partition 0.
    static func side(_ id: String, of queue: Queue, records: Int64) throws -> ReplayRecord {
        let plan = ReplayPlan(
            id: id,
            queue: queue.name,
            selection: Selection(),
            partitions: [.init(partition: 0, from: 0, to: records)]
        )
        return ReplayRecord(
            beginning: .init(
                id: id,
                kind: .side,
                queue: queue.name,
                group: try queue.replay(id).group,
                at: 0,
                by: "test",
                words: "",
                plan: plan,
                ladder: queue.ladder.description
            )
        )
    }
}
