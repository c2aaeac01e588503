/// What the threads that execute jobs in processes have in common: how a job gets there, and how they end.
protocol LoopCommand: Sendable {
    associatedtype Content: Sendable

    static func run(_ job: LoopJob<Content>) -> Self
    static func cancel(_ job: LoopJob<Content>) -> Self
    static func close(within limit: Duration, _ ended: CheckedContinuation<Void, Never>?) -> Self
}

/// A job on its way through a loop's thread, and the task that awaits its end.
///
/// Unchecked: ``LoopThread/execute(_:)`` sets the continuation before the inbox's lock hands the job to the thread, and
/// from then on that thread alone reads or writes what can change. A cancellation carries the reference and looks at nothing.
final class LoopJob<Content: Sendable>: @unchecked Sendable {
    let content: Content
    /// Its place in the thread's ``JobTable``, as long as it has one.
    fileprivate(set) var ticket: Ticket?
    fileprivate var continuation: UnsafeContinuation<Void, any Error>?
    /// It had better end soon: its worker, or its partition, goes.
    var isToStop = false
    /// Its worker has been asked to say so.
    var isListening = false

    init(_ content: Content) {
        self.content = content
    }

    /// Tells the task. It is told once: what comes after the first word is dropped.
    func end(_ result: Result<Void, any Error>) {
        takeContinuation()?.resume(with: result)
    }

    /// For one that tells the task itself; nil where it is told already.
    func takeContinuation() -> UnsafeContinuation<Void, any Error>? { continuation.take() }
}

/// The jobs of one thread, by tickets that are given again when a job has left.
struct JobTable<Content: Sendable> {
    private var jobs: [LoopJob<Content>?] = []
    private var free: [Ticket] = []

    subscript(ticket: Ticket) -> LoopJob<Content>? { jobs[Int(ticket)] }

    mutating func insert(_ job: LoopJob<Content>) -> Ticket {
        let ticket = free.popLast() ?? Ticket(jobs.count)
        if ticket == jobs.count { jobs.append(job) } else { jobs[Int(ticket)] = job }
        job.ticket = ticket
        return ticket
    }

    @discardableResult
    mutating func remove(_ ticket: Ticket) -> LoopJob<Content>? {
        guard let job = jobs[Int(ticket)].take() else { return nil }
        job.ticket = nil
        free.append(ticket)
        return job
    }
}

extension LoopThread where Command: LoopCommand {
    /// Hands the loop a job and awaits its end, which the loop tells it.
    ///
    /// - Throws: what the loop says; ``HandlerError`` of code `closed` where it has ended.
    func execute(_ content: Command.Content) async throws {
        let job = LoopJob(content)
        let inbox = inbox
        try await withTaskCancellationHandler {
            // Unsafe is sound: `LoopJob.end` resumes it once, and a loop that ends ends all of its jobs.
            try await withUnsafeThrowingContinuation { continuation in
                job.continuation = continuation
                let isTaken = inbox.send(.run(job))
                if !isTaken {
                    job.end(.failure(HandlerError.closed))
                } else if Task.isCancelled {
                    // A cancellation that came before the job did has cancelled nothing.
                    _ = inbox.send(.cancel(job))
                }
            }
        } onCancel: {
            _ = inbox.send(.cancel(job))
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
