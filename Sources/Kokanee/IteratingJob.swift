/// A job that is a long walk in small steps, and that can be interrupted between any two of them.
///
///     struct Reindex: IteratingJob {
///         static let type = "search.reindex"
///         var index: String
///
///         func step(from cursor: Int?, _ context: JobContext) async throws -> IterationStep<Int> {
///             let page = try await documents.page(after: cursor, limit: 100)
///             guard let last = page.last else { return .done }
///             try await search.add(page, to: index)
///             return .next(last.id)
///         }
///     }
///
/// What a step returns is where the next one begins. It is saved as the job's checkpoint from time to time, and whenever the
/// job ends unfinished: when a step fails, when the worker shuts down or hands the job's partition over, when the attempt
/// is cancelled. The next attempt, wherever it runs, begins there. After a crash it begins at the last cursor that was saved:
/// the steps behind that run again, so that a step has to bear it.
///
/// To be interrupted is no failure, and costs no attempt. Each step gets ``WorkerConfiguration/attemptTimeout`` anew, however
/// many there are.
public protocol IteratingJob: Job {
    associatedtype Cursor: Codable & Sendable

    /// After how many steps a cursor is saved. Default 100.
    static var stepsPerCheckpoint: Int { get }
    /// After how long a cursor is saved, if that is sooner. Default 5 s.
    static var checkpointInterval: Duration { get }

    /// One step. What it throws ends the attempt, as ``Job/perform(_:)`` says; the step is made again by the next one.
    ///
    /// - Parameter cursor: what the step before returned; nil for the first one of all.
    func step(from cursor: Cursor?, _ context: JobContext) async throws -> IterationStep<Cursor>
}

/// What follows a step of an ``IteratingJob``.
public enum IterationStep<Cursor: Codable & Sendable>: Sendable {
    /// The next one begins there.
    case next(Cursor)
    /// The job is done.
    case done
}

extension IteratingJob {
    public static var stepsPerCheckpoint: Int { 100 }
    public static var checkpointInterval: Duration { .seconds(5) }

    public func perform(_ context: JobContext) async throws {
        var walk = Walk(try await context.lastCheckpoint(as: Cursor.self), .now)
        while true {
            if context.isStopping {
                try await save(&walk, context)
                try Task.checkCancellation()
                // While the partition is away nothing is saved; where it has come back there is no reason to stop any more.
                guard context.isStopping else { continue }
                throw JobStop()
            }
            context.renewDeadline()
            let next: IterationStep<Cursor>
            do {
                next = try await step(from: walk.cursor, context)
            } catch {
                // What the step failed of is what matters.
                try? await save(&walk, context)
                throw error
            }
            guard case .next(let cursor) = next else { return }
            walk.advance(to: cursor)
            if walk.isDue(steps: Self.stepsPerCheckpoint, interval: Self.checkpointInterval, .now) {
                try await save(&walk, context)
            }
        }
    }

    private func save(_ walk: inout Walk<Cursor>, _ context: JobContext) async throws {
        guard let cursor = walk.cursor, walk.unsaved > 0 else { return }
        try await context.checkpoint(cursor)
        walk.saved(.now)
    }
}

/// How far an iterating job is in one attempt, and how much of that is not saved.
private struct Walk<Cursor> {
    private(set) var cursor: Cursor?
    private(set) var unsaved = 0
    private var savedAt: ContinuousClock.Instant

    init(_ cursor: Cursor?, _ now: ContinuousClock.Instant) {
        self.cursor = cursor
        savedAt = now
    }

    mutating func advance(to cursor: Cursor) {
        self.cursor = cursor
        unsaved += 1
    }

    mutating func saved(_ now: ContinuousClock.Instant) {
        unsaved = 0
        savedAt = now
    }

    func isDue(steps: Int, interval: Duration, _ now: ContinuousClock.Instant) -> Bool {
        unsaved >= max(1, steps) || now - savedAt >= interval
    }
}
