internal import RdKafka

/// An operator's word on one job: it is not to run any more. It stands in `kokanee.control` until it expires, by which
/// time the job has come up, wherever it waits.
public struct JobCancellation: Sendable, Hashable {
    public let queue: String
    /// The job's.
    public let id: String
    /// Who gave the word, such as `user@host`.
    public let by: String
    public let reason: String?
    /// When, in milliseconds since the epoch, by that host's clock.
    public let at: Int64
    /// Until when it counts, likewise.
    public let expiresAt: Int64

    /// How long it stands beyond the longest rung: at each rung that a job comes down, its worker looks at it.
    static let lifetime: Int64 = 7 * 86_400_000
    /// How long an expired one is left alone before somebody takes it out of the topic.
    static let rest: Int64 = 86_400_000
    /// The most of a queue at one time; further ones are refused.
    public static let limit = 10_000
    /// The longest id of a job that can be cancelled, in bytes.
    public static let longestID = 1024

    init(queue: String, id: String, by: String, reason: String?, at: Int64, expiresAt: Int64) {
        self.queue = queue
        self.id = id
        self.by = by
        self.reason = reason
        self.at = at
        self.expiresAt = expiresAt
    }

    /// `cancelled by alice@ops: sent twice`
    package var words: String { "cancelled by \(reason.map { "\(by): \($0)" } ?? by)" }
}

extension JobCancellation {
    static func keyPrefix(queue: String) -> String { "cancel/\(queue)/" }
    static func key(queue: String, id: String) -> String { keyPrefix(queue: queue) + id }
    var key: String { Self.key(queue: queue, id: id) }

    var json: JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("by", by)
        object.add("at", at)
        object.add("expiresAt", expiresAt)
        if let reason { object.add("reason", reason) }
        return object
    }

    /// Reads an entry; nil for what is no cancellation of one of that queue's jobs.
    init?(_ entry: ControlTopic.Entry, queue: String) {
        let prefix = Self.keyPrefix(queue: queue)
        guard entry.key.hasPrefix(prefix), entry.key.utf8.count > prefix.utf8.count,
            let fields = JSONFields(entry.value), let at = fields.time("at"),
            let expiresAt = fields.time("expiresAt")
        else { return nil }
        self.init(
            queue: queue,
            id: String(entry.key.dropFirst(prefix.count)),
            by: FleetText.name(fields.string("by")),
            reason: FleetText.reason(fields.string("reason")),
            at: at,
            expiresAt: expiresAt
        )
    }
}
