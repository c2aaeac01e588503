public import RdKafka

/// Has each attempt run as a span of its job's trace: ``TraceContext/current`` is a child of what the job carries, and
/// what the handler enqueues through a ``JobClient`` goes on with the trace.
///
///     configuration.middleware = [TracingMiddleware(), LoggingMiddleware()]
///
/// It records nothing: put a middleware inside it that hands ``TraceContext/current`` to your tracing system.
public struct TracingMiddleware: JobMiddleware {
    private let startsTraces: Bool

    /// - Parameter startsTraces: whether a job that carries no trace begins one, unsampled.
    public init(startsTraces: Bool = true) {
        self.startsTraces = startsTraces
    }

    public nonisolated(nonsending) func perform(
        _ payload: Bytes,
        _ context: JobContext,
        next: NextHandler
    ) async throws {
        guard let span = context.traceContext?.child() ?? (startsTraces ? .root() : nil) else {
            return try await next(payload, context)
        }
        try await TraceContext.$current.withValue(span) { try await next(payload, context) }
    }
}
