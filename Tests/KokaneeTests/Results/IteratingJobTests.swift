import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("Iterating jobs", .timeLimit(.minutes(2)))
struct IteratingJobTests {
    /// What steps were made, by worker and in their order, and what is to happen at some of them.
    final class Walks: Sendable {
        private let steps = Mutex<[(worker: String, step: Int)]>([])
        /// Steps at which the first attempt fails.
        let fault: Int?

        init(fault: Int? = nil) {
            self.fault = fault
        }

        var all: [Int] { steps.withLock { $0.map(\.step) } }

        func of(_ worker: String) -> [Int] { steps.withLock { $0.filter { $0.worker == worker }.map(\.step) } }

        func note(_ worker: String, _ step: Int) { steps.withLock { $0.append((worker, step)) } }
    }

    /// A walk of so many steps; in the middle of the first worker's the worker is to end.
    struct Walk: IteratingJob {
        static let type = "walk"
        static let stepsPerCheckpoint = 1000
        static let checkpointInterval = Duration.seconds(3600)
        var length: Int

        @TaskLocal static var walks = Walks()
        @TaskLocal static var worker = ""

        func step(from cursor: Int?, _ context: JobContext) async throws -> IterationStep<Int> {
            let next = (cursor ?? 0) + 1
            if next == Self.walks.fault, context.attempt == 1 { throw JobError.retry("at \(next)") }
            while Self.worker == "first", next == length / 2, !context.isStopping {
                try await Task.sleep(for: .milliseconds(5))
            }
            Self.walks.note(Self.worker, next)
            return next == length ? .done : .next(next)
        }
    }

    private func worker(
        _ name: String,
        _ fixture: WorkerFixture,
        _ walks: Walks,
        _ configure: (inout WorkerConfiguration) -> Void = { _ in }
    ) throws -> Worker {
        var jobs = JobRegistry()
        try jobs.register(Walk.type, payload: Walk.self) { walk, context in
            try await Walk.$walks.withValue(walks) {
                try await Walk.$worker.withValue(name) { try await walk.perform(context) }
            }
        }
        var configuration = WorkerConfiguration()
        configuration.commitInterval = .milliseconds(50)
        configure(&configuration)
        return Worker(queues: [fixture.queue], jobs: jobs, configuration: configuration, client: fixture.client)
    }

    private func enqueue(_ fixture: WorkerFixture) async throws {
        let client = try JobClient(fixture.client)
        _ = try await client.enqueue(Walk(length: 20), to: fixture.queue, id: "w")
        await client.close()
    }

    @Test("one that is stopped with its worker goes on elsewhere from where it was, and no step is made twice")
    func stopped() async throws {
        let fixture = try WorkerFixture()
        try await enqueue(fixture)
        let walks = Walks()
        let first = try worker("first", fixture, walks)
        try await withThrowingTaskGroup { group in
            group.addTask { try await first.run() }
            try await eventually("it is under way") { walks.all.count == 9 }
            first.stop()
            try await group.waitForAll()
        }
        #expect(walks.of("first") == Array(1...10))
        #expect(first.statistics.failedAttempts == 0)
        let second = try worker("second", fixture, walks)
        try await running(second) {
            try await eventually("it is done", within: .seconds(30)) { second.statistics.completed == 1 }
        }
        #expect(walks.all == Array(1...20))
        #expect(second.statistics.failedAttempts == 0)
    }

    @Test("one that fails at a step makes that step again, and none before it")
    func failed() async throws {
        let fixture = try WorkerFixture(ladder: "1s")
        try await enqueue(fixture)
        let walks = Walks(fault: 15)
        let only = try worker("only", fixture, walks)
        try await running(only) {
            try await eventually("it is done", within: .seconds(30)) { only.statistics.completed == 1 }
        }
        #expect(walks.all == Array(1...20))
        #expect(only.statistics.failedAttempts == 1)
        #expect(try await fixture.records(of: fixture.queue.stateTopic).last { $0.key == "job/w" }?.value == nil)
    }

    @Test("a step gets the queue's timeout anew, however many there are")
    func deadline() async throws {
        let fixture = try WorkerFixture()
        var jobs = JobRegistry()
        try jobs.register("slow", payload: Slow.self) { job, context in try await job.perform(context) }
        var configuration = WorkerConfiguration()
        configuration.attemptTimeout = .milliseconds(1000)
        let only = Worker(queues: [fixture.queue], jobs: jobs, configuration: configuration, client: fixture.client)
        let client = try JobClient(fixture.client)
        _ = try await client.enqueue(Slow(), to: fixture.queue)
        await client.close()
        try await running(only) {
            try await eventually("it is done", within: .seconds(30)) { only.statistics.completed == 1 }
        }
        #expect(only.statistics.failedAttempts == 0)
    }

    /// Five steps of a third of the timeout.
    struct Slow: IteratingJob {
        static let type = "slow"

        func step(from cursor: Int?, _ context: JobContext) async throws -> IterationStep<Int> {
            try await Task.sleep(for: .milliseconds(300))
            let next = (cursor ?? 0) + 1
            return next == 5 ? .done : .next(next)
        }
    }

    @Test("a job that stops and stays with its worker comes again, and has not failed")
    func postponed() async throws {
        let fixture = try WorkerFixture(ladder: "1s")
        try await fixture.enqueue(1)
        let ledger = Ledger()
        let only = try fixture.worker { number, context in
            try await ledger.run(number) {
                if ledger.starts.count == 1 { throw JobStop(wait: .milliseconds(100)) }
            }
            #expect(context.attempt == 1)
        }
        try await running(only) {
            try await eventually("it has come again") { only.statistics.completed == 1 }
        }
        #expect(ledger.starts == [0, 0])
        #expect(only.statistics.failedAttempts == 0 && only.statistics.retried == 0)
    }

    @Test("an attempt that asks for longer is not cancelled at the queue's timeout")
    func extended() async throws {
        let fixture = try WorkerFixture(ladder: "1s")
        try await fixture.enqueue(1)
        let only = try fixture.worker(set(\.attemptTimeout, .milliseconds(300))) { _, context in
            context.extend(by: .seconds(60))
            try await Task.sleep(for: .milliseconds(900))
        }
        try await running(only) {
            try await eventually("it is done") { only.statistics.completed + only.statistics.failedAttempts > 0 }
        }
        #expect(only.statistics.completed == 1)
    }
}
