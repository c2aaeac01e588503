internal import RdKafka
internal import Synchronization

extension JobContent {
    /// What is to be kept of the job once that is what becomes of it, for who may ask; nil where nobody can want to know.
    ///
    /// Its order, and what else there is to keep, is the caller's to add.
    ///
    /// - Parameters:
    ///   - isCancelled: whether it is discarded because an operator wanted that.
    ///   - now: milliseconds since the epoch.
    func outcome(after disposition: Disposition, isCancelled: Bool, now: Int64) -> JobRecord? {
        let asked = keptResult
        var record = JobRecord()
        switch disposition {
        case .retry, .postpone, .finishedBefore: return nil
        case .complete:
            record.outcome = .completed
            record.result = writtenNotes?.contents.withLock { $0.result }
            guard record.result != nil || asked != nil else { return nil }
        case .discard(let reason):
            record.outcome = isCancelled ? .cancelled : .discarded
            record.error = SafeText.line(reason, limit: Envelope.Failure.maximumSize)
        // It has left what it leaves already; one that stands for others has to be asked itself.
        case .skip(isOwn: true): return nil
        case .skip(isOwn: false):
            record.outcome = .discarded
            record.error = "a job of its key was done, or stands for it"
        case .bury(let reason, let failure):
            record.outcome = .dead
            record.error = failure?.text ?? reason.rawValue
        }
        guard record.outcome == .completed || asked != nil else { return nil }
        record.attempt = attempt
        record.at = now
        record.expiresAt = now + (asked ?? runtime.resultRetention).milliseconds
        return record
    }
}

extension JobRecord {
    /// Whether a later attempt may go on from it: a dead letter may be sent back.
    var isOpen: Bool { outcome == nil || outcome == .dead }

    /// The record that says how the job has ended, and what is said in its place where the topic refuses the result.
    func endRecord(of id: String) -> StateRecord {
        var state = record(of: id)
        guard let result else { return state }
        var fallback = self
        fallback.result = nil
        fallback.checkpoint = nil
        fallback.error =
            "the result of \(result.bytes.count) bytes is too large for the state topic: raise that topic's "
            + "max.message.bytes, or store it elsewhere"
        state.fallback = fallback.value
        return state
    }
}
