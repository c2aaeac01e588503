/// How a worker works. Every property has a default that suits most queues.
public struct WorkerConfiguration: Sendable {
    /// In which order jobs run; see the guarantees in `docs/semantics.md`.
    public struct Order: Sendable, Hashable {
        enum Kind {
            case key
            case partition
            case unordered
        }

        let kind: Kind

        /// Jobs of one key run one at a time, in the log's order; jobs without a key beside all others.
        public static let key = Order(kind: .key)
        /// All jobs of a partition run one at a time.
        public static let partition = Order(kind: .partition)
        /// Every job runs as soon as there is a slot.
        public static let unordered = Order(kind: .unordered)
    }

    /// Attempts that run at the same time, over all queues of the worker. Default 16, at least 1.
    public var concurrency = 16
    /// How many of them the handler can use now, where that changes. Default nil: all.
    package var demand: HandlerDemand?
    /// Default `.key`. The fewer jobs may run beside each other, the more a slow one holds up.
    public var order = Order.key
    /// What bounds the jobs of a queue, by its name. Default: nothing. What `kokanee limits` has written for a queue
    /// counts instead.
    public var limits: [String: LimitTable] = [:]
    /// How to choose between the priorities of a queue that has several. Default: by the weights 6, 3 and 1.
    public var priorities = PriorityPolicy.weighted()
    /// How the worker's starts are shared out among its queues that have ready jobs, by name: from 1 to 1000, and 1 for
    /// a queue that is not named. A queue of weight *w* gets its next start after at most ⌈*v* / *w*⌉ + 1 of each other
    /// queue of weight *v*.
    public var weights: [String: Int] = [:]
    /// Default: one attempt, and one more for each rung.
    public var retryPolicy: any RetryPolicy = .ladder()
    /// How long an attempt may run before its task is cancelled. Default 10 minutes; nil is for ever, and then a
    /// handler that hangs holds its partition's watermark until the worker is restarted.
    public var attemptTimeout: Duration? = .seconds(600)
    /// How long a handler lets attempts run that minds their timeout itself. Default nil: it does not.
    package var handlerTimeout: Duration?
    /// Bytes that a job's result may have at most. Default 256 KiB: results travel through Kafka, and every worker that
    /// takes a partition over reads those that are kept.
    public var resultLimit = 256 << 10
    /// How long a job's result is kept where ``NewJob/keepResult`` does not say, from 1 ms to 36,500 days. Default 1 h.
    public var resultRetention = Duration.seconds(3600)
    /// How long a cancelled attempt may take to end. After that it is reported as stuck, counts as failed, and gets
    /// its slot replaced; what it does later is ignored. Default 10 s.
    public var cancellationGrace = Duration.seconds(10)
    /// How long running jobs may go on after ``Worker/stop()``. Default 25 s, inside the 30 s that Kubernetes gives.
    public var shutdownLimit = Duration.seconds(25)
    /// How long a rebalance waits for running jobs, and all of the group with it. Default 5 s. Jobs that take longer
    /// go on if their partition comes back to this worker, as most do; else they are cancelled, and run again with the
    /// partition's next owner.
    public var revocationLimit = Duration.seconds(5)
    /// When to stop a queue's intake because too many of its jobs die. Nil never does.
    public var circuit: CircuitPolicy? = CircuitPolicy()
    /// What becomes of jobs whose type this build does not know. Default `.deadLetter`. With `.wait(upTo:)` a deploy may
    /// roll while jobs of new types are enqueued; the circuit does not count those that wait.
    public var unknownTypes = RefusalPolicy.deadLetter
    /// What becomes of jobs whose payload is of a newer version than this build knows. Default `.deadLetter`; as
    /// ``unknownTypes``.
    public var newerVersions = RefusalPolicy.deadLetter
    /// What becomes of jobs that expired before an attempt began. Default `.discard`.
    public var expiredJobs = ExpiryPolicy.discard
    /// Fields of payloads whose values are not to stand in errors, as ``Redaction`` names them: neither in the log nor in
    /// the records of jobs that failed. Default none.
    public var redactedFields: [String] = []
    /// How often finished offsets are committed. Default 1 s. What finished since the last commit runs again after a
    /// crash.
    public var commitInterval = Duration.seconds(1)
    /// Jobs that are read and not finished, over all partitions. Default 10,000. Each costs about a kilobyte beside
    /// its payload. This one and the two that follow are from 1 to 2⁴⁰.
    public var maximumInFlight = 10_000
    /// Bytes of payloads, keys and headers in flight. Default 64 MiB.
    public var maximumInFlightBytes = 64 << 20
    /// Offsets between a partition's oldest unfinished job and its newest. Default 10,000: a job that hangs stops its
    /// partition after that many.
    public var maximumGap: Int64 = 10_000
    /// Records that are fetched and not read yet, over all partitions of the main topic; what one fetch brings of a
    /// partition comes on top. Default 20,000: less, and a fast worker may wait for a distant broker; more takes about a
    /// kilobyte each beside its payload. A partition gets its share, of 32 at least.
    public var prefetchedRecords = 20_000
    /// Bytes of their payloads and keys. Default 32 MiB; a partition gets its share, of 64 KiB at least.
    public var prefetchedBytes = 32 << 20
    /// For how long a partition's watermark may stand still while there is work, before the worker raises an alert.
    /// Default 60 s. A job that runs within ``attemptTimeout`` may hold it for longer; without a timeout, one that has said
    /// within the last minute that it goes on: by its progress, a checkpoint, or ``JobContext/extend(by:)``.
    public var stallLimit: Duration {
        get { watchLimits.stall }
        set { watchLimits.stall = newValue }
    }
    /// How long a thread that polls Kafka, a queue's or the producer's, may hang before the worker counts as wedged.
    /// Default 60 s; at least 1 s, and below `max.poll.interval.ms`. Brokers that don't answer can hold a queue's
    /// thread up for 10 s at a time: less than 15 s may take their absence for a wedge.
    public var wedgeLimit: Duration {
        get { watchLimits.wedge }
        set { watchLimits.wedge = newValue }
    }
    /// What follows then. Default `.endProcess`: a member that hangs holds its partitions, and the group thinks well
    /// of it, because librdkafka goes on sending its heartbeats.
    public var wedgeAction = WedgeAction.endProcess
    var watchLimits = WatchLimits()
    /// Kafka's static membership: a worker that is back within the session timeout gets its partitions without a
    /// rebalance. Unique in the group. Default none.
    public var groupInstanceID: String?
    /// Names the worker for people in `kokanee status`; others may have the same name. Default `host:pid`.
    public var name: String?
    /// What release of the handlers this worker runs: a version, a commit's hash. It is noted beside what the worker
    /// completes, so that a replay can select just that. At most 200 bytes without control characters. Default nil, which
    /// is noted as "".
    public var build: String?
    /// Notes in the queue's state topic which jobs were completed and which failed, for replays to select by. Default
    /// true. It takes a few hundred bytes for each partition at work at each commit, and a commit waits for them, 2 s at
    /// most.
    public var marksOutcomes = true
    /// For how long a job's idempotency key counts as done, where the job itself doesn't say. Default 24 h, at most 365
    /// days. Each costs about 100 bytes of memory, and of the state topic.
    public var idempotencyWindow = Duration.seconds(86_400)
    /// What is done around every attempt, the first outermost. Default none. It costs each job a call; see
    /// ``JobRegistry/use(_:for:)-(_,String)`` for single types.
    public var middleware: [any JobMiddleware] = []
    /// Who is told what becomes of jobs. Default none. With any, each job is accounted for by itself, which a worker of
    /// jobs that take microseconds feels.
    public var hooks: [any JobHooks] = []
    /// Schedules by the queue's name. Whichever worker is in charge of the queue's schedules writes them down, so that
    /// `kokanee cron list` shows them; it replaces what another release's configuration said, and not what was said by
    /// hand. Default none.
    public var schedules: [String: [Schedule]] = [:]
    /// Ends the worker once its queues and their ladders hold nothing more to do. Default false.
    public var stopsWhenIdle = false
    /// Creates topics that are missing, instead of refusing to start. Default false.
    public var createsTopics = false

    public init() {}

    /// Whether a text can be a ``build``.
    package static func isBuild(_ text: String) -> Bool { OutcomeRecord.isBuild(text) }
}
