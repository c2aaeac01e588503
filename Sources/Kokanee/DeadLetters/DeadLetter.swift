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

    init(_ record: Record, _ decoded: DecodedDeadLetter, verdict: Verdict?) {
        place = Envelope.Origin(topic: record.topic, partition: record.partition, offset: record.offset)
        envelope = decoded.envelope
        // A copy: the record's own bytes would keep all of its fetch in memory.
        key = record.key.map { Bytes($0.array) }
        attempts = decoded.attempts
        reason = decoded.reason
        diedAt = Self.diedAt(record, decoded)
        self.verdict = verdict
    }

    static func diedAt(_ record: Record, _ decoded: DecodedDeadLetter) -> Int64 {
        decoded.diedAt ?? max(0, record.timestamp)
    }
}

/// A dead letter with all that its record holds.
public struct WholeDeadLetter: Sendable {
    public let letter: DeadLetter
    /// The record's headers, in their order.
    public let headers: [Header]
    /// The job's payload; of a CloudEvent in structured mode its data.
    public let payload: Bytes
    /// Who decided what and when; nil while nobody has.
    public let settlement: VerdictRecord?
}
