internal import RdKafka
internal import Synchronization

extension Engine {
    /// Runs an attempt whose outputs are to be committed together with its completion. Nil is that it has completed.
    nonisolated(nonsending) func executeWithOutputs(_ content: JobContent, _ handler: any JobHandler) async
        -> AttemptEnd?
    {
        guard let outputs = content.runtime.outputs else { return .failed(CancellationError()) }
        do {
            if let end = await perform(content, handler) { return end }
            let produced = content.attemptNotes.outputs.withLock { $0 }.map(\.record)
            guard !produced.isEmpty else { return .completed }
            guard try await outputs.commit(content, produced) == .done else { return .failed(CancellationError()) }
            return .completed
        } catch {
            return .failed(error)
        }
    }

    /// How an attempt ends whose job's outputs are committed already, by an earlier one whose worker did not live to commit its
    /// offset; nil is that they are not. To be asked before anything else is done with the job: on a rung it would be another.
    nonisolated(nonsending) func endIfCommitted(_ content: JobContent) async -> AttemptEnd? {
        // A copy that is given up and goes to a rung meanwhile is nowhere in the ledger.
        guard let outputs = content.runtime.outputs, beginCommit(of: content) != nil else {
            return .failed(CancellationError())
        }
        do {
            switch try await outputs.areCommitted(of: content) {
            case .open:
                endCommit(of: content)
                return nil
            case .done: return .completed
            case .gone: return .failed(CancellationError())
            }
        } catch {
            return .failed(error)
        }
    }

    /// Whether a job's attempt still has a word in its partition's epoch.
    func isAlive(_ content: JobContent) -> Bool {
        state.withLock { $0.scheduler.watermark(ofRunning: content.ticket) != nil }
    }

    /// An attempt is about to be committed by a transaction: until ``endCommit(of:)`` it is not given up, whatever it does.
    ///
    /// - Returns: the watermark of the job's partition; nil where the attempt has no word any more.
    func beginCommit(of content: JobContent) -> Int64? {
        state.withLock { state in
            let watermark = state.scheduler.watermark(ofRunning: content.ticket)
            content.isCommitting = watermark != nil
            return watermark
        }
    }

    func endCommit(of content: JobContent) {
        state.withLock { _ in content.isCommitting = false }
    }
}

extension Scheduler {
    /// The watermark of the partition in whose epoch a job runs; nil where it does not run, or in none that goes on.
    func watermark(ofRunning ticket: Ticket) -> Int64? {
        guard let job = self[ticket], job.phase == .running, isCurrent(job) else { return nil }
        return partitions[slot: job.slot].tracker.watermark
    }
}
