/// Is told what becomes of jobs. Whatever a hook does, it changes nothing about them.
///
///     struct Pager: JobHooks {
///         func onDead(_ context: JobContext, reason: DeadReason, error: Envelope.Failure?) async throws {
///             try await page("\(context.type) \(context.id) is dead: \(reason)")
///         }
///     }
///
/// A worker has them in ``WorkerConfiguration/hooks``. Every call has a default that does nothing.
///
/// ``before(_:)-(JobContext)`` is called in the attempt, before the middleware: the job waits for it. The others are called
/// when the job's fate is settled and written: a job that is retried or dead already stands in its topic, one that is
/// completed or discarded is finished. They are called in that order, one at a time, in a task of their own, and no job
/// waits for them, until a thousand calls do: then the worker starts nothing until half of them are made. A call that
/// takes longer than 30 s is cancelled, reported, and left behind.
///
/// What a hook throws is logged and counted in `kokanee_hooks_failed_total`.
///
/// For each fate that a worker settles each hook is called once. An attempt whose partition was taken away, or that a
/// shutdown ended, has no fate: its job runs again, elsewhere or later, and only ``before(_:)-(JobContext)`` was called.
/// A crash can lose the calls that were not made yet, and who must not miss one reads the topics.
public protocol JobHooks: Sendable {
    /// An attempt begins.
    nonisolated(nonsending) func before(_ context: JobContext) async throws

    /// An attempt has ended.
    ///
    /// - Parameter took: from its beginning, before ``before(_:)-(JobContext)``.
    nonisolated(nonsending) func after(_ context: JobContext, _ outcome: AttemptOutcome, took: Duration) async throws

    /// The job gets another attempt.
    ///
    /// - Parameters:
    ///   - attempt: its number; `context` is of the one that failed.
    ///   - wait: until then.
    nonisolated(nonsending) func onRetry(
        _ context: JobContext,
        attempt: Int,
        wait: Duration,
        error: Envelope.Failure
    ) async throws

    /// The job is a dead letter; also one that died without an attempt, because nothing here can run or read it.
    nonisolated(nonsending) func onDead(
        _ context: JobContext,
        reason: DeadReason,
        error: Envelope.Failure?
    ) async throws

    /// The job is finished without having been completed; also one that had expired before an attempt.
    nonisolated(nonsending) func onDiscard(_ context: JobContext, reason: String) async throws
}

extension JobHooks {
    public nonisolated(nonsending) func before(_ context: JobContext) async throws {}

    public nonisolated(nonsending) func after(
        _ context: JobContext,
        _ outcome: AttemptOutcome,
        took: Duration
    ) async throws {}

    public nonisolated(nonsending) func onRetry(
        _ context: JobContext,
        attempt: Int,
        wait: Duration,
        error: Envelope.Failure
    ) async throws {}

    public nonisolated(nonsending) func onDead(
        _ context: JobContext,
        reason: DeadReason,
        error: Envelope.Failure?
    ) async throws {}

    public nonisolated(nonsending) func onDiscard(_ context: JobContext, reason: String) async throws {}
}

/// What an attempt has made of its job. There may be more in time.
public struct AttemptOutcome: Sendable, Hashable, CustomStringConvertible {
    private enum Kind: String {
        case completed, retried, dead, discarded
    }

    private let kind: Kind

    public static let completed = AttemptOutcome(kind: .completed)
    /// It failed, and there will be another.
    public static let retried = AttemptOutcome(kind: .retried)
    /// It failed, and the job is a dead letter.
    public static let dead = AttemptOutcome(kind: .dead)
    public static let discarded = AttemptOutcome(kind: .discarded)

    public var description: String { kind.rawValue }
}
