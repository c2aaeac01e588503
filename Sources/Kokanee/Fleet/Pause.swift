internal import RdKafka

/// An operator's word on a queue, or on one type of its jobs: nothing of it is to start. It stands in
/// `kokanee.control` until it is taken back.
public struct Pause: Sendable, Hashable {
    /// How much of the queue's work is to rest.
    public struct Mode: Sendable, Hashable, CustomStringConvertible {
        enum Kind: String {
            case paused
            case draining
            /// The word before was taken back; kept, so that a status does not take the time of the pause for a stall.
            case resumed
        }

        let kind: Kind

        /// Nothing starts; what runs goes on.
        public static let paused = Mode(kind: .paused)
        /// Nothing is taken in; what workers have taken in before is still run.
        public static let draining = Mode(kind: .draining)

        public var description: String { kind.rawValue }
    }

    public let queue: String
    /// The type that it is about; nil is the whole queue.
    public let type: String?
    public let mode: Mode
    /// Who gave the word, such as `user@host`.
    public let by: String
    public let reason: String?
    /// When, in milliseconds since the epoch, by that host's clock.
    public let at: Int64

    init(queue: String, type: String? = nil, mode: Mode, by: String, reason: String? = nil, at: Int64) {
        self.queue = queue
        self.type = type
        self.mode = mode
        self.by = by
        self.reason = reason
        self.at = at
    }

    /// Whether anything is to rest by it.
    var stands: Bool { mode.kind != .resumed }

    /// `alice@ops: the database is moved`
    public var words: String { reason.map { "\(by): \($0)" } ?? by }
}

extension Pause {
    static func key(queue: String, type: String? = nil) -> String {
        type.map { "\(keyPrefix(queue: queue))\($0)" } ?? "pause/\(queue)"
    }

    /// Of the keys of the queue's types.
    static func keyPrefix(queue: String) -> String { "pause/\(queue)/" }

    var key: String { Self.key(queue: queue, type: type) }

    var json: JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("state", mode.description)
        object.add("by", by)
        object.add("at", at)
        if let reason { object.add("reason", reason) }
        return object
    }

    /// Reads an entry; nil for what is no pause of that queue. Anybody may have written it: its words are made fit for a
    /// terminal.
    init?(_ entry: ControlTopic.Entry, queue: String) {
        let prefix = Self.keyPrefix(queue: queue)
        let type = entry.key.hasPrefix(prefix) ? String(entry.key.dropFirst(prefix.count)) : nil
        guard entry.key == Self.key(queue: queue, type: type), type?.isEmpty != true,
            let fields = JSONFields(entry.value),
            let kind = fields.string("state").flatMap(Mode.Kind.init(rawValue:)), let at = fields.time("at")
        else { return nil }
        self.init(
            queue: queue,
            type: type,
            mode: Mode(kind: kind),
            by: FleetText.name(fields.string("by")),
            reason: FleetText.reason(fields.string("reason")),
            at: at
        )
    }
}

/// The bounds of the words in records of the control topic.
enum FleetText {
    static let longestName = 200
    static let longestReason = 500

    static func name(_ text: String?) -> String { SafeText.line(text ?? "somebody", limit: longestName) }

    static func reason(_ text: String?) -> String? {
        text.map { SafeText.line($0, limit: longestReason) }.flatMap { $0.isEmpty ? nil : $0 }
    }
}
