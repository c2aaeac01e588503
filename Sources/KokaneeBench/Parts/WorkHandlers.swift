internal import CBaseline
internal import Glibc
internal import Kokanee
internal import RdKafka
internal import Synchronization

/// What the worker of a part does with its jobs. Nothing here takes a lock or counts: the worker's own statistics do.
enum WorkHandler: String {
    /// Returns.
    case noop
    /// Decodes ``Order`` and returns.
    case json
    /// `microseconds=` of Task.sleep.
    case sleep
    /// `iterations=` of ``cbaseline_spin(_:)``.
    case spin
    /// Notes when the first job starts.
    case first
    /// Fails each job's first attempt, and notes when the second starts.
    case flaky
    /// Holds the first job of partition 0 until all others are finished; not with `held=0`.
    case hold
    /// Never returns.
    case suspend
    /// A pool of processes, `command=`.
    case pool
    /// A process a job, `command=`.
    case exec
}

/// The registry that a part's worker runs with, and what its handlers leave behind.
struct WorkLoad: Sendable {
    var registry = JobRegistry()
    /// When the first job started; 0 before that.
    let firstStart = Shared(Atomic<Int64>(0))
    /// Of the flaky handler's second attempts.
    var starts: StartTable?
    /// Set once ``WorkHandler/hold`` may let go.
    let release = Shared(Atomic<Bool>(false))
    var close: @Sendable () async -> Void = {}

    /// Atomics can't be copied; the closures share one.
    final class Shared<Value: ~Copyable & Sendable>: Sendable {
        let value: Value

        init(_ value: consuming Value) {
            self.value = value
        }
    }

    /// - Parameter configuration: of the worker, as a pool of processes changes it.
    init(_ kind: WorkHandler, _ input: PartInput, _ configuration: inout WorkerConfiguration) async throws {
        let type = BenchPart.jobType
        switch kind {
        case .noop:
            try registry.register(type) { _, _ in }
        case .json:
            try registry.register(type, payload: Order.self) { _, _ in }
        case .sleep:
            let duration = Duration.microseconds(try input.integer("microseconds"))
            try registry.register(type) { _, _ in try await Task.sleep(for: duration) }
        case .spin:
            let iterations = UInt64(try input.integer("iterations"))
            try registry.register(type) { _, _ in _ = cbaseline_spin(iterations) }
        case .first:
            try registry.register(type) { [firstStart] _, _ in
                guard firstStart.value.load(ordering: .relaxed) == 0 else { return }
                _ = firstStart.value.compareExchange(
                    expected: 0,
                    desired: cbaseline_now_ns(),
                    ordering: .relaxed
                )
            }
        case .flaky:
            let starts = StartTable(partitions: try input.integer("partitions"))
            self.starts = starts
            try registry.register(type) { _, context in
                guard context.attempt > 1 else { throw JobError.retry("the first attempt fails") }
                starts.note(context.source)
            }
        case .hold:
            release.value.store(try input.integer("held") == 0, ordering: .relaxed)
            try registry.register(type) { [release] _, context in
                guard context.source.offset == 0, context.source.partition == 0 else { return }
                while !release.value.load(ordering: .relaxed) { try await Task.sleep(for: .milliseconds(1)) }
            }
        case .suspend:
            try registry.register(type) { _, _ in try await Task.sleep(for: .seconds(3600)) }
        case .pool:
            var settings = ProcessPool.Configuration()
            settings.timeout = configuration.attemptTimeout
            settings.writeAhead = try input.integer("write-ahead", default: settings.writeAhead)
            let (command, count) = (try input.text("command"), configuration.concurrency)
            let pool = try ProcessPool(command: command, count: count, configuration: settings, logger: .errors)
            try await pool.start()
            pool.prepare(&configuration)
            try registry.register(type, handler: pool)
            close = { await pool.close(within: .seconds(1)) }
        case .exec:
            let (command, count) = (try input.text("command"), configuration.concurrency)
            let handler = try CommandHandler(command: command, count: count, logger: .errors)
            try registry.register(type, handler: handler)
            close = { await handler.close(within: .seconds(1)) }
        }
    }
}

extension Logger {
    /// Errors and warnings, on stderr: a worker that complains is not to be measured in silence.
    static let errors = Logger(minimumLevel: .warning) { entry in
        let fields = entry.fields.map { " \($0.key)=\($0.value)" }.joined()
        ChildProcess.write(Array("kokanee bench: \(entry.message)\(fields)\n".utf8), to: STDERR_FILENO)
    }
}

/// When attempts started, by the place of their records: written by handlers, read when all have ended.
///
/// `@unchecked Sendable`: each place is written by the one attempt whose record stands there, places don't overlap, and the
/// reader has seen the worker's count of all of them, which is behind its lock. The memory is never freed: it lasts as long
/// as the part's process.
final class StartTable: @unchecked Sendable {
    /// More records than a partition of the embedded broker holds.
    static let perPartition = 65_536
    let partitions: Int
    private let table: UnsafeMutablePointer<Int64>

    init(partitions: Int) {
        self.partitions = partitions
        // Pages that nobody touches are never made.
        table = UnsafeMutablePointer<Int64>(OpaquePointer(calloc(partitions * Self.perPartition, 8)!))
    }

    /// Microseconds since the epoch, of a record's attempt that starts now.
    func note(_ place: Envelope.Origin) {
        guard place.offset < Self.perPartition, place.partition < partitions else { return }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        table[Int(place.partition) * Self.perPartition + Int(place.offset)] =
            Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
    }

    /// 0 where no attempt started.
    func start(_ index: Int) -> Int64 { table[index] }
}
