import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

/// Threads that hang for good.
extension WatchdogTests {
    /// Blocks a thread until it is opened.
    private final class Clamp: Sendable {
        private let isOpen = Atomic(false)
        private let wakeup: Wakeup

        init() throws { wakeup = try Wakeup() }

        func open() {
            isOpen.store(true, ordering: .releasing)
            wakeup.wake()
        }

        func hold() {
            while !isOpen.load(ordering: .acquiring) { wakeup.wait(milliseconds: 100) }
        }
    }

    @Test("a queue's thread that hangs fails the worker, whoever else is blocked")
    func wedgedDispatcher() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(20)
        let clamp = try Clamp()
        let log = Log()
        // The log blocks the dispatcher, and whoever else writes to it, the watch's own lines among them.
        let logger = log.logger { entry in
            if entry.message == "partitions assigned" || entry.message.contains("does not poll") { clamp.hold() }
        }
        let configure = Self.closely { configuration in
            configuration.wedgeLimit = .seconds(2)
            configuration.wedgeAction = .fail
        }
        let worker = try fixture.worker(configure, logger: logger) { _, _ in clamp.hold() }
        let error = await #expect(throws: WorkerWedged.self) { try await worker.run() }
        #expect(error?.alert.kind == .notPolling && error?.alert.queue == "q")
        #expect(error?.alert.level == .failing)
        #expect(worker.health.level == .failing)
        clamp.open()
    }

    @Test("a producer's thread that hangs fails the worker")
    func wedgedProducer() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(1)
        let clamp = try Clamp()
        // It is the producer's thread that tells of a failed hop.
        let logger = Log().logger { entry in if entry.message.hasPrefix("hop failed") { clamp.hold() } }
        let configure = Self.closely { configuration in
            configuration.wedgeLimit = .seconds(2)
            configuration.wedgeAction = .fail
        }
        let worker = try fixture.worker(configure, logger: logger) { _, _ in throw JobError.deadLetter("never") }
        fixture.broker.failNext(.produce, with: Array(repeating: .topicAuthorizationFailed, count: 1000))
        let error = await #expect(throws: WorkerWedged.self) { try await worker.run() }
        #expect(error?.alert.kind == .producerNotPolling)
        clamp.open()
    }

    @Test("a worker whose lock is never given back is found out as well")
    func heldLock() async throws {
        let fixture = try WorkerFixture()
        var configuration = WorkerConfiguration()
        Self.closely(&configuration)
        configuration.wedgeLimit = .seconds(2)
        let producer = try Producer(fixture.client)
        let engine = Engine(configuration: configuration, producer: producer, logger: .disabled)
        let runtime = try fixture.runtime(JobRegistry(), configuration)
        let clamp = try Clamp()
        let wedge = FirstResult<Alert>()
        let watchdog = try Watchdog(
            engine: engine,
            producer: producer,
            runtimes: [runtime],
            reporters: [],
            metrics: MetricsRegistry(),
            sessionTimeout: .seconds(4),
            logger: .disabled
        ) { alert, _ in wedge.set(.success(alert)) }
        #expect(engine.observation(describing: []) != nil)
        OSThread.start(name: "test:lock") {
            engine.withScheduler { _ in clamp.hold() }
            runtime.vitals.end()
        }
        try await eventually("the lock is taken") { engine.observation(describing: []) == nil }
        watchdog.start()
        let alert = try await wedge.value()
        #expect(alert.kind == .notPolling && alert.text.contains("lock is taken"))
        watchdog.stop()
        clamp.open()
        await producer.close()
    }

    @Test("a wedge limit that the group's own would undercut is refused", arguments: [0, 300, 400])
    func limits(seconds: Int) async throws {
        let fixture = try WorkerFixture()
        let worker = try fixture.worker(set(\.wedgeLimit, .seconds(seconds))) { _, _ in }
        await #expect(throws: InputError.self) { try await worker.run() }
    }
}
