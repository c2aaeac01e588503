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
    /// The release of Kokanee, as `kokanee --version` tells it.
    public static let version = "0.1.0"

    /// What the worker counts; see docs/operations.md for the names.
    public let metrics = MetricsRegistry()
    let queues: [Queue]
    /// What is replayed, where the worker works a replay.
    let replay: ReplayRecord?
    private let jobs: JobRegistry
    let configuration: WorkerConfiguration
    let client: ClientConfiguration
    let logger: Logger
    let control: WorkerControl
    private let engine = Mutex<Engine?>(nil)
    private let watchdog = Mutex<Watchdog?>(nil)
    private let runs = Atomic(0)
    let replayRun = Mutex<ReplayRun?>(nil)

    /// - Parameters:
    ///   - queues: one or more, of different names; all share the worker's concurrency.
    ///   - client: how to reach the brokers. What the worker's promises rest on, such as the group and that offsets
    ///     are committed by hand, is set whatever it says.
    public convenience init(
        queues: [Queue],
        jobs: JobRegistry,
        configuration: WorkerConfiguration = WorkerConfiguration(),
        client: ClientConfiguration,
        logger: Logger = .disabled
    ) {
        self.init(queues, nil, jobs, configuration, client, logger)
    }

    init(
        _ queues: [Queue],
        _ replay: ReplayRecord?,
        _ jobs: JobRegistry,
        _ configuration: WorkerConfiguration,
        _ client: ClientConfiguration,
        _ logger: Logger
    ) {
        self.queues = queues
        self.replay = replay
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

    /// Puts a queue's limits in the place of what they were, as the control topic's word; nothing before ``run()``.
    ///
    /// - Parameter queue: its index.
    func setLimits(_ table: LimitTable, queue: Int32) {
        engine.withLock { $0 }?.setLimits(table, queue: queue)
    }

    /// How the worker is, as of its watch's last look, a second ago at most; all is well before ``run()``.
    public var health: Health {
        watchdog.withLock { $0 }?.health ?? .ok
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
    ///   that creates them; ``KafkaError`` where no broker answers, or where the consumer can't go on;
    ///   ``WorkerWedged`` where a thread hangs, if so configured.
    public func run() async throws {
        guard runs.add(1, ordering: .relaxed).oldValue == 0 else {
            throw InputError("a worker runs once; make another")
        }
        try validate()
        try await withTaskCancellationHandler {
            let layouts = try await prepareTopics()
            guard let replay else { return try await work(layouts, nil) }
            let run = try await prepare(replay)
            try await following(run) { try await work(layouts, run) }
        } onCancel: {
            control.stop()
        }
    }

    // MARK: - Topics

    /// A queue's topics as the broker has them.
    private struct Layout: Sendable {
        let queue: Queue
        let partitions: Int
        /// Delays in milliseconds by topic, also of rungs that the ladder has no more.
        let rungs: [String: Int64]
        /// The topics of the priorities that the queue has beside the normal one.
        let priorities: [String: Priority]
    }

    private func prepareTopics() async throws -> [Layout] {
        let admin = try AdminClient(client)
        try await admin.reachable()
        let topics = TopicAdministrator(admin)
        var layouts: [Layout] = []
        for queue in queues {
            if configuration.createsTopics { _ = try await topics.create(queue) }
            let partitions = try await topics.require(queue)
            let metadata = try await admin.metadata(topics: nil)
            layouts.append(
                Layout(
                    queue: queue,
                    partitions: partitions,
                    rungs: try rungs(of: queue, partitions: partitions, metadata),
                    priorities: priorities(of: queue, partitions: partitions, metadata)
                )
            )
        }
        return layouts
    }

    /// The ladder's rungs, and those of an earlier ladder: jobs may wait there still, and nobody else would run them.
    private func rungs(of queue: Queue, partitions: Int, _ metadata: ClusterMetadata) throws -> [String: Int64] {
        var rungs: [String: Int64] = [:]
        for rung in queue.ladder.rungs { rungs[queue.retryTopic(rung)] = rung.milliseconds }
        let prefix = "\(queue.name).retry."
        for (topic, count) in metadata.topics where topic.hasPrefix(prefix) {
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

    /// The topics of priorities that are there. One worker has to own partition i of all topics of a queue.
    private func priorities(of queue: Queue, partitions: Int, _ metadata: ClusterMetadata) -> [String: Priority] {
        var found: [String: Priority] = [:]
        for (topic, priority) in queue.priorityTopics {
            guard let count = try? metadata.topics[topic]?.get() else { continue }
            guard count == partitions else {
                logger.log(
                    .error,
                    "the topic of a priority has another number of partitions and is not worked; its jobs wait",
                    ["topic": topic, "partitions": "\(count)", "queue": "\(partitions)"]
                )
                continue
            }
            found[topic] = priority
        }
        return found
    }

    // MARK: - Work

    private func work(_ layouts: [Layout], _ replay: ReplayRun?) async throws {
        let producer = try Producer(await producerConfiguration(layouts.map(\.queue)))
        let hooks =
            configuration.hooks.isEmpty
            ? nil : HookDesk(configuration.hooks, metrics: metrics, logger: logger)
        let engine = Engine(configuration: configuration, producer: producer, hooks: hooks, logger: logger)
        self.engine.withLock { $0 = engine }
        let jobs = jobs.inside(configuration.middleware)
        (configuration.middleware + self.jobs.middleware).attach(to: metrics)
        let runtimes = try layouts.enumerated().map { index, layout in
            try QueueRuntime(
                index: Int32(index),
                queue: layout.queue,
                jobs: jobs,
                configuration: configuration,
                replay: replay,
                startLimit: engine.startLimit,
                logger: logger
            )
        }
        for runtime in runtimes { runtime.outputs?.open(runtime, engine, client) }
        for runtime in runtimes {
            runtime.state.attach(StateLink(engine: engine, client: client, queue: runtime.index))
        }
        let reporters = layouts.map { layout in
            WorkerReporter(
                layout.queue,
                name: control.name,
                // Of a service all workers may have it.
                isNameShared: configuration.name != nil,
                member: client.properties["client.id"],
                limits: configuration.limits[layout.queue.name]?.limits ?? [],
                producer: producer,
                logger: logger
            ) { result in
                engine.settleClock(by: result)
            }
        }
        let end = FirstResult<Void>()
        let watchdog = try makeWatchdog(engine, producer, runtimes, reporters, end)
        self.watchdog.withLock { $0 = watchdog }
        collectMetrics(engine, producer, watchdog)
        let fleet = try followFleet(runtimes, engine)
        let keepers = startKeepers(runtimes, engine)
        engine.startRunners()
        watchdog.start()
        // Nothing of a worker that hangs can be waited for: the task may outlive this call.
        Task {
            let result = await Result.catching { try await dispatch(layouts, runtimes, engine) }
            engine.close()
            for runtime in runtimes { runtime.state.detach() }
            fleet.stop()
            for keeper in keepers { keeper.cancel() }
            for reporter in reporters { reporter.end() }
            await producer.close(within: .seconds(10))
            await hooks?.close(within: .seconds(10))
            watchdog.stop()
            end.set(result)
        }
        try await end.value()
    }

    /// Has the schedules of queues fired that are worked live.
    private func startKeepers(_ runtimes: [QueueRuntime], _ engine: Engine) -> [Task<Void, Never>] {
        runtimes.filter { $0.replay == nil }.map { runtime in
            let keeper = ScheduleKeeper(
                runtime,
                engine,
                control,
                schedules: configuration.schedules[runtime.queue.name] ?? [],
                client: client,
                logger: logger
            )
            return Task { await keeper.run() }
        }
    }

    private func makeWatchdog(
        _ engine: Engine,
        _ producer: Producer,
        _ runtimes: [QueueRuntime],
        _ reporters: [WorkerReporter],
        _ end: FirstResult<Void>
    ) throws -> Watchdog {
        try Watchdog(
            engine: engine,
            producer: producer,
            runtimes: runtimes,
            reporters: reporters,
            metrics: metrics,
            sessionTimeout: .milliseconds(client.sessionTimeout),
            logger: logger
        ) { [action = configuration.wedgeAction, control] alert, relay in
            switch action.kind {
            case .endProcess: ProcessEnd.now(alert, relay: relay)
            case .fail:
                control.stop()
                end.set(.failure(WorkerWedged(alert: alert)))
            }
        }
    }

    private func collectMetrics(_ engine: Engine, _ producer: Producer, _ watchdog: Watchdog) {
        // The watchdog has the registry: each would keep the other, and with it the whole worker, for ever.
        metrics.collect { [names = queues.map(\.name), weak watchdog] in
            let counts = engine.counts
            return WorkerMetrics.samples(counts.statistics, fenced: counts.fenced, queues: names)
                + WorkerMetrics.gauges(
                    inFlight: counts.inFlight,
                    setAside: engine.limitObservations.reduce(0) { $0 + $1.waiting },
                    abandoned: counts.abandoned,
                    unacknowledged: producer.unacknowledged,
                    health: watchdog?.health ?? .ok
                )
        }
    }

    /// Runs a dispatcher for each queue, each on a thread of its own; the first that fails stops the others.
    private func dispatch(_ layouts: [Layout], _ runtimes: [QueueRuntime], _ engine: Engine) async throws {
        try await withThrowingTaskGroup { group in
            for (layout, runtime) in zip(layouts, runtimes) {
                control.add(runtime.wakeup)
                let client = consumerConfiguration(layout)
                group.addTask { [control] in
                    try await OSThread.run(name: "kokanee:\(layout.queue.name)") {
                        defer { runtime.vitals.end() }
                        try Dispatcher(
                            runtime: runtime,
                            engine: engine,
                            control: control,
                            client: client,
                            rungs: layout.rungs,
                            priorities: layout.priorities,
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
    ///
    /// But brokers hold a topic's limit against a batch, which librdkafka does not split: one of several records is not to
    /// be larger than what each topic of the queues takes, or a job would be cut, or lose its mark, for its neighbours'
    /// sake.
    private func producerConfiguration(_ queues: [Queue]) async -> ClientConfiguration {
        var client = client
        client.properties["message.max.bytes"] = client.properties["message.max.bytes"] ?? "67108864"
        guard client.properties["batch.size"] == nil else { return client }
        let topics = queues.flatMap { queue in
            [queue.mainTopic, queue.deadLetterTopic, queue.stateTopic] + queue.ladder.rungs.map(queue.retryTopic)
        }
        let limit = await TopicAdministrator.smallestBatchLimit(of: topics, client)
        if let limit, limit < Self.usualBatchSize { client.properties["batch.size"] = "\(max(1, limit))" }
        return client
    }

    /// librdkafka's.
    private static let usualBatchSize = 1_000_000

    private func consumerConfiguration(_ layout: Layout) -> ClientConfiguration {
        var client = client
        let prefetch = Prefetch(configuration, partitions: layout.partitions)
        let defaults = [
            "session.timeout.ms": "\(client.sessionTimeout)",
            "fetch.error.backoff.ms": "100",
            // What `kokanee status`, and Kafka's own tools, call the member.
            "client.id": control.name,
        ]
        client.properties.merge(defaults) { set, _ in set }
        let fetching = prefetch.properties(besideMessagesOf: client.properties["message.max.bytes"])
        client.properties.merge(fetching) { set, _ in set }
        // The earliest, never the latest: what was enqueued before the group's first worker is work, too.
        client.properties["auto.offset.reset"] = "earliest"
        // One worker owns partition i of all the queue's topics, and hands all back before it gets others.
        client.properties["partition.assignment.strategy"] = "range"
        // A job of a transaction that was aborted was never enqueued.
        client.properties["isolation.level"] = "read_committed"
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
