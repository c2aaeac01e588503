internal import Glibc
public import RdKafka
internal import Synchronization

/// Works queues: a member of each queue's consumer group that runs jobs until it is stopped.
///
///     var jobs = JobRegistry()
///     try jobs.register(SendInvoice.self)
///     let worker = Worker(queues: [try Queue("invoices")], jobs: jobs, client: client)
///     try await worker.run()
///
/// Every job runs at least once. A job that fails climbs the queue's ladder and then becomes a dead letter. Offsets
/// are committed only when all below them is finished.
public final class Worker: Sendable {
    private let queues: [Queue]
    private let jobs: JobRegistry
    private let configuration: WorkerConfiguration
    private let client: ClientConfiguration
    private let logger: Logger
    private let control: WorkerControl
    private let engine = Mutex<Engine?>(nil)
    private let runs = Atomic(0)

    /// - Parameters:
    ///   - queues: one or more, of different names; all share the worker's concurrency.
    ///   - client: how to reach the brokers. What the worker's promises rest on, such as the group and that offsets
    ///     are committed by hand, is set whatever it says.
    public init(
        queues: [Queue],
        jobs: JobRegistry,
        configuration: WorkerConfiguration = WorkerConfiguration(),
        client: ClientConfiguration,
        logger: Logger = .disabled
    ) {
        self.queues = queues
        self.jobs = jobs
        self.configuration = configuration
        self.client = client
        self.logger = logger
        control = WorkerControl(name: configuration.name ?? Self.defaultName, queueCount: queues.count)
    }

    /// What the worker has done so far.
    public var statistics: WorkerStatistics {
        engine.withLock { $0 }?.statistics ?? WorkerStatistics()
    }

    /// Jobs that have been read and are not finished.
    public var inFlight: Int {
        engine.withLock { $0 }?.inFlight ?? 0
    }

    /// Ends ``run()`` in good order: nothing new is started, running jobs may finish within the configured limit,
    /// what is finished is committed, the group is left. Calling it again changes nothing.
    public func stop() {
        control.stop()
    }

    /// Works until ``stop()``, until the surrounding task is cancelled, or, where so configured, until the queues are
    /// idle. To be called once.
    ///
    /// - Throws: ``InputError`` for settings that can't be; ``TopicError`` where topics are missing, with the command
    ///   that creates them; ``KafkaError`` where no broker answers, or where the consumer can't go on.
    public func run() async throws {
        try validate()
        try await withTaskCancellationHandler {
            let layouts = try await prepareTopics()
            try await work(layouts)
        } onCancel: {
            control.stop()
        }
    }

    private func validate() throws {
        guard runs.add(1, ordering: .relaxed).oldValue == 0 else {
            throw InputError("a worker runs once; make another")
        }
        guard !queues.isEmpty else { throw InputError("a worker needs at least one queue") }
        guard Set(queues.map(\.name)).count == queues.count else { throw InputError("a queue is named twice") }
        guard queues.count == 1 || Set(queues.map(\.group)).count == queues.count else {
            throw InputError("each queue needs a consumer group of its own")
        }
        guard (1...100_000).contains(configuration.concurrency) else {
            throw InputError("a worker's concurrency is from 1 to 100000, not \(configuration.concurrency)")
        }
        let bounds = [
            Int64(configuration.maximumInFlight), Int64(configuration.maximumInFlightBytes), configuration.maximumGap,
        ]
        guard bounds.allSatisfy({ $0 > 0 }) else {
            throw InputError("a worker's bounds on what is in flight are at least 1")
        }
        try configuration.circuit?.validate()
    }

    // MARK: - Topics

    /// A queue's topics as the broker has them.
    private struct Layout: Sendable {
        let queue: Queue
        let partitions: Int
        /// Delays in milliseconds by topic, also of rungs that the ladder has no more.
        let rungs: [String: Int64]
    }

    private func prepareTopics() async throws -> [Layout] {
        let admin = try AdminClient(client)
        try await admin.reachable()
        let topics = TopicAdministrator(admin)
        var layouts: [Layout] = []
        for queue in queues {
            if configuration.createsTopics { _ = try await topics.create(queue) }
            let partitions = try await topics.require(queue)
            let rungs = try await rungs(of: queue, partitions: partitions, admin)
            layouts.append(Layout(queue: queue, partitions: partitions, rungs: rungs))
        }
        return layouts
    }

    /// The ladder's rungs, and those of an earlier ladder: jobs may wait there still, and nobody else would run them.
    private func rungs(of queue: Queue, partitions: Int, _ admin: AdminClient) async throws -> [String: Int64] {
        var rungs: [String: Int64] = [:]
        for rung in queue.ladder.rungs { rungs[queue.retryTopic(rung)] = rung.milliseconds }
        let prefix = "\(queue.name).retry."
        for (topic, count) in try await admin.metadata(topics: nil).topics where topic.hasPrefix(prefix) {
            guard rungs[topic] == nil, let delay = try? Duration(text: String(topic.dropFirst(prefix.count))) else {
                continue
            }
            guard let count = try? count.get(), count == partitions else {
                logger.log(
                    .warning,
                    "a rung of an earlier ladder has another number of partitions and is not worked",
                    ["topic": topic]
                )
                continue
            }
            rungs[topic] = delay.milliseconds
            logger.log(.info, "a rung of an earlier ladder is worked too", ["topic": topic])
        }
        return rungs
    }

    // MARK: - Work

    private func work(_ layouts: [Layout]) async throws {
        let producer = try Producer(producerConfiguration)
        let engine = Engine(configuration: configuration, producer: producer, logger: logger)
        self.engine.withLock { $0 = engine }
        _ = engine.clock.settleForMachine()
        engine.startRunners()
        let result = await Result.catching { try await dispatch(layouts, engine) }
        engine.close()
        await producer.close(within: .seconds(10))
        try result.get()
    }

    /// Runs a dispatcher for each queue, each on a thread of its own; the first that fails stops the others.
    private func dispatch(_ layouts: [Layout], _ engine: Engine) async throws {
        try await withThrowingTaskGroup { group in
            for (index, layout) in layouts.enumerated() {
                let runtime = try QueueRuntime(
                    index: Int32(index),
                    queue: layout.queue,
                    jobs: jobs,
                    configuration: configuration,
                    logger: logger
                )
                control.add(runtime.wakeup)
                let client = consumerConfiguration(layout)
                group.addTask { [control] in
                    try await OSThread.run(name: "kokanee:\(layout.queue.name)") {
                        try Dispatcher(
                            runtime: runtime,
                            engine: engine,
                            control: control,
                            client: client,
                            rungs: layout.rungs,
                            partitions: layout.partitions
                        ).run()
                    }
                }
            }
            var failure: (any Error)?
            while let result = await group.nextResult() {
                if case .failure(let error) = result {
                    failure = failure ?? error
                    control.stop()
                }
            }
            if let failure { throw failure }
        }
    }

    /// A hop's record is larger than its job's by its headers: whether it fits is for the broker to say.
    private var producerConfiguration: ClientConfiguration {
        var client = client
        client.properties["message.max.bytes"] = client.properties["message.max.bytes"] ?? "67108864"
        return client
    }

    private func consumerConfiguration(_ layout: Layout) -> ClientConfiguration {
        var client = client
        // Per partition: the main topic's share the budget, the rungs' are mostly short.
        let records = max(500, configuration.prefetchedRecords / max(1, layout.partitions))
        let kilobytes = max(256, configuration.prefetchedBytes / 1024 / max(1, layout.partitions))
        let defaults = [
            "queued.min.messages": "\(min(records, 10_000_000))",
            "queued.max.messages.kbytes": "\(min(kilobytes, 2_097_151))",
            "session.timeout.ms": "15000",
            "fetch.error.backoff.ms": "100",
            // What `kokanee status`, and Kafka's own tools, call the member.
            "client.id": control.name,
        ]
        client.properties.merge(defaults) { set, _ in set }
        // The earliest, never the latest: what was enqueued before the group's first worker is work, too.
        client.properties["auto.offset.reset"] = "earliest"
        // One worker owns partition i of all the queue's topics, and hands all back before it gets others.
        client.properties["partition.assignment.strategy"] = "range"
        if let instance = configuration.groupInstanceID { client.properties["group.instance.id"] = instance }
        return client
    }

    private static var defaultName: String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        let host = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return "\(host):\(getpid())"
    }
}

extension Result where Failure == any Error {
    /// As `init(catching:)`, for closures that suspend.
    static func catching(_ body: () async throws -> Success) async -> Result {
        do {
            return .success(try await body())
        } catch {
            return .failure(error)
        }
    }
}
