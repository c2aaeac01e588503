internal import Synchronization

/// What one attempt is to leave in its queue's state, gathered while it runs.
final class AttemptNotes: Sendable {
    /// What it produces with its completion.
    let outputs = Mutex<[JobOutput]>([])
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
}
