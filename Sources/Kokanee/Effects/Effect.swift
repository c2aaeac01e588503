/// What a job would have done in the world, as a rehearsal notes it. Both texts are in one line, without control characters.
public struct Effect: Sendable, Hashable {
    /// The most bytes of a name and of a detail; what is longer is cut.
    static let longestName = 128
    static let longestDetail = 512

    /// Its kind; `unnamed` where the handler gives none.
    public let name: String
    /// Empty where there is none.
    public let detail: String

    public init(_ name: String, _ detail: String = "") {
        let name = SafeText.line(name, limit: Self.longestName)
        self.name = name.isEmpty ? "unnamed" : name
        self.detail = SafeText.line(detail, limit: Self.longestDetail)
    }
}
