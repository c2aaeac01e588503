/// What an operator decided about a dead letter.
public struct Verdict: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: String

    /// - Parameter rawValue: one of a later version than this is a verdict all the same: its letter is settled.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// The job went back to the queue's main topic as attempt 1.
    public static let retried = Verdict(rawValue: "retried")
    /// The job is not to run again.
    public static let discarded = Verdict(rawValue: "discarded")

    public var description: String { rawValue }
}
