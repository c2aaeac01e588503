internal import RdKafka
internal import Synchronization

extension JobContent {
    /// What is to be kept of the job once that is what becomes of it, for who may ask; nil where nobody can want to know.
    ///
    /// Its order, and what else there is to keep, is the caller's to add.
    ///
    /// - Parameter now: milliseconds since the epoch.
    func outcome(after disposition: Disposition, now: Int64) -> JobRecord? {
        let asked = keptResult
        var record = JobRecord()
        switch disposition {
        case .retry, .postpone: return nil
        case .complete:
            record.outcome = .completed
            record.result = writtenNotes?.contents.withLock { $0.result }
            guard record.result != nil || asked != nil else { return nil }
        case .discard(let reason):
            record.outcome = .discarded
            record.error = SafeText.line(reason, limit: Envelope.Failure.maximumSize)
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
