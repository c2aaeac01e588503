/// Until when a job stands for all others of its key, which are skipped meanwhile; see docs/once.md.
///
///     static let uniqueness: Uniqueness? = .unique(until: .done, for: .seconds(3600))
public struct Uniqueness: Sendable, Hashable {
    /// Until when it stands for the others.
    public struct Until: Sendable, Hashable {
        enum Kind: String, Sendable {
            case start
            case done
        }

        let kind: Kind

        /// One of several that wait is run: those that were taken in before it started are skipped.
        public static let start = Until(kind: .start)
        /// As `.start`, and those that are taken in while it runs, or waits for its next attempt, are skipped too.
        public static let done = Until(kind: .done)
    }

    public var until: Until
    /// For how long from its start at most: a job that is lost sight of holds the others back no longer.
    public var limit: Duration
    /// What the job is the only one of; nil is its type with its payload.
    public var key: String?

    /// - Parameters:
    ///   - limit: from 1 s to 365 days.
    ///   - key: 1 to 1000 bytes without control characters; nil is the job's type with its payload.
    public static func unique(
        until: Until,
        for limit: Duration = .seconds(86_400),
        key: String? = nil
    ) -> Uniqueness {
        Uniqueness(until: until, limit: limit, key: key)
    }
}

/// What a record says of it: `done/86400000/KEY` in `kokanee-unique`.
struct UniqueWish: Sendable, Equatable {
    let until: Uniqueness.Until.Kind
    /// Milliseconds.
    let limit: Int64
    let key: String

    /// What of a limit counts, in milliseconds.
    static let limits: ClosedRange<Int64> = 1000...(365 * 86_400_000)

    var text: String { "\(until.rawValue)/\(limit)/\(key)" }

    init(until: Uniqueness.Until.Kind, limit: Int64, key: String) {
        self.until = until
        self.limit = limit
        self.key = key
    }

    /// Nil where the text says nothing of the kind.
    init?(text: String) {
        let parts = text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let until = Uniqueness.Until.Kind(rawValue: String(parts[0])),
            let limit = Int64(parts[1]), limit > 0, !parts[2].isEmpty
        else { return nil }
        self.init(
            until: until,
            limit: min(max(limit, Self.limits.lowerBound), Self.limits.upperBound),
            key: String(parts[2])
        )
    }
}
