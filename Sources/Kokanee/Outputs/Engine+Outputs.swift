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
            await outlastRebalance(content)
            let leavings =
                try await content.runtime.state.leavings(of: content)
                + ScheduleDone.writes(after: .complete, of: content, at: clock.wall())
            switch try await outputs.commit(content, produced, leavings) {
            case .done: return .committed(before: false)
            case .finishedBefore: return .finishedBefore
            case .open, .gone: return .failed(CancellationError())
            }
        } catch {
            return .failed(error)
        }
    }

    /// How an attempt ends whose job's outputs are committed already, by an earlier one whose worker did not live to commit its
    /// offset, or which that worker had finished in another way; nil is that neither is known. To be asked before anything else
    /// is done with the job: on a rung it would be another.
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
            case .done:
                // That its key is done, or free, is known here at once.
                if content.isOnce { _ = content.attemptNotes }
                return .committed(before: true)
            case .finishedBefore: return .finishedBefore
            case .gone: return .failed(CancellationError())
            }
        } catch {
            return .failed(error)
        }
    }

    /// Asks about a job that is about to leave for another topic without an attempt, where it would be another one to the
    /// ledger: it does not leave where its outputs are committed already, or where it has left before.
    func hopUnlessCommitted(_ hop: PendingHop) async {
        let answer = try? await hop.content.runtime.outputs?.areCommitted(of: hop.content)
        switch answer {
        case .open:
            self.hop([hop.asked])
        case .done: end(hop, completed: true)
        case .finishedBefore: end(hop, completed: false)
        case .gone, nil:
            // Nearly always its epoch is over.
            let now = clock.monotonic()
            state.withLock { state in
                if state.scheduler.mayHop(hop.ticket) {
                    state.hopsToRetry.insert(hop.deferred(now: now))
                } else {
                    state.scheduler.abandonHop(hop.ticket)
                }
            }
        }
    }

    /// A job is finished that was about to leave.
    ///
    /// - Parameter isCompleted: false where nobody knows: then it counts for nothing.
    private func end(_ hop: PendingHop, completed isCompleted: Bool) {
        let (now, wall) = clock.both()
        let (isFinished, handovers, wakes) = state.withLock { state in
            let place = state.scheduler.place(of: hop.ticket)
            let isFinished = state.scheduler.hopped(hop.ticket, now: wall)
            if isFinished, isCompleted {
                state.outcomes?.mark(.completed, hop.content, at: place)
                state.statistics[hop.content.queueIndex].completed += 1
            }
            return (isFinished, state.handOver(now: now), state.takeWakes())
        }
        perform(handovers)
        for wakeup in wakes { wakeup.wake() }
        guard isFinished else { return logFenced(hop.content) }
        FailPoint.jobFinished.pass()
        if isCompleted { hooks?.tell(HookEvent(hop.content, .completed)) }
    }

    /// Whether a job's attempt, or its hop, still has a word in its partition's epoch.
    func isAlive(_ content: JobContent) -> Bool {
        state.withLock { state in
            guard let job = state.scheduler[content.ticket] else { return false }
            return (job.phase == .running || job.phase == .hopping) && state.scheduler.isCurrent(job)
        }
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
