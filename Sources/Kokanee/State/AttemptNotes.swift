internal import RdKafka
internal import Synchronization

/// What one attempt is to leave in its queue's state, gathered while it runs.
final class AttemptNotes: Sendable {
    struct State: Sendable {
        /// The job's record as this attempt wrote it last, or as it found it; nil before it has looked.
        var record: JobRecord?
        /// Whether the state topic may have a record of the job.
        var mayHaveRecord = false
    }

    let state = Mutex(State())
}

extension JobContent {
    /// The attempt's notes, made when they are first asked for.
    var attemptNotes: AttemptNotes {
        notes.withLock { notes in
            if let notes { return notes }
            let new = AttemptNotes()
            notes = new
            hasNotes.store(true, ordering: .releasing)
            return new
        }
    }

    /// The number of the partition that the job has in all topics of its queue.
    var partition: Int32 { message.source.topicPartition.partition }

    /// Where the job stood before its first hop.
    var firstPlace: Envelope.Origin { origin ?? place }
}
