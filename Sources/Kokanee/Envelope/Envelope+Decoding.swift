public import RdKafka

/// A record read as a job.
public struct DecodedJob: Sendable, Equatable {
    public var envelope: Envelope
    /// In binary mode the record's value, which is not copied; empty where that is null.
    public var payload: Bytes
}

/// A dead letter read as far as it can be: also what was undecodable in the first place has an id and a place.
public struct DecodedDeadLetter: Sendable, Equatable {
    public var envelope: Envelope
    public var payload: Bytes
    /// Nil where the record doesn't say: something else wrote it.
    public var reason: DeadReason?
    /// Milliseconds since the epoch.
    public var diedAt: Int64?

    /// The attempts that were executed.
    public var attempts: Int {
        reason.map(\.followsAnAttempt) ?? true ? envelope.attempt : envelope.attempt - 1
    }
}

extension Envelope {
    /// The most bytes that an id, a type or an idempotency key may have.
    public static let longestName = 1024

    /// Reads a record as a job: a CloudEvent in binary or structured mode, or a plain record of the default type.
    ///
    /// Nothing that a record may hold makes it crash or overflow; ``HeaderScan`` says how retry state is read that
    /// somebody forged. An error is a reason to make the record a dead letter.
    public static func decode(_ record: Record, defaultType: String) -> Result<DecodedJob, EnvelopeError> {
        decode(record, HeaderScan(record), defaultType: defaultType)
    }

    static func decode(
        _ record: Record,
        _ scan: HeaderScan,
        defaultType: String
    ) -> Result<DecodedJob, EnvelopeError> {
        let place = Origin(topic: record.topic, partition: record.partition, offset: record.offset)
        return decode(scan, at: place, value: record.value, defaultType: defaultType)
    }

    /// As ``decode(_:defaultType:)``, of a record that is at hand in parts.
    public static func decode(
        headers: [Header],
        at place: Origin,
        value: Bytes?,
        defaultType: String
    ) -> Result<DecodedJob, EnvelopeError> {
        decode(HeaderScan(headers), at: place, value: value, defaultType: defaultType)
    }

    /// Reads a record of a dead-letter topic; what isn't decodable has its origin as id, and the type `unknown`.
    public static func decodeDeadLetter(_ record: Record, defaultType: String) -> DecodedDeadLetter {
        decodeDeadLetter(
            HeaderScan(record),
            at: Origin(topic: record.topic, partition: record.partition, offset: record.offset),
            value: record.value,
            defaultType: defaultType
        )
    }

    /// As ``decodeDeadLetter(_:defaultType:)``, of a record that is at hand in parts.
    public static func decodeDeadLetter(
        headers: [Header],
        at place: Origin,
        value: Bytes?,
        defaultType: String
    ) -> DecodedDeadLetter {
        decodeDeadLetter(HeaderScan(headers), at: place, value: value, defaultType: defaultType)
    }

    static func decode(
        _ scan: HeaderScan,
        at place: Origin,
        value: Bytes?,
        defaultType: String
    ) -> Result<DecodedJob, EnvelopeError> {
        Result { () throws(EnvelopeError) -> DecodedJob in
            guard scan.isReadable else {
                throw EnvelopeError("the headers can't be read, and are lost: they are malformed, or more than 100000")
            }
            var job: DecodedJob
            switch scan.mode {
            case .unsupported(let type):
                throw EnvelopeError("content-type \(type) is not supported; application/cloudevents+json is")
            case .structured:
                job = try StructuredEvent.decode(value ?? Bytes([]))
            case .binary where scan.isCloudEvent:
                let envelope = try binaryEvent(scan)
                job = DecodedJob(envelope: envelope, payload: value ?? Bytes([]))
            case .binary:
                let id = (scan.origin ?? place).description
                job = DecodedJob(envelope: Envelope(id: id, type: defaultType), payload: value ?? Bytes([]))
            }
            if case .malformed(let fault) = scan.idempotencyKey {
                throw EnvelopeError("\(HeaderName.idempotencyKey.rawValue) \(fault)")
            }
            if let name = scan.faultyWish {
                let form = name == .unique ? "as docs/once.md has it" : "a number of milliseconds in decimal digits"
                throw EnvelopeError("\(name.rawValue) is not \(form)")
            }
            job.envelope.takeState(of: scan)
            return job
        }
    }

    private static func decodeDeadLetter(
        _ scan: HeaderScan,
        at place: Origin,
        value: Bytes?,
        defaultType: String
    ) -> DecodedDeadLetter {
        let job: DecodedJob
        switch decode(scan, at: place, value: value, defaultType: defaultType) {
        case .success(let decoded): job = decoded
        case .failure:
            var envelope = Envelope(id: (scan.origin ?? place).description, type: "unknown")
            if case .text(let id) = scan.id { envelope.id = id }
            if case .text(let type) = scan.type { envelope.type = type }
            envelope.takeState(of: scan)
            job = DecodedJob(envelope: envelope, payload: value ?? Bytes([]))
        }
        return DecodedDeadLetter(
            envelope: job.envelope,
            payload: job.payload,
            reason: scan.reason,
            diedAt: scan.diedAt
        )
    }

    private static func binaryEvent(_ scan: HeaderScan) throws(EnvelopeError) -> Envelope {
        try checkSpecVersion(try text(scan.specVersion, .specVersion))
        return Envelope(
            id: try text(scan.id, .id),
            type: try text(scan.type, .type),
            version: try schemaVersion(scan.schemaVersion)
        )
    }

    private static func text(_ attribute: HeaderScan.Attribute, _ name: HeaderName) throws(EnvelopeError) -> String {
        switch attribute {
        case .text(let text): return text
        case .absent: throw EnvelopeError("\(name.rawValue) is missing")
        case .malformed(let fault): throw EnvelopeError("\(name.rawValue) \(fault)")
        }
    }

    static func checkSpecVersion(_ version: String) throws(EnvelopeError) {
        guard version == "1.0" || version.hasPrefix("1.") else {
            throw EnvelopeError("CloudEvents version \(SafeText.quoted(version)) is not supported; 1.0 is")
        }
    }

    /// A payload's version from text: an integer from 1 up; 1 where there is none.
    static func schemaVersion(_ attribute: HeaderScan.Attribute) throws(EnvelopeError) -> Int {
        if attribute == .absent { return 1 }
        let text = try text(attribute, .schemaVersion)
        guard let version = Int32(text), version >= 1 else {
            throw EnvelopeError("dataschemaversion \(SafeText.quoted(text)) is not an integer from 1 up")
        }
        return Int(version)
    }

    private mutating func takeState(of scan: HeaderScan) {
        attempt = scan.attempt ?? 1
        firstFailedAt = scan.firstFailedAt
        firstError = scan.firstError ?? scan.lastError
        lastError = scan.lastError
        dueAt = scan.dueAt
        expiresAt = scan.expiresAt
        origin = scan.origin
        refusedSince = scan.refusedSince
        hasBegun = scan.hasBegun
        schedule = scan.schedule
        if case .text(let key) = scan.idempotencyKey { idempotencyKey = key }
        idempotencyWindow = scan.idempotencyWindow
        unique = scan.unique
    }
}
