internal import RdKafka
internal import Synchronization

/// What the jobs of one queue leave for later attempts and for others, as this worker knows it: of the partitions that it
/// owns, restored from the state topic when they are assigned.
///
/// A queue whose jobs ask for none of it costs nothing: the topic is read once a first job does, and from then on with each
/// assignment. Nobody but attempts waits for that.
final class QueueState: Sendable {
    struct Settings: Sendable {
        /// For how long an idempotency key counts as done, where its job doesn't say.
        var idempotencyWindow = Duration.seconds(86_400)
        /// Bytes of a checkpoint.
        var checkpointLimit = 64 << 10
        /// How long the record of a job that has not ended is kept.
        var retention = JobRecord.usualRetention
        /// How often is looked for what has expired.
        var sweepInterval = Duration.seconds(60)
    }

    struct Shared {
        var table = StateTable()
        var link: StateLink?
        /// Whether a job has asked for any of it.
        var isWanted = false
        /// Rises with each assignment: what was read for an older one is dropped.
        var generation = 0
        var reader: SnapshotReader?
        var hasFailed = false
        var sweeps = SweepBook()
        var sweeper: SnapshotReader?
        var sweepTask: Task<Void, Never>?
    }

    let queue: Queue
    let settings: Settings
    let logger: Logger
    let shared = Mutex(Shared())

    init(queue: Queue, settings: Settings = Settings(), logger: Logger = .disabled) {
        self.queue = queue
        self.settings = settings
        self.logger = logger
    }

    // MARK: - The worker

    func attach(_ link: StateLink) {
        shared.withLock { $0.link = link }
    }

    /// The worker ends; nothing is written any more.
    func detach() {
        let (reader, sweeper, task) = shared.withLock { shared in
            defer {
                shared.reader = nil
                shared.sweeper = nil
                shared.sweepTask = nil
                shared.link = nil
                shared.generation += 1
            }
            return (shared.reader, shared.sweeper, shared.sweepTask)
        }
        reader?.stop()
        sweeper?.stop()
        task?.cancel()
    }

    // MARK: - The dispatcher

    /// Partitions are assigned, and those only.
    func begin(_ numbers: Set<Int32>, now: Int64) {
        let isWanted = shared.withLock { shared in
            shared.generation += 1
            shared.table.begin(numbers, now: now)
            shared.sweeps.begin(numbers)
            return shared.isWanted && !numbers.isEmpty
        }
        if isWanted { restore() }
    }

    /// All partitions are let go.
    ///
    /// - Parameter keeping: what runs may go on, if the very next assignment brings its partition again.
    func end(keeping: Bool) {
        let (reader, sweeper) = shared.withLock { shared in
            shared.generation += 1
            shared.table.end(keeping: keeping)
            defer {
                shared.reader = nil
                shared.sweeper = nil
            }
            return (shared.reader, shared.sweeper)
        }
        reader?.stop()
        sweeper?.stop()
    }

    /// What was kept has not come back in time.
    func forgetFormer() {
        shared.withLock { $0.table.forgetFormer() }
    }

    /// A unique job stands in the main topic there.
    func noteSeen(_ offset: Int64, in partition: Int32) {
        shared.withLock { shared in
            _ = shared.table.update(partition) { $0.seen = max($0.seen, offset) }
        }
    }

    // MARK: - Attempts

    func standing(of content: JobContent) -> AttemptStanding {
        shared.withLock { $0.link }?.standing(of: content.ticket) ?? .over
    }

    /// Waits until all is known that the topic has of the job's partition.
    ///
    /// - Throws: ``StateError`` where the attempt's epoch is over; `CancellationError`.
    func restored(for content: JobContent) async throws {
        if isRestored(content.partition) { return }
        want()
        // It is short, and ends in more ways than somebody could tell of: the partition may be let go, and come back.
        while !isRestored(content.partition) {
            try await Task.sleep(for: .milliseconds(5))
            if standing(of: content) == .over { throw StateError.fenced(content) }
        }
    }

    /// Waits until it is certain that the attempt may write.
    func writable(for content: JobContent) async throws {
        while true {
            switch standing(of: content) {
            case .current: return
            case .over: throw StateError.fenced(content)
            case .inDoubt: try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    private func isRestored(_ partition: Int32) -> Bool {
        shared.withLock { $0.table.partitions[partition]?.isRestored == true }
    }

    /// A job asks for the state: from now on it is restored.
    func want() {
        let isNew = shared.withLock { shared in
            defer { shared.isWanted = true }
            return !shared.isWanted
        }
        if isNew { restore() }
    }

    /// The time by which marks and records count, in milliseconds since the epoch.
    func now() -> Int64 {
        shared.withLock { $0.link }?.engine.clock.wall() ?? Timestamp.now
    }
}
