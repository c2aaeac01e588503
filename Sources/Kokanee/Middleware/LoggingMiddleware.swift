public import RdKafka

/// Logs each attempt's end, with its time and, where the job has one, its trace.
///
/// What concerns whoever runs the worker, failed attempts and dead letters, is logged without it.
public struct LoggingMiddleware: JobMiddleware {
    private let level: Logger.Level

    /// - Parameter level: of attempts that complete; failed ones are logged at `warning`, beginnings at `debug`.
    public init(level: Logger.Level = .info) {
        self.level = level
    }

    public nonisolated(nonsending) func perform(
        _ payload: Bytes,
        _ context: JobContext,
        next: NextHandler
    ) async throws {
        let logger = context.logger
        logger.log(.debug, "attempt begins", fields(context))
        let start = ContinuousClock.now
        do {
            try await next(payload, context)
        } catch {
            logger.log(.warning, "attempt ended with an error", fields(context, since: start, error))
            throw error
        }
        logger.log(level, "attempt completed", fields(context, since: start))
    }

    private func fields(
        _ context: JobContext,
        since start: ContinuousClock.Instant? = nil,
        _ error: (any Error)? = nil
    ) -> KeyValuePairs<String, String> {
        let took = start.map { "\(($0.duration(to: .now) / .microseconds(1)).rounded() / 1000)ms" } ?? ""
        let redaction = context.content?.runtime.redaction ?? Redaction.none
        let failure = error.map { Envelope.Failure(redaction.shown($0), at: 0).redacted(by: redaction).text } ?? ""
        return [
            "queue": context.queue, "job": context.id, "type": context.type, "attempt": "\(context.attempt)",
            "trace": (TraceContext.current ?? context.traceContext)?.traceID ?? "", "took": took, "error": failure,
        ]
    }
}
