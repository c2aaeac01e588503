@testable import Kokanee

/// An attempt that runs.
final class Execution {
    enum Outcome {
        case success, failure, discard, deadLetter, stop
        case retryAfter(Int64)
        /// It was not begun.
        case skipped(isOwn: Bool)
    }

    enum Cancellation {
        case timeout, shutdown
    }

    let ticket: ModelWorker.Ticket
    let content: ModelWorker.Content
    let id: Int
    var outcome: Outcome
    var endsAt: Int64
    /// It goes on as if nobody had asked it to end.
    let ignoresCancellation: Bool
    /// When it is to be cancelled, and after that, when it is to be given up.
    var deadline: Int64
    var cancellation: Cancellation?
    /// It waits for the state, or for its key.
    var isPending = false
    /// What it takes once it is begun.
    var length: Int64 = 0
    /// How far it has come, as its checkpoint has it or is to have it; and that which is on its way.
    var progress = 0
    var unkept: Int?

    init(
        _ ticket: ModelWorker.Ticket,
        _ content: ModelWorker.Content,
        id: Int,
        outcome: Outcome,
        endsAt: Int64,
        ignoresCancellation: Bool,
        deadline: Int64
    ) {
        self.ticket = ticket
        self.content = content
        self.id = id
        self.outcome = outcome
        self.endsAt = endsAt
        self.ignoresCancellation = ignoresCancellation
        self.deadline = deadline
    }

    var record: ModelRecord { content.record }

    /// A handler that is not cancelled waits for its checkpoint.
    func isOver(at now: Int64) -> Bool { endsAt <= now && (unkept == nil || cancellation != nil) }

    func end(_ outcome: Outcome, at now: Int64) {
        self.outcome = outcome
        endsAt = now
    }
}
