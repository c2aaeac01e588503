public import RdKafka

/// Something that is done around every attempt: it sees the payload, may hand on another one, and sees how the attempt
/// ends.
///
///     struct Timed: JobMiddleware {
///         func perform(_ payload: Bytes, _ context: JobContext, next: NextHandler) async throws {
///             let start = ContinuousClock.now
///             defer { context.logger.log(.info, "took", ["time": "\(ContinuousClock.now - start)"]) }
///             try await next(payload, context)
///         }
///     }
///
/// A worker has middleware for all types, ``WorkerConfiguration/middleware``, and around the handlers of single types, by
/// ``JobRegistry/use(_:for:)-(_,String)``. The first is the outermost; a worker's is outside a type's.
///
/// It is a part of the attempt: what it throws ends the attempt as if the handler had thrown it, and its time counts
/// in the attempt's timeout. An attempt in which it does not call `next` completes the job all the same; throw
/// ``JobError/discard(_:)`` to say so. Who only wants to know what becomes of jobs takes ``JobHooks``, which can't break
/// any.
public protocol JobMiddleware: Sendable {
    /// Runs one attempt by calling `next`, usually once.
    nonisolated(nonsending) func perform(_ payload: Bytes, _ context: JobContext, next: NextHandler) async throws

    /// Called by each worker that has it, before any attempt, with the worker's metrics.
    func attach(to metrics: MetricsRegistry)
}

extension JobMiddleware {
    public func attach(to metrics: MetricsRegistry) {}
}

/// What an attempt goes on with: the next middleware, or the handler.
public struct NextHandler: Sendable {
    private let handler: any JobHandler

    /// For tests of a middleware.
    public init(_ handler: any JobHandler) {
        self.handler = handler
    }

    public nonisolated(nonsending) func callAsFunction(_ payload: Bytes, _ context: JobContext) async throws {
        try await handler.perform(payload, context)
    }
}

extension [any JobMiddleware] {
    /// The handler with these around it, the first outermost. It is put together once, not for every job.
    func around(_ handler: any JobHandler) -> any JobHandler {
        reversed().reduce(handler) { MiddlewareHandler(middleware: $1, next: NextHandler($0)) }
    }

    /// Tells each of the metrics; an object that stands here more than once is told once.
    func attach(to metrics: MetricsRegistry) {
        var seen: Set<ObjectIdentifier> = []
        for middleware in self {
            let isObject = type(of: middleware) is AnyClass
            if isObject, !seen.insert(ObjectIdentifier(middleware as AnyObject)).inserted { continue }
            middleware.attach(to: metrics)
        }
    }
}

private struct MiddlewareHandler: JobHandler {
    let middleware: any JobMiddleware
    let next: NextHandler

    nonisolated(nonsending) func perform(_ payload: Bytes, _ context: JobContext) async throws {
        try await middleware.perform(payload, context, next: next)
    }
}
