internal import RdKafka
internal import Synchronization

extension Engine {
    /// Runs an attempt about which there is more to know than its handler: a job with a history, or with conditions of its
    /// own, or one of a queue in which not every job is simply to be run. Nil is that it has completed, and leaves nothing.
    nonisolated(nonsending) func executeWithCare(_ content: JobContent, _ handler: (any JobHandler)?) async
        -> AttemptEnd?
    {
        if content.commitsOutputs, let end = await endIfCommitted(content) { return end }
        let fleet = content.runtime.fleet
        if let cancelled = content.cancellation ?? fleet.cancellation(of: content, now: clock.wall()) {
            return await endUnbegun(content, .cancelled(cancelled))
        }
        guard let handler else {
            guard let refusal = content.refusal else { return .failed(CancellationError()) }
            return await endUnbegun(content, .refused(refusal.reason, refusal.failure))
        }
        if let expired = expiry(of: content) { return await endUnbegun(content, expired) }
        if let end = await content.runtime.state.admit(content) { return end }
        // What is known of a job's past may have been long in coming.
        while !content.mayBegin {
            do { try await Task.sleep(for: StartLimit.pause) } catch { return .failed(error) }
        }
        if let expired = expiry(of: content) {
            content.runtime.state.withdraw(content)
            return await endUnbegun(content, expired)
        }
        guard let hooks else { return await performWithOutputs(content, handler) }
        return await performTelling(hooks, content, handler)
    }

    /// The end of a job whose time is over by now; nil for all others.
    private func expiry(of content: JobContent) -> AttemptEnd? {
        guard let expiresAt = content.expiresAt, expiresAt <= clock.wall() else { return nil }
        return .expired(at: expiresAt)
    }

    /// The end of a job that does not run.
    private nonisolated(nonsending) func endUnbegun(_ content: JobContent, _ end: AttemptEnd) async -> AttemptEnd {
        guard !content.isPlain else { return end }
        do {
            try await content.runtime.state.knowWhatIsLeft(of: content)
            return end
        } catch {
            return .failed(error)
        }
    }

    private nonisolated(nonsending) func performWithOutputs(_ content: JobContent, _ handler: any JobHandler) async
        -> AttemptEnd?
    {
        if content.commitsOutputs { return await executeWithOutputs(content, handler) }
        let end = await perform(content, handler)
        guard end == nil else { return end }
        return content.hasNotes.load(ordering: .acquiring) || content.keptResult != nil ? .completed : nil
    }

    /// As ``perform(_:_:)``, where hooks want to know: all ends are told of, completion as well.
    private nonisolated(nonsending) func performTelling(
        _ hooks: HookDesk,
        _ content: JobContent,
        _ handler: any JobHandler
    ) async -> AttemptEnd {
        let start = MonotonicTime.nanoseconds
        content.attemptTime.store(-start, ordering: .relaxed)
        await hooks.before(content)
        let end = await performWithOutputs(content, handler) ?? .completed
        content.attemptTime.store(max(1, MonotonicTime.nanoseconds - start), ordering: .relaxed)
        return end
    }
}
