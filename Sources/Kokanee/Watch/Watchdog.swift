internal import RdKafka
internal import Synchronization

/// Looks at a worker once a second, from a thread that needs nothing of it: says what is wrong, keeps its health, has
/// it reported, and acts where a thread hangs for good.
final class Watchdog: Sendable {
    /// Alerts of one kind that are logged one by one at a look; more are counted.
    private static let wordsPerKind = 10

    private let engine: Engine
    private let producer: Producer
    private let runtimes: [QueueRuntime]
    private let reporters: [WorkerReporter]
    private let limits: WatchLimits
    private let metrics: MetricsRegistry
    private let logger: Logger
    /// Called once, on the watch's thread, with what hangs for good.
    private let whenWedged: @Sendable (Alert, Relay) -> Void
    private let wakeup: Wakeup
    private let relay: Relay
    private let isStopping = Atomic(false)
    private let current = Mutex(Health.ok)

    init(
        engine: Engine,
        producer: Producer,
        runtimes: [QueueRuntime],
        reporters: [WorkerReporter],
        metrics: MetricsRegistry,
        sessionTimeout: Duration,
        logger: Logger,
        whenWedged: @escaping @Sendable (Alert, Relay) -> Void
    ) throws(KafkaError) {
        self.engine = engine
        self.producer = producer
        self.runtimes = runtimes
        self.reporters = reporters
        var limits = engine.configuration.watchLimits
        limits.assignment =
            limits.assignment
            ?? WatchLimits.assignment(
                sessionTimeout: sessionTimeout,
                revocationLimit: engine.configuration.revocationLimit
            )
        self.limits = limits
        self.metrics = metrics
        self.logger = logger
        self.whenWedged = whenWedged
        wakeup = try Wakeup()
        relay = try Relay()
    }

    /// As of the last look.
    var health: Health { current.withLock { $0 } }

    func start() {
        relay.start()
        OSThread.start(name: "kokanee:watch") { [self] in
            watch()
            relay.end()
        }
    }

    /// The thread ends at its next look, and acts no more.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        wakeup.wake()
    }

    private func watch() {
        var rules = WatchRules(limits: limits)
        var book = AlertBook()
        var lastLookAt = engine.clock.monotonic()
        var isWedged = false
        let pause = Int32(clamping: max(1, limits.interval.milliseconds))
        // The first look is at once: the acknowledgement of the first report tells the worker what time it is.
        while !isStopping.load(ordering: .relaxed) {
            defer { wakeup.wait(milliseconds: pause) }
            let now = engine.clock.monotonic()
            let seen = observe(rules.suspects, now: now)
            let findings = rules.look(seen, elapsed: now - lastLookAt)
            lastLookAt = now
            let (news, raised) = book.update(findings.alerts, time: rules.time)
            for subject in raised {
                let queue = seen.queues.first { $0.index == subject.queue }?.name
                WorkerMetrics.alertsRaised(subject.kind, queue: queue, in: metrics).add()
            }
            let health = Health(alerts: book.active)
            current.withLock { $0 = health }
            tell(news)
            if let engine = seen.engine { report(health, engine) }
            if let alert = findings.wedge, !isWedged {
                isWedged = true
                whenWedged(alert, relay)
            }
        }
    }

    private func observe(_ suspects: Set<Int>, now: ContinuousClock.Instant) -> WatchObservation {
        let pulse = producer.pulse(now: now)
        return WatchObservation(
            wall: engine.clock.wall(),
            engine: engine.observation(describing: suspects),
            queues: runtimes.map { runtime in
                .init(
                    index: runtime.index,
                    name: runtime.queue.name,
                    group: runtime.queue.group,
                    turns: runtime.vitals.turnCount,
                    hasEnded: runtime.vitals.hasEnded,
                    hasAssignment: runtime.vitals.hasAssignment,
                    overdue: runtime.vitals.overdueHeads,
                    names: runtime.vitals.names
                )
            },
            producer: .init(
                turns: pulse.turns,
                unacknowledged: pulse.load?.unacknowledged ?? 0,
                oldest: pulse.load?.oldest
            )
        )
    }

    private func report(_ health: Health, _ seen: WatchObservation.Engine) {
        for (runtime, reporter) in zip(runtimes, reporters) {
            let hold = seen.holds[runtime.index].flatMap(WorkerReport.Hold.init)
            let running = seen.running(in: runtime.index, wall: engine.clock.wall())
            let limited = seen.limited(in: runtime.index)
            let circuit = seen.circuits[runtime.index] ?? .closed
            let report = reporter.reportIfDue(health, circuit, hold, running, limited: limited) {
                let queues = runtimes.map(\.queue.name)
                let counts = WorkerMetrics.samples(seen.statistics, fenced: seen.fenced, queues: queues)
                return MetricsSnapshot(metrics.countersNow() + counts).counters(ofQueue: runtime.queue.name)
            }
            if let report { relay.run { reporter.send(report) } }
        }
    }

    // MARK: - Words

    private func tell(_ news: [AlertBook.News]) {
        var told: [Alert.Kind: Int] = [:]
        for item in news {
            let (alert, duration, isOver): (Alert, Duration?, Bool) =
                switch item {
                case .raised(let alert): (alert, nil, false)
                case .persists(let alert, let duration): (alert, duration, false)
                case .cleared(let alert, let duration): (alert, duration, true)
                }
            // The circuit has its own words for what it does.
            guard alert.kind != .circuit else { continue }
            told[alert.kind, default: 0] += 1
            guard told[alert.kind, default: 0] <= Self.wordsPerKind else { continue }
            log(alert, duration, isOver: isOver)
        }
        for (kind, count) in told where count > Self.wordsPerKind {
            relay.run { [logger] in
                logger.log(
                    .warning,
                    "more alerts of the same kind; kokanee status has them",
                    ["alert": kind.name, "more": "\(count - Self.wordsPerKind)"]
                )
            }
        }
    }

    private func log(_ alert: Alert, _ duration: Duration?, isOver: Bool) {
        let level: Logger.Level = isOver ? .notice : alert.level == .failing ? .error : .warning
        let message = WatchWords.message(alert.kind)
        let lasting = duration.map { Duration.seconds($0.components.seconds).text } ?? ""
        relay.run { [logger] in
            logger.log(
                level,
                isOver ? "over: \(message)" : message,
                [
                    "alert": alert.kind.name, "queue": alert.queue ?? "", "at": alert.place ?? "", "for": lasting,
                    "what": alert.text, "do": isOver ? "" : alert.advice,
                ]
            )
        }
    }
}

extension WorkerReport.Hold {
    fileprivate init?(_ holding: WatchObservation.Holding) {
        switch holding.hold {
        case .unknown: return nil
        case .pause(let at), .drain(let at):
            let waits = Array(holding.waits.prefix(WorkerReport.waitLimit))
            self.init(at: at, running: holding.running, left: holding.left, waits: waits)
        }
    }
}
