internal import Synchronization

extension JobContext {
    /// Produces a record together with the job's completion: readers of `read_committed` see it once if the job completes,
    /// whatever crashes in between, and never if it does not.
    ///
    /// Nothing is sent before the handler has returned; then all outputs of the attempt and the job's completion become
    /// visible in one Kafka transaction. An attempt that fails produces nothing.
    ///
    ///     try jobs.commitsOutputs("invoice.total")
    ///     try await context.produce(JobOutput(topic: "totals", key: key, value: total))
    ///
    /// In a rehearsal it is noted as an effect and not produced.
    ///
    /// - Throws: ``InputError`` where the type was not registered for it; see ``JobRegistry/commitsOutputs(_:)``.
    public func produce(_ output: JobOutput) async throws {
        guard let content else {
            return try await effects.perform("produce", detail: "to \(output.topic)") {
                throw InputError("only a worker's jobs can produce outputs with their completion")
            }
        }
        guard content.commitsOutputs else {
            throw InputError(
                "\(type) is not registered to produce outputs with its completion: call commitsOutputs(\"\(type)\") on the "
                    + "worker's JobRegistry"
            )
        }
        content.attemptNotes.outputs.withLock { $0.append(output) }
    }
}
