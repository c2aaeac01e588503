/// Thrown by a handler that ends because it was asked to, and not because it failed: its attempt counts as if it had not
/// been made, and the job goes on later, from its last checkpoint.
///
/// Where its partition is being taken away, or the worker shut down, the job goes on with whoever works the partition next.
/// Elsewhere it is put back into the queue, behind others, and comes again after ``wait``.
///
///     for page in pages {
///         guard !context.isStopping else { throw JobStop() }
///         try await index(page)
///         try await context.checkpoint(page.number)
///     }
public struct JobStop: Error, Sendable, Hashable, CustomStringConvertible {
    /// How long it takes at least until the job comes again, where it stays with its worker. Default 1 s.
    public var wait: Duration

    public init(wait: Duration = .seconds(1)) {
        self.wait = wait
    }

    public var description: String { "it stopped, to go on later" }
}
