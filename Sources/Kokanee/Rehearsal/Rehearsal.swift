public import RdKafka

/// Runs the selected jobs of a plan once through their handlers, to see what a replay would do: with effects off, without a
/// consumer group, without producing or committing anything, and without retries.
///
///     let planned = try await planner.plan(queue, selection)
///     let rehearsal = try await Rehearsal(of: planned, queue: queue, jobs: jobs, client: client)
///     let report = try await rehearsal.run()
///     if report.hasRegressions { … }
///
/// Handlers see ``JobContext/isRehearsal`` and the plan's id in ``JobContext/replay``, and their ``JobContext/effects`` are
/// noted instead of made. What handlers do past that gateway happens: whoever rehearses must know that they don't.
///
/// The jobs of one key run one at a time, in the log's order, as in a worker. A job that was not due yet is not waited for;
/// of a planned replay it is left out, as the replay leaves it out.
/// What is held in memory at once is bounded, however long the range is.
public struct Rehearsal: Sendable {
    /// How a job went before.
    public enum Before: String, Sendable, Hashable, Codable, CaseIterable {
        /// It was completed.
        case completed
        /// It is a dead letter, or has failed at least once, and was not completed since.
        case failed
        case unknown
    }

    /// Says how the job went that stands, or stood first, at an offset of a partition of the queue's topic. It is asked once
    /// for each job that is rehearsed, on the thread that reads.
    public typealias PastOutcome = @Sendable (_ partition: Int32, _ offset: Int64) -> Before

    public struct Configuration: Sendable {
        /// Attempts that run at the same time. Default 16, at least 1. With a ``ProcessPool`` it is best the number of its
        /// processes, for ``attemptTimeout`` runs from when the pool was given the job.
        public var concurrency = 16
        /// Default `.key`.
        public var order = WorkerConfiguration.Order.key
        /// Tells handlers which attempt would be the last. Default: one attempt, and one more for each rung.
        public var retryPolicy: any RetryPolicy = .ladder()
        /// How long an attempt may run before its task is cancelled. Default 10 minutes; nil is for ever.
        public var attemptTimeout: Duration? = .seconds(600)
        /// How long a cancelled attempt may take to end; what it does later is ignored. Default 10 s.
        public var cancellationGrace = Duration.seconds(10)
        /// How many jobs to rehearse at most. Default nil: all that are selected.
        ///
        /// With more than that selected, those are taken whose partition and offset have the lowest hashes: the same ones
        /// each time, spread evenly over the range. The range is read twice for that.
        public var sample: Int?
        /// Names the code that runs, for the report.
        public var build: String?
        /// For how long nothing may arrive from the brokers before it is an error.
        var stallTimeout = Duration.seconds(30)

        public init() {}
    }

    /// How far a rehearsal is.
    public struct Progress: Sendable, Hashable {
        /// Whether the sample is being chosen yet.
        public var isSampling: Bool
        /// Records that were looked at, of ``records``; while a sample is chosen, and again when it is run.
        public var scanned: Int64
        public var records: Int64
        /// Jobs that were rehearsed.
        public var done: Int
        /// How many there are; nil where nobody has counted.
        public var total: Int?
    }

    let plan: ReplayPlan
    let queue: Queue
    let jobs: JobRegistry
    let configuration: Configuration
    let client: ClientConfiguration
    let selects: @Sendable (Record) -> Bool
    let before: PastOutcome
    let logger: Logger

    /// Rehearses what `selects` says of the plan's range. The plan's own selection is not asked, and what became of the jobs
    /// before is not known unless `before` says it: the initializer with a ``Planned`` plan knows both.
    ///
    /// - Parameters:
    ///   - queue: the plan's.
    ///   - selects: which records of the plan's range are meant; called on the thread that reads, once for each record, and
    ///     twice where a sample is taken. Default: all.
    public init(
        of plan: ReplayPlan,
        queue: Queue,
        jobs: JobRegistry,
        configuration: Configuration = Configuration(),
        client: ClientConfiguration,
        selects: @escaping @Sendable (Record) -> Bool = { _ in true },
        before: @escaping PastOutcome = { _, _ in .unknown },
        logger: Logger = .disabled
    ) {
        self.plan = plan
        self.queue = queue
        self.jobs = jobs
        self.configuration = configuration
        self.client = client
        self.selects = selects
        self.before = before
        self.logger = logger
    }

    /// Rehearses all of it.
    ///
    /// When the task is cancelled the attempts are, too, and it returns what it has found out until then, in a report that is
    /// not complete.
    ///
    /// - Parameter progress: called some times a second, and at the end.
    /// - Throws: ``KafkaError`` where the range can't be read.
    public func run(progress: @escaping @Sendable (Progress) -> Void = { _ in }) async throws -> RehearsalReport {
        let run = RehearsalRun(self, progress: progress)
        return try await withTaskCancellationHandler {
            try await run.run()
        } onCancel: {
            run.cancel()
        }
    }
}

extension Rehearsal {
    /// What marks tell of jobs, by partition. One that was completed in the end counts as completed, whatever came before.
    static func past(completed: [Int32: OffsetSet], failed: [Int32: OffsetSet]) -> PastOutcome {
        { partition, offset in
            if completed[partition]?.contains(offset) == true { return .completed }
            return failed[partition]?.contains(offset) == true ? .failed : .unknown
        }
    }
}
