extension JobClient {
    /// Has jobs never run again; see ``QueueControl/cancel(_:of:by:reason:)``, of which this is a part.
    ///
    /// - Parameters:
    ///   - id: the job's, as ``EnqueuedJob/id`` has it.
    ///   - by: who wants it, for the record.
    /// - Throws: ``InputError`` for an id that can't be, for a client that can't read, and where too
    ///   many cancellations stand; ``TopicError`` where there is no such queue; ``KafkaError``.
    public func cancel(
        _ id: String,
        of queue: Queue,
        by: String = "a client",
        reason: String? = nil
    ) async throws {
        guard let reading else {
            throw InputError("a client that was made around a producer cancels jobs only if it is given `reading`, too")
        }
        try await QueueControl(reading).cancel([id], of: queue, by: by, reason: reason)
    }
}
