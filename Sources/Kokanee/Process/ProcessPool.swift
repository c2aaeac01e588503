public import RdKafka

/// Executes attempts in long-lived processes of a command, by the handler protocol.
///
/// Each process is `/bin/sh -c command` in a process group of its own. It is given a job as one line of JSON on its
/// standard input, and answers with one on its standard output:
///
///     {"id":"…","type":"…","version":1,"attempt":1,"key":"…","source":"orders/3/17","data":{…}}
///     {"id":"…","ok":true}
///     {"id":"…","ok":false,"error":"…","retry":true,"retryAfter":"5m"}
///
/// `source` is where the record stands that the attempt was read from: `topic/partition/offset`. The job has a `replay`, with
/// its id, where the attempt belongs to one. In a ``Rehearsal`` it has `"rehearsal":true`: the process is then to have no
/// effect on the world, and says before its answer what it would have done:
///
///     {"id":"…","effect":{"name":"email.send","detail":"to …"}}
///
/// Nothing but its own code keeps a process from doing it all the same. Effects that it tells of outside a rehearsal are
/// checked, and count for nothing.
///
/// A process executes a job at a time, in the order of the lines: it begins one when it has answered the one before. Where
/// ``Configuration/writeAhead`` allows it, and it answers fast, the lines of its next jobs are written ahead, so that it need
/// not wait for them; a process without a job is always served first. Jobs beyond that wait in order. Before its answer it may
/// write lines with `progress`, `checkpoint` and `extend`, see docs/results.md. What a process writes to its standard error
/// goes to the log, a line at a time.
///
/// The job in a process's hands is the oldest that it has not answered. A process that ends, writes anything else while it
/// has a job, or takes longer than ``Configuration/timeout``, has failed that one job with a ``HandlerError``, unless it
/// ended and had not read a byte of it. The others, which have not begun, go to other processes. Processes that end are
/// replaced, with growing delays between 100 ms and 30 s where one never answers; the jobs wait meanwhile. When the task of
/// an attempt in hand is cancelled its process is stopped and replaced at once, unless it has greeted with
/// `{"hello":{"cancel":true}}`: then it is told, and stopped after ``Configuration/grace``. When the attempt was only written
/// ahead its process is stopped as soon as it comes to it.
///
/// No call here blocks: one OS thread moves all bytes and watches all processes. Call ``close(within:)`` at the end.
public final class ProcessPool: JobHandler, Sendable {
    /// How a pool treats its processes.
    public struct Configuration: Sendable {
        /// From the SIGTERM that stops a process's group to its SIGKILL. Default 2 s.
        public var grace: Duration = .seconds(2)
        /// The longest answer, in bytes. A process that writes a longer line fails its job. Default 16 MiB.
        public var maximumAnswerSize = 16 << 20
        /// How long ``ProcessPool/start()`` watches for a command that can't be run. Default 200 ms.
        public var settlingTime: Duration = .milliseconds(200)
        /// After so many processes in a row that ended without an answer an error is logged, and again after each
        /// further such number. Default 5, at least 1.
        public var failedStartsPerAlarm = 5
        /// The most jobs that a process is given at once, the one in hand among them. Default 1: none is written ahead.
        ///
        /// With more, how many it is given goes by its pace: as many as may be expected to wait no longer than 2 ms. What is
        /// written ahead to a process waits for it, also if the job in hand turns out to be slow, and others are idle: it is
        /// for handlers whose jobs are all fast.
        public var writeAhead = 1
        /// That wait. Tests make it long, so that no busy machine makes a process look slow.
        var longestWait = Duration.milliseconds(2)
        /// How long a job may be in a process's hands. Default nil, for ever.
        ///
        /// It runs from the answer to the job before it. The worker's `attemptTimeout` runs from when the pool was given the
        /// job: without more concurrency than processes the two are the same.
        public var timeout: Duration?

        public init() {}
    }

    private let thread: LoopThread<PoolLoop.Command>
    /// How many attempts it can use at once, now: at least one for each process.
    package let demand: HandlerDemand
    /// The most that ``demand`` may come to and a worker need be ready for. Beyond it more processes get fewer jobs ahead.
    private let mostAttempts: Int
    private let timeout: Duration?

    /// Starts the processes. They are replaced until the pool is closed.
    ///
    /// - Parameters:
    ///   - command: for `/bin/sh -c`.
    ///   - count: the number of processes, and so of jobs executed at once; at least 1.
    /// - Throws: where the system grants no thread or pipe. ``start()`` says whether the command runs.
    public init(command: String, count: Int, configuration: Configuration = Configuration(), logger: Logger) throws {
        let count = max(1, count)
        let demand = HandlerDemand(count)
        self.demand = demand
        timeout = configuration.timeout
        mostAttempts =
            configuration.writeAhead > 1 ? max(count, min(count * configuration.writeAhead * 2, 2048)) : count
        thread = try LoopThread { inbox in
            PoolLoop(
                command: command,
                count: count,
                configuration: configuration,
                demand: demand,
                logger: logger,
                inbox: inbox
            )
            .run()
        }
    }

    deinit {
        _ = thread.inbox.send(.close(within: .zero, nil))
    }

    /// Sets a worker for the pool: it wants more attempts than it has processes, as many as it can use at a time, and minds
    /// their timeout itself, because one that waits in a pipe has not begun.
    package func prepare(_ worker: inout WorkerConfiguration) {
        worker.attemptTimeout = nil
        worker.handlerTimeout = timeout
        worker.concurrency = mostAttempts
        worker.demand = demand
    }

    /// Waits a moment to see the processes live.
    ///
    /// - Throws: ``HandlerError`` where one ended at once because the shell can't find the command or may not run it
    ///   (exit status 127 or 126), or could not be started at all.
    public func start() async throws {
        try await withCheckedThrowingContinuation { continuation in
            let isTaken = thread.inbox.send(.awaitStart(continuation))
            if !isTaken { continuation.resume(throwing: HandlerError.closed) }
        }
    }

    /// Has a process execute the attempt.
    ///
    /// - Throws: a ``JobError`` where the handler answered that the job failed, a ``HandlerError`` where its process
    ///   failed, `CancellationError` as soon as the task is cancelled.
    public func perform(_ payload: Bytes, _ context: JobContext) async throws {
        let line = HandlerRequest.line(payload, context, checkpoint: try await context.earlierCheckpoint())
        // What the loop may have left there holds the job, and that its context.
        defer { context.content?.forgetWhenStopping() }
        do {
            try await thread.execute(PoolLoop.Job(context, .task(line: line)))
        } catch {
            // The next attempt is to begin where this one ended.
            await context.checkpointsStored()
            throw context.failure ?? error
        }
        if let failure = context.failure { throw failure }
    }

    /// Ends the processes and waits for them: their standard inputs are closed; those that still run after `limit` get
    /// a SIGTERM, and a SIGKILL after the grace.
    ///
    /// A job in hand may still be answered within the limit; jobs that wait for a process fail at once with
    /// ``HandlerError/Code/closed``.
    public func close(within limit: Duration) async {
        await thread.close(within: limit)
    }
}

extension ProcessPool: DirectHandler {
    func accept(_ attempts: [DirectAttempt], of engine: Engine) -> Bool {
        thread.inbox.send(.accept(attempts, of: engine))
    }

    func cancel(_ attempt: Batch) { _ = thread.inbox.send(.cancelAccepted(attempt)) }
}
