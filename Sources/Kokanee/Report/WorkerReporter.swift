internal import RdKafka
internal import Synchronization

/// Writes a queue's report to the control topic, so that `kokanee status` sees how the worker is.
///
/// Nothing waits for it, and nothing depends on it: a cluster that refuses reports is told of once, in the log.
final class WorkerReporter: Sendable {
    /// Called with what became of each report, on the producer's thread.
    typealias WhenEnded = @Sendable (Result<Delivery, KafkaError>) -> Void

    private enum Stage {
        case silent
        case reporting
        case ended
    }

    private let queue: Queue
    private let name: String
    private let key: String
    private let member: String?
    /// As the worker's configuration has them.
    private let limits: [JobLimit]
    private let started = Timestamp.now
    private let producer: Producer
    private let logger: Logger
    private let whenEnded: WhenEnded
    private let start = ContinuousClock.now
    private let pacer = Mutex(ReportPacer())
    /// Held while a record is handed over, so that no report can follow the end's tombstone.
    private let stage = Mutex(Stage.silent)

    init(
        _ queue: Queue,
        name: String,
        isNameShared: Bool = false,
        member: String? = nil,
        limits: [JobLimit] = [],
        producer: Producer,
        logger: Logger,
        whenEnded: @escaping WhenEnded = { _ in }
    ) {
        self.queue = queue
        self.name = name
        // What ends without a word leaves its report for ever, and a new run one more: not where there is no need.
        let run = isNameShared ? String(UInt64.random(in: 0...UInt64.max), radix: 36) : nil
        key = WorkerReport.key(group: queue.group, name: name, run: run)
        self.member = member
        self.limits = Array(limits.prefix(WorkerReport.limitLimit))
        self.producer = producer
        self.logger = logger
        self.whenEnded = whenEnded
    }

    /// The report that is due now; nil if none is. To be followed by ``send(_:)``.
    ///
    /// - Parameters:
    ///   - health: the worker's; what belongs to other queues is left out.
    ///   - counters: read only where a report is due.
    func reportIfDue(
        _ health: Health,
        _ circuit: QueueStatus.Circuit,
        _ hold: WorkerReport.Hold? = nil,
        _ running: [RunningJob] = [],
        limited: [String] = [],
        counters: () -> [String: Int64]
    ) -> WorkerReport? {
        let own = Health(alerts: health.alerts.filter { $0.queue == nil || $0.queue == queue.name })
        let essence = ReportPacer.Essence(
            health: own.level,
            kinds: Set(own.alerts.map(\.kind)),
            circuit: circuit,
            hold: hold,
            hasLongJobs: !(running.isEmpty && limited.isEmpty)
        )
        guard pacer.withLock({ $0.shouldReport(essence, time: .now - start) }) else { return nil }
        return WorkerReport(
            at: Timestamp.now,
            queue: queue.name,
            group: queue.group,
            name: name,
            member: member,
            version: Worker.version,
            started: started,
            health: own.level,
            alerts: Array(own.alerts.prefix(WorkerReport.alertLimit)),
            circuit: circuit,
            hold: hold,
            running: Array(running.prefix(WorkerReport.runningLimit)),
            limited: Array(limited.prefix(WorkerReport.runningLimit)),
            limits: limits,
            counters: counters()
        )
    }

    /// Hands a report to the producer, which may have to wait for its lock.
    func send(_ report: WorkerReport) {
        let value = Bytes(report.json.finish())
        stage.withLock { stage in
            // After the tombstone a report would make the worker rise from the dead.
            guard stage != .ended else { return }
            stage = .reporting
            produce(value)
        }
    }

    /// Takes the report back, if there was one: the worker has ended in good order.
    func end() {
        stage.withLock { stage in
            if stage == .reporting { produce(nil) }
            stage = .ended
        }
    }

    private func produce(_ value: Bytes?) {
        let record = ProducerRecord(topic: Queue.controlTopic, key: Bytes(key), value: value)
        producer.produceInPassing(record) { [self] result in
            let now = ContinuousClock.now
            var refusal: KafkaError?
            whenEnded(result)
            switch result {
            case .success: break
            // The end of a worker that is cut off; not worth a word.
            case .failure(let error) where error.code == .localDestroyed: return
            case .failure(let error): refusal = error
            }
            let isNews = pacer.withLock { $0.ended(isRefused: refusal != nil, time: now - start) }
            guard isNews, let refusal else { return }
            logger.log(
                .warning,
                "a report for status was refused; work goes on, and status does not see how this worker is",
                ["topic": Queue.controlTopic, "queue": queue.name, "error": "\(refusal)"]
            )
        }
    }
}
