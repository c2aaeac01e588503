/// Offsets can't be reset; the message says why and what to do.
public struct ResetError: Error, Hashable, Sendable, CustomStringConvertible {
    public let message: String
    /// Some offsets may have moved all the same.
    let mayHaveMoved: Bool

    public init(_ message: String) {
        self.init(message, mayHaveMoved: false)
    }

    init(_ message: String, mayHaveMoved: Bool) {
        self.message = message
        self.mayHaveMoved = mayHaveMoved
    }

    public var description: String { message }
}
