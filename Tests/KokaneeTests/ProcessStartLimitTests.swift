import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("Jobs for processes whose worker may have lost its partitions", .timeLimit(.minutes(2)))
struct ProcessStartLimitTests {
    private let scripts: ScriptDirectory

    init() throws {
        scripts = try ScriptDirectory()
    }

    private enum Kind: CaseIterable { case pool, command }

    @Test("a job that has left its runner does not begin while the lease is over", arguments: Kind.allCases)
    private func waits(_ kind: Kind) async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(1)
        let configuration = WorkerConfiguration()
        let producer = try Producer(fixture.client)
        let engine = Engine(configuration: configuration, producer: producer, logger: .disabled)
        let limit = engine.startLimit
        let runtime = try fixture.runtime(JobRegistry(), configuration, startLimit: limit)
        // A process is told of earlier attempts' checkpoints, so that somebody has to own the partition.
        engine.add(runtime, partitions: 1, leaseLength: .seconds(600))
        runtime.state.attach(StateLink(engine: engine, client: fixture.client, queue: 0))
        runtime.state.begin([0], now: Timestamp.now)
        let record = try #require(try await fixture.records(of: "q").first)
        let content = JobContent(record, runtime: runtime)
        let taken = engine.withScheduler { scheduler in
            scheduler.assign(0, queue: 0, number: 0, committed: 0, restored: CompletionMap(), movedAt: 0)
            _ = scheduler.admit(0, offset: 0, .init(bytes: 1, key: nil, start: .now), content)
            return scheduler.take()?.ticket
        }
        content.ticket = try #require(taken)
        let source = """
            for job in jobs():
                open("\(scripts.path("begun"))", "w").close()
                say(id=job["id"], ok=True)
            """
        let (handler, close): (any JobHandler, @Sendable () async -> Void)
        switch kind {
        case .pool:
            let command = try scripts.python(ProcessTest.prelude + source)
            let pool = try ProcessPool(command: command, count: 1, logger: .disabled)
            (handler, close) = (pool, { await pool.close(within: .seconds(5)) })
        case .command:
            let command = try CommandHandler(command: "touch \(scripts.path("begun"))", count: 1, logger: .disabled)
            (handler, close) = (command, { await command.close(within: .seconds(5)) })
        }
        limit.set(.now - .seconds(1))
        let attempt = Task { try await handler.perform(content.payload, JobContext(content)) }
        // Cancelled while it waits, it is gone as one that waits for a process is.
        let other = Task { try await handler.perform(content.payload, JobContext(content)) }
        other.cancel()
        await #expect(throws: CancellationError.self) { try await other.value }
        // One that may begin has time for all of it.
        let clock = try CommandHandler(command: "sleep 0.5", count: 1, logger: .disabled)
        try await clock.perform("", ProcessTest.context("clock"))
        await clock.close(within: .seconds(5))
        #expect(scripts.contents("begun") == nil)
        limit.set(nil)
        try await attempt.value
        #expect(scripts.contents("begun") != nil)
        await close()
        runtime.state.detach()
        await producer.close()
    }
}
