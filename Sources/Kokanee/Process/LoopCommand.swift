/// What the threads that execute jobs in processes have in common: how a job gets there, and how they end.
protocol LoopCommand: Sendable {
    associatedtype Job: Sendable

    static func run(_ ticket: Ticket, _ job: Job) -> Self
    static func cancel(_ ticket: Ticket) -> Self
    static func close(within limit: Duration, _ ended: CheckedContinuation<Void, Never>?) -> Self
}

extension LoopThread where Command: LoopCommand {
    /// Hands the loop a job and awaits its end, which the loop tells the continuation.
    ///
    /// - Throws: what the loop says; ``HandlerError`` of code `closed` where it has ended.
    func execute(_ makeJob: (CheckedContinuation<Void, any Error>) -> Command.Job) async throws {
        let inbox = inbox
        let ticket = inbox.nextTicket()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isTaken = inbox.send(.run(ticket, makeJob(continuation)))
                if !isTaken { continuation.resume(throwing: HandlerError.closed) }
                // A cancellation that came before the job did has cancelled nothing.
                if Task.isCancelled { _ = inbox.send(.cancel(ticket)) }
            }
        } onCancel: {
            _ = inbox.send(.cancel(ticket))
        }
    }

    /// Asks the loop to end and waits for that.
    func close(within limit: Duration) async {
        await withCheckedContinuation { continuation in
            let isTaken = inbox.send(.close(within: limit, continuation))
            if !isTaken { continuation.resume() }
        }
        // The thread has nothing left to do but return.
        join()
    }
}
