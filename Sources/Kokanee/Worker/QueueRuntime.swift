internal import RdKafka

/// A queue as one worker works it; the same for as long as the worker runs.
final class QueueRuntime: Sendable {
    let index: Int32
    let queue: Queue
    let jobs: JobRegistry
    let order: WorkerConfiguration.Order
    let retryPolicy: any RetryPolicy
    let maximumAttempts: Int
    let attemptTimeout: Duration?
    let logger: Logger
    /// Ends the wait of the queue's dispatcher.
    let wakeup: Wakeup
    /// What the dispatcher shows of itself to the watch.
    let vitals = DispatcherVitals()

    init(index: Int32, queue: Queue, jobs: JobRegistry, configuration: WorkerConfiguration, logger: Logger) throws {
        self.index = index
        self.queue = queue
        self.jobs = jobs
        self.logger = logger
        order = configuration.order
        retryPolicy = configuration.retryPolicy
        maximumAttempts = configuration.retryPolicy.maximumAttempts(ladder: queue.ladder)
        attemptTimeout = configuration.attemptTimeout
        wakeup = try Wakeup()
    }
}

/// A record in flight, with all that an attempt and a hop need.
struct JobContent: Sendable {
    let runtime: QueueRuntime
    let record: Record
    /// Nil where the record could not be read as a job: it only hops.
    let job: DecodedJob?
    /// Nil where nothing runs the job's type: it only hops.
    let handler: (any JobHandler)?
    /// Why nothing here runs the job. It takes its turn among the others all the same, so that the circuit, which
    /// stops a release that doesn't know the queue's jobs, can stop it.
    var refusal: Refusal?

    struct Refusal: Sendable {
        let reason: DeadReason
        let failure: Envelope.Failure
    }

    var place: Envelope.Origin {
        Envelope.Origin(topic: record.topic, partition: record.partition, offset: record.offset)
    }

    /// Names the job in log lines.
    var id: String { job?.envelope.id ?? place.description }
    var attempt: Int { job?.envelope.attempt ?? 1 }
}
