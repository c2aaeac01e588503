internal import RdKafka
internal import Synchronization

/// What one attempt is to leave in its queue's state, and what else it has said, gathered while it runs.
final class AttemptNotes: Sendable {
    struct Contents: Sendable {
        /// The attempt may run until then, whatever its queue's timeout says; on the worker's monotonic clock.
        var deadline: ContinuousClock.Instant?
        /// What the job is to leave for who enqueued it, once it completes.
        var result: JobRecord.Blob?
        /// How far it says it is.
        var progress = ReportedProgress()
        /// Called once, when the attempt had better come to an end.
        var whenStopping: (@Sendable () -> Void)?
    }

    let contents = Mutex(Contents())
}

extension JobContent {
    /// The attempt's notes, made for the first who asks.
    var attemptNotes: AttemptNotes {
        notes.withLock { notes in
            if let notes { return notes }
            let made = AttemptNotes()
            notes = made
            hasNotes.store(true, ordering: .releasing)
            return made
        }
    }

    /// Nil where nobody has asked for them.
    var writtenNotes: AttemptNotes? {
        hasNotes.load(ordering: .acquiring) ? notes.withLock { $0 } : nil
    }

    /// Until when the attempt may run beyond its queue's timeout.
    var extendedDeadline: ContinuousClock.Instant? {
        writtenNotes?.contents.withLock { $0.deadline }
    }
}
