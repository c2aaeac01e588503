/// Which dead letters are meant; everything that is set has to hold.
public struct DeadLetterFilter: Sendable, Hashable {
    /// The letters of these jobs; nil is of all.
    public var ids: Set<String>?
    /// The job's type.
    public var type: String?
    /// A text in the first or the last error, in any case.
    public var error: String?
    /// Died at this time or later, in milliseconds since the epoch.
    public var since: Int64?
    /// Died before this time, in milliseconds since the epoch.
    public var until: Int64?
    /// Only letters without a verdict.
    public var isOpenOnly: Bool
    /// Of those that match, so many that died last.
    public var limit: Int?

    public init(
        ids: Set<String>? = nil,
        type: String? = nil,
        error: String? = nil,
        since: Int64? = nil,
        until: Int64? = nil,
        isOpenOnly: Bool = false,
        limit: Int? = nil
    ) {
        self.ids = ids
        self.type = type
        self.error = error
        self.since = since
        self.until = until
        self.isOpenOnly = isOpenOnly
        self.limit = limit
    }

    /// Whether a letter matches, its verdict aside.
    func matches(_ envelope: Envelope, diedAt: Int64) -> Bool {
        if let ids, !ids.contains(envelope.id) { return false }
        if let type, type != envelope.type { return false }
        if let since, diedAt < since { return false }
        if let until, diedAt >= until { return false }
        guard let error = error?.lowercased(), !error.isEmpty else { return true }
        return [envelope.lastError, envelope.firstError].contains { $0?.lowercased().contains(error) == true }
    }
}
