public import RdKafka

/// Executes attempts. `Job` types and closures are wrapped in one; process pools are one.
public protocol JobHandler: Sendable {
    /// Runs one attempt; returning finishes the job, throwing is as in ``Job/perform(_:)``.
    ///
    /// When the attempt's timeout passes the surrounding task is cancelled. What it does after that is ignored.
    nonisolated(nonsending) func perform(_ payload: Bytes, _ context: JobContext) async throws
}
