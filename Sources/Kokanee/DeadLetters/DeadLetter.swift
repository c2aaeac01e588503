public import RdKafka

/// A dead letter without its payload.
public struct DeadLetter: Sendable {
    /// Where the letter stands in the dead-letter topic.
    public let place: Envelope.Origin
    public let envelope: Envelope
    public let key: Bytes?
    /// The attempts that were executed.
    public let attempts: Int
    /// Nil where the record doesn't say: something else wrote it.
    public let reason: DeadReason?
    /// Milliseconds since the epoch; the record's timestamp where it doesn't say.
    public let diedAt: Int64
    /// Nil while nobody has decided.
    public let verdict: Verdict?
    /// When that was, in milliseconds since the epoch.
    public let verdictAt: Int64?
    /// Who decided; nil where the verdict doesn't say.
    public let verdictBy: String?
    /// Why, where somebody said.
    public let verdictReason: String?

    init(_ record: Record, _ decoded: DecodedDeadLetter, _ note: VerdictIndex.Note?) {
        self.init(
            place: Envelope.Origin(topic: record.topic, partition: record.partition, offset: record.offset),
            // A copy: the record's own bytes would keep all of its fetch in memory.
            key: record.key.map { Bytes($0.array) },
            timestamp: record.timestamp,
            decoded,
            note
        )
    }

    init(
        place: Envelope.Origin,
        key: Bytes?,
        timestamp: Int64,
        _ decoded: DecodedDeadLetter,
        _ note: VerdictIndex.Note?
    ) {
        self.place = place
        envelope = decoded.envelope
        self.key = key
        attempts = decoded.attempts
        reason = decoded.reason
        diedAt = Self.diedAt(timestamp, decoded)
        verdict = note?.verdict
        verdictAt = note?.at
        verdictBy = note?.by
        verdictReason = note?.reason
    }

    static func diedAt(_ timestamp: Int64, _ decoded: DecodedDeadLetter) -> Int64 {
        decoded.diedAt ?? max(0, timestamp)
    }
}

/// A dead letter with all that its record holds.
public struct WholeDeadLetter: Sendable {
    public let letter: DeadLetter
    /// The record's headers, in their order.
    public let headers: [Header]
    /// The job's payload; of a CloudEvent in structured mode its data; empty where the record has none.
    public let payload: Bytes
    /// Whether the record's value is null.
    public let isWithoutPayload: Bool
    /// Who decided what and when; nil while nobody has.
    public let settlement: VerdictRecord?
}

extension WholeDeadLetter {
    init(_ record: Record, _ decoded: DecodedDeadLetter, _ note: VerdictIndex.Note?, _ settlement: VerdictRecord?) {
        letter = DeadLetter(record, decoded, note)
        headers = record.headers
        payload = Bytes(decoded.payload.array)
        isWithoutPayload = record.value == nil
        self.settlement = settlement
    }
}
