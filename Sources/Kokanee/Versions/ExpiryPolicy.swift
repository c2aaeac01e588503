/// What becomes of a job whose time is over before an attempt of it begins.
public struct ExpiryPolicy: Sendable, Hashable {
    enum Kind {
        case discard
        case deadLetter
    }

    let kind: Kind

    /// It is finished, with a line in the log and a count.
    public static let discard = ExpiryPolicy(kind: .discard)
    /// It is a dead letter, `expired`: for who wants to know what was too late, or may want it all the same.
    public static let deadLetter = ExpiryPolicy(kind: .deadLetter)
}
