internal import Glibc
import RdKafka
import Synchronization
import TestSupport

@testable import Kokanee

/// A queue on an embedded cluster of its own, so that faults hit nobody else, and workers for it.
struct WorkerFixture {
    let broker: EmbeddedBroker
    let queue: Queue
    let partitions: Int
    let client: ClientConfiguration
    let admin: AdminClient

    /// - Parameter properties: of all clients. The embedded broker lets a rebalance last for the session timeout.
    init(
        partitions: Int = 1,
        brokers: Int = 1,
        ladder: String = "1s",
        properties: [String: String] = [:]
    ) throws {
        broker = try EmbeddedBroker(brokers: brokers)
        queue = try Queue("q", ladder: Ladder(text: ladder))
        self.partitions = partitions
        for topic in queue.allTopics { try broker.createTopic(topic, partitions: partitions) }
        try broker.createTopic(Queue.controlTopic, partitions: 1)
        let timing = ["session.timeout.ms": "4000", "heartbeat.interval.ms": "500", "reconnect.backoff.max.ms": "500"]
        client = ClientConfiguration(
            bootstrapServers: broker.bootstrapServers,
            properties: timing.merging(properties) { $1 }
        )
        admin = try AdminClient(client)
    }

    /// Enqueues plain records, their values the numbers from `first` up.
    func enqueue(
        _ count: Int,
        from first: Int = 0,
        key: (Int) -> String? = { _ in nil },
        partition: (Int) -> Int = { _ in 0 }
    ) async throws {
        let producer = try Producer(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        let records = (first..<first + count).map { index in
            ProducerRecord(
                topic: queue.mainTopic,
                partition: Int32(partition(index)),
                key: key(index).map { Bytes($0) },
                value: Bytes("\(index)")
            )
        }
        for result in await producer.send(records) { _ = try result.get() }
        await producer.close()
    }

    func worker(
        _ configure: (inout WorkerConfiguration) -> Void = { _ in },
        client: ClientConfiguration? = nil,
        logger: Logger = .disabled,
        perform: @escaping @Sendable (Int, JobContext) async throws -> Void
    ) throws -> Worker {
        var jobs = JobRegistry()
        try jobs.register("default") { (payload: Bytes, context) in try await perform(Int(payload.text) ?? -1, context)
        }
        var configuration = WorkerConfiguration()
        configuration.commitInterval = .milliseconds(50)
        configuration.revocationLimit = .seconds(2)
        configure(&configuration)
        return Worker(
            queues: [queue],
            jobs: jobs,
            configuration: configuration,
            client: client ?? self.client,
            logger: logger
        )
    }

    /// The queue as a worker would have it, for what needs no worker.
    func runtime(
        _ jobs: JobRegistry = JobRegistry(),
        _ configuration: WorkerConfiguration = WorkerConfiguration(),
        startLimit: StartLimit = StartLimit()
    ) throws -> QueueRuntime {
        try QueueRuntime(
            index: 0,
            queue: queue,
            jobs: jobs,
            configuration: configuration,
            startLimit: startLimit,
            logger: .disabled
        )
    }

    /// The group's committed offset of a partition of the main topic; nil where there is none.
    func committed(_ partition: Int32 = 0) async throws -> CommittedOffset? {
        let place = TopicPartition(topic: queue.mainTopic, partition: partition)
        return try await admin.committedOffsets(group: queue.group, [place])[place] ?? nil
    }

    /// All that a topic of the queue holds.
    func records(of topic: String) async throws -> [Record] {
        let ranges = (0..<Int32(partitions)).map { (TopicPartition(topic: topic, partition: $0), 0..<Int64.max) }
        let records = Mutex<[Record]>([])
        try await TopicReader.read(Dictionary(uniqueKeysWithValues: ranges), configuration: client) { record in
            records.withLock { $0.append(record) }
            return true
        }
        return records.withLock { $0 }
    }
}

/// A configuration that differs from the default in one thing.
func set<Value>(
    _ property: WritableKeyPath<WorkerConfiguration, Value>,
    _ value: Value
) -> (inout WorkerConfiguration) -> Void {
    { $0[keyPath: property] = value }
}

/// Runs workers beside a test's body, and stops them behind it.
func running(_ workers: Worker..., during body: () async throws -> Void) async throws {
    try await withThrowingTaskGroup { group in
        for worker in workers { group.addTask { try await worker.run() } }
        do {
            try await body()
        } catch {
            for worker in workers { worker.stop() }
            throw error
        }
        for worker in workers { worker.stop() }
        try await group.waitForAll()
    }
}

/// What ran, in the order in which it happened.
final class Ledger: Sendable {
    private struct State {
        var starts: [Int] = []
        var ends: [Int] = []
        var running: [String: Int] = [:]
        var mostBeside: [String: Int] = [:]
    }

    private let state = Mutex(State())

    var starts: [Int] { state.withLock { $0.starts } }
    var ends: [Int] { state.withLock { $0.ends } }
    /// The most jobs of one name that ran at one time.
    func mostBeside(_ name: String) -> Int { state.withLock { $0.mostBeside[name] ?? 0 } }
    var mostBesideOfAny: Int { state.withLock { $0.mostBeside.values.max() ?? 0 } }

    /// Notes a job's start and, if it returns, its end.
    func run(_ job: Int, as name: String = "", _ body: () async throws -> Void) async throws {
        state.withLock { state in
            state.starts.append(job)
            state.running[name, default: 0] += 1
            state.mostBeside[name] = max(state.mostBeside[name] ?? 0, state.running[name] ?? 0)
        }
        defer { state.withLock { $0.running[name, default: 0] -= 1 } }
        try await body()
        state.withLock { $0.ends.append(job) }
    }
}

/// Holds jobs until the test opens it.
final class Gate: Sendable {
    private let isOpen = Mutex(false)

    func open() { isOpen.withLock { $0 = true } }

    /// - Throws: `CancellationError` where the attempt is cancelled.
    func pass() async throws {
        while !isOpen.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(5)) }
    }

    /// As ``pass()``, whatever happens to the task.
    func passStubbornly() async {
        while !isOpen.withLock({ $0 }) {
            await withCheckedContinuation { continuation in
                OSThread.start(name: "test:gate") {
                    usleep(5000)
                    continuation.resume()
                }
            }
        }
    }
}
