/// Offsets can't be reset; the message says why and what to do.
public struct ResetError: Error, Hashable, Sendable, CustomStringConvertible {
    public let message: String

    public init(_ message: String) {
        self.message = message
    }

    public var description: String { message }
}
