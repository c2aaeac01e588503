import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("A live rewind", .timeLimit(.minutes(3)))
struct LiveRewindTests {
    /// Jobs of 6 keys, a key's all in one of the partitions, `count` in all.
    private static func enqueue(_ count: Int, _ fixture: WorkerFixture) async throws {
        try await fixture.enqueue(count, key: { "k\($0 % 6)" }, partition: { $0 % 6 % fixture.partitions })
    }

    private func rewind(
        _ fixture: WorkerFixture,
        to target: OffsetReset.Target = .earliest
    ) async throws -> ReplayRecord {
        let live = try LiveRewind(fixture.client)
        let plan = try await live.plan(target, of: fixture.queue)
        return try await live.execute(plan, by: "me", words: "test").record
    }

    /// A key's jobs started in their order from `first` on to the end, whatever was before.
    private func expectOrder(_ starts: [Int], of count: Int, since first: (Int) -> Int = { $0 }) {
        for key in 0..<6 {
            let all = Array(stride(from: key, to: count, by: 6))
            let ran = starts.filter { $0 % 6 == key }
            let start = ran.lastIndex(of: first(key)) ?? 0
            #expect(Array(ran[start...]) == all.filter { $0 >= first(key) }, "key \(key): \(ran)")
            #expect(all.starts(with: ran[..<start]), "key \(key): \(ran)")
        }
    }

    private func ends(_ fixture: WorkerFixture) async throws -> [Int64?] {
        var offsets: [Int64?] = []
        for partition in 0..<Int32(fixture.partitions) {
            offsets.append(try await fixture.committed(partition)?.offset)
        }
        return offsets
    }

    @Test("a replay's group is refused: its plan says where it goes")
    func replay() async throws {
        let fixture = try WorkerFixture()
        let queue = try fixture.queue.replay(ReplayID.make(at: 0))
        let live = try LiveRewind(fixture.client)
        await #expect(throws: ResetError.self) { try await live.plan(.earliest, of: queue) }
    }

    @Test("under a running worker all from the target on runs again, in order, and what ran is cancelled")
    func underWork() async throws {
        let fixture = try WorkerFixture(partitions: 2)
        try await Self.enqueue(60, fixture)
        let (ledger, gate) = (Ledger(), Gate())
        let cancelled = Atomic(0)
        let worker = try fixture.worker { job, context in
            try await ledger.run(job, as: "k\(job % 6)") {
                guard job >= 30 else { return }
                do {
                    try await gate.pass()
                } catch {
                    cancelled.add(1, ordering: .relaxed)
                    throw error
                }
            }
        }
        try await running(worker) {
            try await eventually("half of it is done, and the next of each key run") {
                ledger.ends.count == 30 && ledger.starts.count == 36
            }
            let record = try await rewind(fixture)
            #expect(record.result?.state == .finished)
            #expect(record.beginning.moves?.map(\.new) == [0, 0])
            try await eventually("what ran is cancelled") { cancelled.load(ordering: .relaxed) == 6 }
            let committed = try #require(try await fixture.committed())
            #expect(CommitMetadata(text: committed.metadata, above: committed.offset)?.rewind == record.id)
            gate.open()
            try await eventually("all of it is done") { try await ends(fixture) == [30, 30] }
        }
        expectOrder(ledger.starts, of: 60)
        #expect(ledger.mostBesideOfAny == 1)
        for job in 0..<60 { #expect(ledger.ends.filter { $0 == job }.count == (job < 30 ? 2 : 1), "job \(job)") }
        #expect(worker.statistics.dead == 0)
    }

    @Test("it goes forward as well, and what lies between does not run")
    func forward() async throws {
        let fixture = try WorkerFixture(partitions: 1)
        try await Self.enqueue(60, fixture)
        let (ledger, gate) = (Ledger(), Gate())
        let worker = try fixture.worker { job, _ in try await ledger.run(job) { try await gate.pass() } }
        try await running(worker) {
            try await eventually("the first of each key run") { ledger.starts.count == 6 }
            _ = try await rewind(fixture, to: .offset(50))
            gate.open()
            try await eventually("the rest is done") { try await ends(fixture) == [60] }
        }
        #expect(Set(ledger.ends) == Set(50..<60))
    }

    @Test("rewinds to anywhere, one after the other and under full load, lose nothing and mix up no key")
    func underLoad() async throws {
        let fixture = try WorkerFixture(partitions: 3)
        let count = 9000
        try await Self.enqueue(count, fixture)
        let ledger = Ledger()
        let worker = try fixture.worker { job, _ in try await ledger.run(job, as: "k\(job % 6)") {} }
        try await running(worker) {
            try await eventually("it is at work", within: .seconds(40)) { ledger.ends.count > 500 }
            var random = SeededGenerator(seed: 7)
            for _ in 0..<8 {
                _ = try await rewind(fixture, to: .offset(.random(in: 0..<3000, using: &random)))
            }
            let before = ledger.ends.count
            _ = try await rewind(fixture)
            try await eventually("all of it is done", within: .seconds(60)) {
                try await ends(fixture) == [3000, 3000, 3000]
            }
            let since = ledger.ends.dropFirst(before)
            #expect(Set(since).count == count)
            for key in 0..<6 {
                let ran = since.filter { $0 % 6 == key }
                let start = ran.lastIndex(of: key) ?? 0
                #expect(ran[start...].elementsEqual(stride(from: key, to: count, by: 6)), "key \(key)")
            }
        }
        #expect(ledger.mostBesideOfAny == 1)
    }

    /// What workers say of partitions, in the order in which they say it.
    private final class Story: Sendable {
        private let lines = Mutex<[String]>([])

        var logger: Logger {
            Logger { [self] entry in
                let partition = entry.fields.first { $0.key == "partition" }?.value ?? ""
                lines.withLock { $0.append("\(entry.message) \(partition)") }
            }
        }

        func count(_ text: String) -> Int { lines.withLock { $0.count { $0.contains(text) } } }
    }

    @Test(
        "a rewind around a rebalance is applied to each partition by whoever owns it, and to none again",
        arguments: [false, true]
    )
    func rebalance(isInTheMiddle: Bool) async throws {
        let fixture = try WorkerFixture(partitions: 4)
        try await Self.enqueue(240, fixture)
        let (ledger, story) = (Ledger(), Story())
        func worker() throws -> Worker {
            try fixture.worker(logger: story.logger) { job, _ in
                try await ledger.run(job, as: "k\(job % 6)") { try await Task.sleep(for: .milliseconds(2)) }
            }
        }
        let (first, second) = (try worker(), try worker())
        try await withThrowingTaskGroup { group in
            group.addTask { try await first.run() }
            try await eventually("all is done once", within: .seconds(40)) {
                try await ends(fixture).compactMap { $0 }.reduce(0, +) == 240
            }
            group.addTask { try await second.run() }
            if isInTheMiddle {
                try await eventually("nobody has a partition", within: .seconds(30)) {
                    story.count("partitions revoked") == 1
                }
            }
            let record = try await rewind(fixture)
            #expect(record.result?.state == .finished)
            // A busy machine may have the group rebalance once more.
            let assignments = story.count("partitions assigned")
            if isInTheMiddle { #expect(assignments >= 3) }
            let rewound = (0..<4).map { story.count("on \(fixture.queue.mainTopic)/\($0)") }
            // Where a rebalance came before the commit that says so it was applied by the next owner as well.
            let isOnce = isInTheMiddle && assignments == 3
            #expect(
                rewound.allSatisfy { isOnce ? $0 == 1 : 1...max(2, assignments - 1) ~= $0 },
                "\(rewound), \(assignments)"
            )
            try await eventually("all is done again", within: .seconds(60)) {
                try await ends(fixture).compactMap { $0 }.reduce(0, +) == 240
                    && Set(ledger.ends.dropFirst(240)).count == 240
            }
            #expect(story.count("a partition is rewound") == rewound.reduce(0, +))
            first.stop()
            second.stop()
            try await group.waitForAll()
        }
        for key in 0..<6 {
            let ran = ledger.ends.dropFirst(240).filter { $0 % 6 == key }
            var last = -1
            // A job may run again where its partition moved, but never before one that came after it was done.
            for job in ran where job != last {
                #expect(job == last + 6 || last == -1 && job == key || job <= last, "\(ran)")
                last = max(last, job)
            }
        }
        #expect(ledger.mostBesideOfAny == 1)
    }

    @Test("given while no worker is up it stands, and the next worker applies it, once, before it works anything")
    func workerDown() async throws {
        let fixture = try WorkerFixture(partitions: 2)
        try await Self.enqueue(60, fixture)
        let ledger = Ledger()
        func work(until count: Int) async throws {
            let worker = try fixture.worker { job, _ in try await ledger.run(job) {} }
            try await running(worker) {
                try await eventually("\(count) have run, and all is committed", within: .seconds(40)) {
                    guard ledger.ends.count == count else { return false }
                    return try await ends(fixture) == [30, 30]
                }
            }
        }
        try await work(until: 60)
        let live = try LiveRewind(fixture.client)
        let plan = try await live.plan(.offset(10), of: fixture.queue)
        let error = await #expect(throws: RewindUnanswered.self) {
            try await live.execute(plan, by: "me", words: "test", limit: .milliseconds(500))
        }
        #expect(error?.missing == [0, 1])
        #expect(error?.description.contains("partitions 0 (nobody known), 1 (nobody known)") == true)
        let record = try await ReplayBook(fixture.client).record(try #require(error?.id))
        #expect(record.result == nil)
        await #expect(throws: ResetError.self) { try await live.execute(plan, by: "me", words: "again") }
        await #expect(throws: ResetError.self) { try await ReplayUndo(fixture.client).check(record) }

        try await work(until: 60 + 40)
        #expect(Set(ledger.ends.dropFirst(60)) == Set(20..<60))
        // The command still stands: its command line has gone.
        try await fixture.enqueue(1)
        let worker = try fixture.worker { job, _ in try await ledger.run(job) {} }
        try await running(worker) {
            try await eventually("only what is new runs") { try await ends(fixture) == [31, 30] }
        }
        #expect(ledger.ends.count == 101)
        #expect(try await live.settle(record).record.result?.state == .finished)
        #expect(try await ReplayBook(fixture.client).record(record.id).result?.state == .finished)
    }

    @Test("one that stands is void where the offsets were reset meanwhile")
    func void() async throws {
        let fixture = try WorkerFixture(partitions: 2)
        try await Self.enqueue(60, fixture)
        // Nobody has joined yet, so that the embedded broker takes commits of anybody.
        func alter(_ offset: Int64, _ partition: Int32) async throws {
            let place = TopicPartition(topic: fixture.queue.mainTopic, partition: partition)
            let offsets = [place: CommittedOffset(offset: offset)]
            #expect(try await fixture.admin.alterOffsets(group: fixture.queue.group, offsets).isEmpty)
        }
        for partition in Int32(0)..<2 { try await alter(20, partition) }
        let live = try LiveRewind(fixture.client)
        let plan = try await live.plan(.earliest, of: fixture.queue)
        await #expect(throws: RewindUnanswered.self) {
            try await live.execute(plan, by: "me", words: "test", limit: .zero)
        }
        try await alter(25, 0)
        let ledger = Ledger()
        let worker = try fixture.worker { job, _ in try await ledger.run(job) {} }
        try await running(worker) {
            try await eventually("all is committed") { try await ends(fixture) == [30, 30] }
        }
        #expect(Set(ledger.ends) == Set((0..<60).filter { $0 % 2 == 1 || $0 >= 50 }))
    }

    @Test("a rewind that nobody has worked on is undone by another, and said to be undone once that is applied")
    func undo() async throws {
        let fixture = try WorkerFixture(partitions: 2)
        try await Self.enqueue(60, fixture)
        let (ledger, gate) = (Ledger(), Gate())
        let perform: @Sendable (Int, JobContext) async throws -> Void = { job, _ in
            try await ledger.run(job) { if job >= 30 || ledger.starts.count > 36 { try await gate.pass() } }
        }
        let book = try ReplayBook(fixture.client)
        let undo = try ReplayUndo(fixture.client)
        let worker = try fixture.worker(set(\.shutdownLimit, .milliseconds(100)), perform: perform)
        var record: ReplayRecord?
        try await running(worker) {
            try await eventually("half of it is done and committed") {
                guard ledger.ends.count == 30, ledger.starts.count == 36 else { return false }
                return try await ends(fixture) == [15, 15]
            }
            let rewound = try await rewind(fixture)
            #expect(try await ends(fixture) == [0, 0])
            record = rewound
        }
        let rewound = try #require(record)
        let error = await #expect(throws: RewindUnanswered.self) {
            try await undo.perform(rewound, by: "me", limit: .milliseconds(100))
        }
        #expect(try await book.record(rewound.id).result?.state == .finished)
        let second = try fixture.worker(perform: perform)
        try await running(second) {
            try await eventually("it is applied", within: .seconds(40)) { try await ends(fixture) == [15, 15] }
            let undoing = try await book.record(try #require(error?.id))
            #expect(undoing.beginning.undoes == rewound.id)
            #expect(try await LiveRewind(fixture.client).settle(undoing).record.result?.state == .finished)
            #expect(try await book.record(rewound.id).result?.state == .undone)
            gate.open()
        }
    }

    @Test("one that was applied is not applied again where nobody could say at the next assignment what is committed")
    func unseenTakeover() async throws {
        let fixture = try WorkerFixture(partitions: 2)
        try await Self.enqueue(12, fixture)
        let ledger = Ledger()
        let workers = try (0..<2).map { _ in try fixture.worker { job, _ in try await ledger.run(job) {} } }
        try await running(workers[0]) {
            try await eventually("all has run") { try await ends(fixture) == [6, 6] }
            let live = try LiveRewind(fixture.client)
            let plan = try await live.plan(.earliest, of: fixture.queue)
            let error = await #expect(throws: RewindUnanswered.self) {
                try await live.execute(plan, by: "me", words: "test", limit: .zero)
            }
            try await eventually("all has run again, the commits say why, and the rewind stands") {
                for partition in Int32(0)..<2 {
                    let committed = try await fixture.committed(partition)
                    let metadata = committed.flatMap { CommitMetadata(text: $0.metadata, above: $0.offset) }
                    guard committed?.offset == 6, metadata?.rewind == error?.id else { return false }
                }
                return ledger.ends.count == 24
            }
            try FailPoints.arm("partitions.assigning=fail")
            defer { FailPoints.disarm() }
            try await running(workers[1]) {
                var more: Int64 = 0
                try await eventually("both work", within: .seconds(40)) {
                    try await fixture.enqueue(2, partition: { $0 })
                    more += 1
                    return workers[1].statistics.completed > 0
                }
                try await eventually("all is committed") { try await ends(fixture) == [6 + more, 6 + more] }
            }
        }
        // Those that came later have other numbers.
        #expect(ledger.ends.count { $0 >= 2 } == 20)
    }

    @Test("a reset that is refused at the last moment leaves a rewind that stands as it was")
    func refusedReset() async throws {
        let fixture = try WorkerFixture(partitions: 2)
        try await Self.enqueue(12, fixture)
        let plan = try await OffsetResetter(fixture.client).plan(.latest, of: fixture.queue)
        let desk = try RewindDesk(fixture.client)
        let rewind = Rewind(
            id: ReplayID.make(at: Timestamp.now),
            queue: fixture.queue.name,
            group: fixture.queue.group,
            at: Timestamp.now,
            by: "me",
            targets: [.init(partition: 0, offset: 1, old: nil), .init(partition: 1, offset: 1, old: nil)]
        )
        try await desk.write(rewind)
        // It is in the group, and commits nothing.
        let gate = Gate()
        let worker = try fixture.worker(set(\.commitInterval, .seconds(60))) { _, _ in try await gate.pass() }
        try await running(worker) {
            try await eventually("it works") { worker.inFlight > 0 }
            await #expect(throws: ResetError.self) {
                try await RecordedReset(fixture.client).execute(plan, by: "me", words: "")
            }
            #expect(try await desk.rewind(queue: fixture.queue.name, group: fixture.queue.group) == rewind)
            gate.open()
        }
    }

    @Test("one that is withdrawn is not applied")
    func withdrawn() async throws {
        let fixture = try WorkerFixture(partitions: 1)
        try await Self.enqueue(12, fixture)
        let live = try LiveRewind(fixture.client)
        let plan = try await live.plan(.offset(6), of: fixture.queue)
        let error = await #expect(throws: RewindUnanswered.self) {
            try await live.execute(plan, by: "me", words: "test", limit: .zero)
        }
        let book = try ReplayBook(fixture.client)
        let record = try await live.withdraw(try await book.record(try #require(error?.id)), by: "you")
        #expect(record.result?.state == .cancelled)
        #expect(record.result?.notes.first?.contains("by you") == true)
        let ledger = Ledger()
        let worker = try fixture.worker { job, _ in try await ledger.run(job) {} }
        try await running(worker) {
            try await eventually("all is committed") { try await ends(fixture) == [12] }
        }
        #expect(ledger.ends.count == 12)
    }
}
