/// Something that was given is wrong: an argument, a setting, a file, a job to enqueue. Trying again is no use.
public struct InputError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong and what is accepted instead, in a line for people.
    public let message: String

    public init(_ message: String) {
        self.message = message
    }

    public var description: String { message }
}
