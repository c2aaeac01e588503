/// What one attempt is to leave in its queue's state, gathered while it runs.
final class AttemptNotes: Sendable {
}
