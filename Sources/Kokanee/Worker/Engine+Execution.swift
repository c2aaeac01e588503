internal import Synchronization

extension Engine {
    /// Runs an attempt about which there is more to know than its handler: a job with a history, or with conditions of its
    /// own, or one of a queue in which not every job is simply to be run. Nil is that it has completed, and leaves nothing.
    nonisolated(nonsending) func executeWithCare(_ content: JobContent, _ handler: (any JobHandler)?) async
        -> AttemptEnd?
    {
        guard let handler else {
            return content.refusal.map { .refused($0.reason, $0.failure) }
        }
        if let expiresAt = content.expiresAt, expiresAt <= clock.wall() {
            return .expired(at: expiresAt)
        }
        let end = await perform(content, handler)
        return end == nil && content.hasNotes.load(ordering: .acquiring) ? .completed : end
    }
}
