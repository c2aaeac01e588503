import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("Cancelling jobs", .timeLimit(.minutes(3)))
struct CancelTests {
    private let fixture: WorkerFixture
    private let control: QueueControl
    private let ledger = Ledger()
    private let log = LogCollector()

    init() throws {
        fixture = try WorkerFixture(ladder: "1s,2s")
        control = try QueueControl(fixture.client)
    }

    private func enqueue(
        _ job: Int,
        id: String,
        delay: Duration? = nil,
        key: String? = nil,
        to other: WorkerFixture? = nil
    ) async throws {
        let fixture = other ?? fixture
        let client = try JobClient(fixture.client)
        var new = NewJob(type: "default", payload: Bytes("\(job)"))
        new.id = id
        new.delay = delay
        new.key = key.map { Bytes($0) }
        _ = try await client.enqueue(new, to: fixture.queue)
        await client.close()
    }

    private func worker(
        _ configure: (inout WorkerConfiguration) -> Void = { _ in },
        perform: @escaping @Sendable (Int, JobContext) async throws -> Void
    ) throws -> Worker {
        try fixture.worker(configure, logger: log.logger) { [ledger] job, context in
            try await ledger.run(job) { try await perform(job, context) }
        }
    }

    private func letters() async throws -> Int { try await fixture.records(of: fixture.queue.deadLetterTopic).count }

    @Test("a job that was cancelled before it ran never runs; its neighbours do")
    func main() async throws {
        for job in 0..<4 { try await enqueue(job, id: "j\(job)") }
        let results = try await control.cancel(["j1", "j1", "j3"], of: fixture.queue, by: "ann", reason: "sent twice")
        #expect(results.map(\.stoodBefore) == [false, false])
        #expect(try await control.cancel(["j1"], of: fixture.queue, by: "bob").map(\.stoodBefore) == [true])
        let worker = try worker { _, _ in }
        try await running(worker) {
            try await eventually("all are finished", within: .seconds(40)) {
                try await fixture.committed()?.offset == 4
            }
        }
        #expect(ledger.ends.sorted() == [0, 2])
        #expect(worker.statistics.cancelled == 2 && worker.statistics.completed == 2)
        #expect(worker.statistics.discarded == 0 && worker.statistics.failedAttempts == 0)
        #expect(try await letters() == 0)
    }

    @Test("a job is cancelled on its rung, and before that, by the worker that first sees it, long before it is due")
    func delayed() async throws {
        let worker = try worker { _, _ in }
        try await running(worker) {
            try await enqueue(0, id: "far", delay: .seconds(365 * 86_400))
            try await eventually("it waits on a rung", within: .seconds(40)) { worker.statistics.delayed >= 1 }
            try await control.cancel(["far", "later"], of: fixture.queue, by: "ann")
            try await eventually("it is gone", within: .seconds(30)) { worker.statistics.cancelled == 1 }
            try await enqueue(1, id: "later", delay: .seconds(86_400))
            try await eventually("so is the other") { worker.statistics.cancelled == 2 }
            try await eventually("nothing waits") { worker.inFlight == 0 }
        }
        #expect(ledger.starts.isEmpty)
    }

    @Test("a job that a worker holds until it is due is cancelled when it comes up")
    func held() async throws {
        let fixture = try WorkerFixture(ladder: "1h")
        let control = try QueueControl(fixture.client)
        let worker = try fixture.worker(logger: log.logger) { [ledger] job, _ in try await ledger.run(job) {} }
        try await running(worker) {
            for job in 0..<2 { try await enqueue(job, id: "j\(job)", delay: .seconds(8), to: fixture) }
            try await eventually("they are held", within: .seconds(40)) { worker.inFlight == 2 }
            #expect(ledger.starts.isEmpty)
            try await control.cancel(["j0"], of: fixture.queue, by: "ann")
            try await eventually("the worker has heard", within: .seconds(5)) { hasHeard(of: "j0") }
            try await eventually("both are finished", within: .seconds(40)) {
                worker.statistics.cancelled == 1 && worker.statistics.completed == 1
            }
        }
        #expect(ledger.ends == [1])
    }

    private func hasHeard(of id: String) -> Bool {
        log.lines.contains { $0.contains("an operator cancels a job:") && $0.contains("job=\(id) ") }
    }

    @Test("a job behind another one of its key is cancelled there, and those behind it go on in their order")
    func lane() async throws {
        let gate = Gate()
        let worker = try worker { job, _ in if job == 0 { try await gate.pass() } }
        for job in 0..<4 { try await enqueue(job, id: "j\(job)", key: "k") }
        try await running(worker) {
            try await eventually("the first runs", within: .seconds(40)) { ledger.starts == [0] }
            try await control.cancel(["j1", "j2"], of: fixture.queue, by: "ann")
            try await eventually("the worker has heard") { hasHeard(of: "j1") && hasHeard(of: "j2") }
            gate.open()
            try await eventually("the others are finished") { worker.inFlight == 0 }
        }
        #expect(ledger.ends == [0, 3])
        #expect(worker.statistics.cancelled == 2)
    }

    @Test("a job that is cancelled when a runner has been given it, behind another one, does not begin")
    func givenOut() async throws {
        let ran = Ledger()
        // So many fast ones that the worker hands them over many at a time by then.
        try await fixture.enqueue(3000)
        let worker = try worker(set(\.concurrency, 1)) { job, context in
            guard job >= 1000, job < 2900, let runtime = context.content?.runtime else { return }
            // At once, so that no batch is taken back for a slow job meanwhile.
            switch job % 20 {
            case 0: Self.cancel(job + 1, runtime, stands: true)
            case 1: try await ran.run(job) {}
            case 2: Self.cancel(job - 1, runtime, stands: false)
            default: break
            }
        }
        try await running(worker) {
            try await eventually("all are finished", within: .seconds(40)) {
                try await fixture.committed()?.offset == 3000
            }
        }
        #expect(ran.starts == [])
        #expect(worker.statistics.cancelled == 95 && worker.statistics.completed == 2905)
    }

    /// Has the worker hear of a cancellation, or of its end, in this moment.
    private static func cancel(_ job: Int, _ runtime: QueueRuntime, stands: Bool) {
        let cancellation = JobCancellation(queue: "q", id: "q/0/\(job)", by: "ann", reason: nil, at: 0, expiresAt: .max)
        let value = Array(cancellation.json.finish())
        let entry = ControlTopic.Entry(key: cancellation.key, value: value, timestamp: 0)
        _ = runtime.fleet.take(.init(key: cancellation.key, entry: stands ? entry : nil, isFromBefore: false))
        runtime.careForCancellations()
    }

    private func standing(_ count: Int) async throws -> Bool {
        try await control.orders(of: fixture.queue).cancellations.count == count
    }

    @Test("a job that runs is asked to end, and neither retried nor buried, whatever it throws")
    func inProgress() async throws {
        let gate = Gate()
        let worker = try worker { job, _ in
            do {
                try await gate.pass()
            } catch {
                switch job {
                case 0: throw error
                case 1: throw JobError.retry("not yet")
                default: throw JobError.deadLetter("no good")
                }
            }
        }
        for job in 0..<3 { try await enqueue(job, id: "j\(job)") }
        try await running(worker) {
            try await eventually("they run", within: .seconds(40)) { ledger.starts.count == 3 }
            try await control.cancel(["j0", "j1", "j2"], of: fixture.queue, by: "ann")
            try await eventually("they end") { worker.statistics.cancelled == 3 && worker.inFlight == 0 }
            try await eventually("and count as finished") { try await fixture.committed()?.offset == 3 }
        }
        #expect(ledger.ends.isEmpty)
        #expect(worker.statistics.failedAttempts == 0 && worker.statistics.retried == 0 && worker.statistics.stuck == 0)
        #expect(try await letters() == 0)
    }

    @Test("a job that completes all the same has completed")
    func race() async throws {
        let gate = Gate()
        let worker = try worker { _, _ in try? await gate.pass() }
        try await enqueue(0, id: "j0")
        try await running(worker) {
            try await eventually("it runs", within: .seconds(40)) { ledger.starts.count == 1 }
            try await control.cancel(["j0"], of: fixture.queue, by: "ann")
            try await eventually("it ends") { worker.inFlight == 0 }
        }
        #expect(worker.statistics.completed == 1 && worker.statistics.cancelled == 0)
    }

    @Test("a handler that refuses its cancellation is given up, and its job counts as cancelled")
    func stubborn() async throws {
        let gate = Gate()
        let worker = try worker(set(\.cancellationGrace, .milliseconds(100))) { _, _ in await gate.passStubbornly() }
        try await enqueue(0, id: "j0")
        try await running(worker) {
            try await eventually("it runs", within: .seconds(40)) { ledger.starts.count == 1 }
            try await control.cancel(["j0"], of: fixture.queue, by: "ann")
            try await eventually("it is given up") { worker.statistics.stuck == 1 && worker.statistics.cancelled == 1 }
            try await eventually("and finished") { try await fixture.committed()?.offset == 1 }
            gate.open()
        }
        #expect(worker.statistics.failedAttempts == 0)
        #expect(try await letters() == 0)
    }

    @Test("a job that was retried is cancelled on its rung")
    func retried() async throws {
        let worker = try worker { _, _ in throw JobError.retry("not yet") }
        try await enqueue(0, id: "j0")
        try await running(worker) {
            try await eventually("it waits for its retry", within: .seconds(40)) { worker.statistics.retried == 1 }
            try await control.cancel(["j0"], of: fixture.queue, by: "ann")
            try await eventually("it is gone", within: .seconds(30)) { worker.statistics.cancelled == 1 }
        }
        #expect(try await letters() == 0)
    }

    @Test("a cancellation that one worker has seen is seen by the next, until it is taken back")
    func nextWorker() async throws {
        try await control.cancel(["j0"], of: fixture.queue, by: "ann")
        let first = try worker { _, _ in }
        try await enqueue(0, id: "j0")
        try await running(first) {
            try await eventually("cancelled", within: .seconds(40)) { first.statistics.cancelled == 1 }
        }
        let second = try worker { _, _ in }
        try await running(second) {
            try await enqueue(1, id: "j0")
            try await eventually("cancelled again", within: .seconds(40)) { second.statistics.cancelled == 1 }
            #expect(try await control.takeBack(["j0", "j1"], of: fixture.queue).map(\.id) == ["j0"])
            try await eventually("it runs from now on", within: .seconds(40)) {
                try await enqueue(2, id: "j0")
                return ledger.ends.contains(2)
            }
        }
        #expect(!ledger.starts.contains(0) && !ledger.starts.contains(1))
    }

    @Test("garbage under the keys of orders stops nothing")
    func garbage() async throws {
        let topic = try ControlTopic(fixture.client)
        let garbage = Array("{\"state\":".utf8)
        try await topic.write([
            ("pause/q", garbage), ("pause/q/default", garbage), ("cancel/q/j0", garbage), ("cancel/q/", garbage),
            ("pause/q/", garbage), ("cancel/q", garbage),
        ])
        try await enqueue(0, id: "j0")
        let worker = try worker { _, _ in }
        try await running(worker) {
            try await eventually("it runs", within: .seconds(40)) { ledger.ends == [0] }
            try await topic.write([("pause/q", garbage), ("cancel/q/j1", [0xFF])])
            try await enqueue(1, id: "j1")
            try await eventually("so does this") { ledger.ends == [0, 1] }
        }
        #expect(try await control.orders(of: fixture.queue) == QueueOrders())
    }

    @Test("an id that can't be is refused, and so are cancellations beyond the bound; expired ones make room")
    func bounds() async throws {
        await #expect(throws: InputError.self) { try await control.cancel([""], of: fixture.queue, by: "ann") }
        let long = String(repeating: "x", count: JobCancellation.longestID + 1)
        await #expect(throws: InputError.self) { try await control.cancel([long], of: fixture.queue, by: "ann") }
        let ids = (0..<JobCancellation.limit).map { "j\($0)" }
        let past = Timestamp.now - 30 * 86_400_000
        let old = try QueueControl(fixture.client, now: { past })
        try await old.cancel(ids, of: fixture.queue, by: "ann")
        #expect(try await standing(0), "they have expired")
        try await control.cancel(ids.map { "n\($0)" }, of: fixture.queue, by: "ann")
        #expect(try await standing(JobCancellation.limit))
        await #expect(throws: InputError.self) { try await control.cancel(["one"], of: fixture.queue, by: "ann") }
        try await control.cancel(["nj1"], of: fixture.queue, by: "ann")
        let left = try await ControlTopic(fixture.client).read(prefix: "cancel/q/").count
        #expect(left <= JobCancellation.limit, "the expired ones are taken out of the topic")
    }
}
