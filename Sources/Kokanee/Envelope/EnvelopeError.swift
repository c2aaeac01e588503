/// A record that can't be read as a job.
public struct EnvelopeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong with which header or member, for people; it becomes the dead letter's error.
    public let reason: String

    init(_ reason: String) {
        self.reason = reason
    }

    public var description: String { reason }
}
