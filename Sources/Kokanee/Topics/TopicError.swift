/// A queue's topics are not as they must be; the message says what to do.
public struct TopicError: Error, Hashable, Sendable, CustomStringConvertible {
    public let message: String

    public init(_ message: String) {
        self.message = message
    }

    public var description: String { message }
}

extension TopicError {
    /// The cluster has no main topic of the queue.
    package static func noQueue(_ queue: Queue) -> TopicError {
        TopicError("there is no queue \(queue.name); create it with: \(TopicInspection.command(for: queue))")
    }
}
