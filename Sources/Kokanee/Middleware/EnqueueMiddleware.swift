/// Something that is done around every enqueueing of a ``JobClient``.
///
///     struct Tenant: EnqueueMiddleware {
///         let id: String
///
///         func prepare(_ job: inout NewJob, for queue: Queue) async throws {
///             job.headers.append(Header("tenant", Bytes(id)))
///         }
///     }
///
/// The first is the outermost: its ``prepare(_:for:)`` is called first, its ``settled(_:_:in:)`` last.
public protocol EnqueueMiddleware: Sendable {
    /// Sees a job before it is enqueued, and may change all of it.
    ///
    /// - Throws: to refuse the job: that is its result then. Others of the same call are enqueued all the same.
    nonisolated(nonsending) func prepare(_ job: inout NewJob, for queue: Queue) async throws

    /// What became of a job that this let pass: where it stands, or why it does not.
    ///
    /// - Parameter job: as it was enqueued, or as it was when one further inside refused it.
    nonisolated(nonsending) func settled(
        _ job: NewJob,
        _ result: Result<EnqueuedJob, any Error>,
        in queue: Queue
    ) async
}

extension EnqueueMiddleware {
    public nonisolated(nonsending) func prepare(_ job: inout NewJob, for queue: Queue) async throws {}

    public nonisolated(nonsending) func settled(
        _ job: NewJob,
        _ result: Result<EnqueuedJob, any Error>,
        in queue: Queue
    ) async {}
}

extension [any EnqueueMiddleware] {
    /// Enqueues jobs inside these; the results are in the jobs' order.
    ///
    /// - Parameter send: of what is let pass; it keeps the order, too.
    nonisolated(nonsending) func around(
        _ jobs: [NewJob],
        to queue: Queue,
        send: nonisolated(nonsending) ([NewJob]) async -> [Result<EnqueuedJob, any Error>]
    ) async -> [Result<EnqueuedJob, any Error>] {
        var jobs = jobs
        /// Of each job those that let it pass.
        var passed: [Int] = []
        var refused: [Int: any Error] = [:]
        for index in jobs.indices {
            var count = 0
            do {
                for middleware in self {
                    try await middleware.prepare(&jobs[index], for: queue)
                    count += 1
                }
            } catch {
                refused[index] = error
            }
            passed.append(count)
        }
        let sent = refused.isEmpty ? jobs : jobs.indices.filter { refused[$0] == nil }.map { jobs[$0] }
        let results = JobClient.merge(await send(sent), refused)
        for (index, result) in results.enumerated() {
            for middleware in prefix(passed[index]).reversed() {
                await middleware.settled(jobs[index], result, in: queue)
            }
        }
        return results
    }
}
