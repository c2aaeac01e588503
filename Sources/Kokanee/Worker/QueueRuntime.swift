internal import RdKafka
internal import Synchronization

/// A queue as one worker works it; the same for as long as the worker runs.
final class QueueRuntime: Sendable {
    let index: Int32
    let queue: Queue
    let jobs: JobRegistry
    let handlers: HandlerTable
    let order: WorkerConfiguration.Order
    let retryPolicy: any RetryPolicy
    let maximumAttempts: Int
    let attemptTimeout: Duration?
    let logger: Logger
    /// Of a queue that is a replay's.
    let replay: ReplayRun?
    /// Ends the wait of the queue's dispatcher.
    let wakeup: Wakeup
    /// What the dispatcher shows of itself to the watch.
    let vitals = DispatcherVitals()
    /// What operators want of the queue's offsets.
    let rewinds = RewindBoard()
    /// The queue's schedules, and whether this worker is in charge of them.
    let schedules: ScheduleBoard
    /// What the queue's jobs leave for later attempts and for others.
    let state: QueueState
    /// Whether any job may have to be looked at more closely than its record says: plain jobs are run without another
    /// look while this is false.
    let needsCare = Atomic(false)

    init(
        index: Int32,
        queue: Queue,
        jobs: JobRegistry,
        configuration: WorkerConfiguration,
        replay: ReplayRun? = nil,
        logger: Logger
    ) throws {
        self.index = index
        self.queue = queue
        schedules = ScheduleBoard(queue: queue.name)
        self.replay = replay
        self.jobs = jobs
        state = QueueState(queue: queue)
        handlers = HandlerTable(jobs)
        self.logger = logger
        order = configuration.order
        retryPolicy = configuration.retryPolicy
        maximumAttempts = configuration.retryPolicy.maximumAttempts(ladder: queue.ladder)
        attemptTimeout = configuration.attemptTimeout
        wakeup = try Wakeup()
    }
}
