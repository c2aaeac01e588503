internal import RdKafka

/// A verdict as the queue's state topic keeps it, in the partition that has the letter's number.
///
/// The key is `dlq/PARTITION/OFFSET` of the letter, the value one JSON object. Keys of other shapes belong to other
/// kinds of records. Compaction keeps the last verdict of each letter; a tombstone takes it back.
public struct VerdictRecord: Sendable, Equatable {
    static let type = "dead-letter-verdict"
    private static let keyPrefix = "dlq"

    public var verdict: Verdict
    /// Milliseconds since the epoch.
    public var at: Int64
    /// Who decided.
    public var by: String
    /// The job's id.
    public var job: String
    /// The letter's timestamp: offsets begin anew in a topic that is made again, and an old verdict must not hold there.
    public var letterTimestamp: Int64
    /// Why, where somebody said.
    public var reason: String?
    /// Where the job went: the main topic and its partition.
    public var destination: String?

    static func key(partition: Int32, offset: Int64) -> Bytes {
        Bytes("\(keyPrefix)/\(partition)/\(offset)")
    }

    /// The offset of the letter that a record's key names; nil where it is a record of another kind.
    static func offset(key: Bytes?, partition: Int32) -> Int64? {
        guard
            let key, key.count < 64,
            let origin = Envelope.Origin(text: key.text), origin.topic == keyPrefix, origin.partition == partition
        else { return nil }
        return origin.offset
    }

    var value: Bytes {
        var object = JSONObjectWriter(reservingCapacity: 192)
        object.add("type", Self.type)
        object.add("verdict", verdict.rawValue)
        object.add("at", at)
        object.add("by", by)
        object.add("job", job)
        object.add("letterTimestamp", letterTimestamp)
        if let reason { object.add("reason", reason) }
        if let destination { object.add("to", destination) }
        return Bytes(object.finish())
    }

    init(
        _ verdict: Verdict,
        at: Int64,
        by: String,
        job: String,
        letterTimestamp: Int64,
        reason: String? = nil,
        destination: String? = nil
    ) {
        self.verdict = verdict
        self.at = at
        self.by = by
        self.job = job
        self.letterTimestamp = letterTimestamp
        self.reason = reason
        self.destination = destination
    }

    /// Nil where the value is no verdict.
    init?(value: Bytes) {
        let bytes = value.array
        guard let members = try? JSONText.members(of: bytes) else { return nil }
        func text(_ name: String) -> String? {
            members.last { $0.name == name }.flatMap { JSONText.string(bytes[$0.value]) }
        }
        func number(_ name: String) -> Int64? {
            members.last { $0.name == name }.flatMap { Int64(String(decoding: bytes[$0.value], as: UTF8.self)) }
        }
        guard
            text("type") == Self.type, let verdict = text("verdict"), let letterTimestamp = number("letterTimestamp")
        else { return nil }
        self.init(
            Verdict(rawValue: verdict),
            at: number("at") ?? 0,
            by: text("by") ?? "",
            job: text("job") ?? "",
            letterTimestamp: letterTimestamp,
            reason: text("reason"),
            destination: text("to")
        )
    }
}
