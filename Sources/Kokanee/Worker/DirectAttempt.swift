internal import RdKafka
internal import Synchronization

/// A handler that runs attempts on a thread of its own, and takes over as many as there are: none of them costs a task, or
/// a visit to the engine's lock.
///
/// It is given attempts about which there is nothing to know but their records. All others come by
/// ``JobHandler/perform(_:_:)``.
protocol DirectHandler: JobHandler {
    /// Takes attempts over, to begin and to end each of them, on one thread, and to hand it back to its engine once then.
    ///
    /// - Returns: false where it takes none any more, and has taken none of these.
    func accept(_ attempts: [DirectAttempt], of engine: Engine) -> Bool

    /// An attempt that it has begun, and not ended, is to end soon.
    func cancel(_ attempt: Batch)
}

/// An attempt that a ``DirectHandler`` runs in the place of a runner, whose task sleeps meanwhile.
struct DirectAttempt: Sendable {
    let runner: RunnerGeneration
    /// It alone is in it.
    let batch: Batch

    /// Begins the attempt. Nil where it may not begin any more, or not now: it is to be handed back.
    ///
    /// - Parameter now: on the scale of ``MonotonicTime``.
    func begin(at now: Int64, _ limit: StartLimit) -> JobContent? {
        guard limit.allows(now) else { return nil }
        return batch.begin(at: now)?.takeUnretainedValue()
    }

    /// Ends the attempt.
    ///
    /// - Parameter engine: whose it is.
    /// - Returns: whether it may be handed back. False is that it does that itself, after what is on its way to the brokers.
    func end(_ result: Result<Void, any Error>, of engine: Engine) -> Bool {
        let content = batch.item(0).content
        guard content.hasNotes.load(ordering: .acquiring) else {
            if let end = Engine.end(result) { content.end = JobContent.End(end) }
            batch.end()
            return true
        }
        content.forgetWhenStopping()
        guard case .failure = result else {
            end(content, result)
            return true
        }
        // The next attempt is to begin where this one ended.
        Task {
            await JobContext(content).checkpointsStored()
            end(content, result)
            engine.noteReturned([self])
        }
        return false
    }

    private func end(_ content: JobContent, _ result: Result<Void, any Error>) {
        let result = JobContext(content).failure.map { .failure($0) } ?? result
        content.end = JobContent.End(Engine.end(result) ?? .completed)
        batch.end()
    }
}

/// An attempt that runs, to be told that it is to end.
enum RunningAttempt: Sendable {
    case task(Task<Void, Never>)
    case lent(Batch)

    func cancel() {
        switch self {
        case .task(let task): task.cancel()
        case .lent(let batch):
            let entry = batch[0].job._withUnsafeGuaranteedRef { $0.entry }
            entry?._withUnsafeGuaranteedRef { $0.directHandler?.cancel(batch) }
        }
    }
}

extension Engine {
    /// Wakes the runners that have something to run, and has handlers take over what is lent to them.
    func perform(_ handovers: [Handover]) {
        guard !handovers.isEmpty else { return }
        var lent: [DirectAttempt] = []
        for handover in handovers {
            switch handover {
            case .wake(let continuation, let batch): continuation.resume(returning: batch)
            case .lend(let attempt):
                if let first = lent.first, first.handledBy?.toOpaque() != attempt.handledBy?.toOpaque() {
                    lend(lent)
                    lent.removeAll(keepingCapacity: true)
                }
                lent.append(attempt)
            }
        }
        lend(lent)
    }

    /// - Parameter attempts: all of one handler.
    private func lend(_ attempts: [DirectAttempt]) {
        guard let entry = attempts.first?.handledBy else { return }
        var attempts = attempts
        var unknown: [DirectAttempt] = []
        attempts.removeAll { attempt in
            if attempt.hasNothingLeft { return false }
            unknown.append(attempt)
            return true
        }
        // What an earlier attempt may have left has to be waited for.
        unknown.forEach(runByTask)
        guard !attempts.isEmpty else { return }
        let areAccepted = entry._withUnsafeGuaranteedRef { $0.directHandler?.accept(attempts, of: self) }
        if areAccepted != true { attempts.forEach(runByTask) }
    }

    /// Has the runner that was to lend an attempt run it.
    private func runByTask(_ attempt: DirectAttempt) {
        let continuation = state.withLock { state in
            let index = attempt.runner.index
            return state.runners[index].generation == attempt.runner.generation ? state.runners[index].takeOver() : nil
        }
        continuation?.resume(returning: attempt.batch)
    }

    /// Accounts for attempts that handlers hand back, all of this engine, and gives out what is to run next.
    func noteReturned(_ attempts: [DirectAttempt]) {
        settle(attempts.lazy.map(\.runner)) { state, turn, _ in
            for attempt in attempts { state.noteReturned(attempt.runner, &turn) }
        }
    }
}

extension DirectAttempt {
    fileprivate var handledBy: Unmanaged<JobRegistry.Entry>? { batch[0].job._withUnsafeGuaranteedRef { $0.entry } }

    /// Whether it is known that no earlier attempt has left anything.
    fileprivate var hasNothingLeft: Bool {
        batch[0].job._withUnsafeGuaranteedRef { $0.hasNothingLeft }
    }
}
