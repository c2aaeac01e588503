internal import RdKafka

/// The retry state that a hop takes over from its record.
struct HopState {
    let origin: Envelope.Origin?
    let firstFailedAt: Int64?
    let firstError: String?
    let lastError: String?

    /// That of a job without a history.
    init() {
        origin = nil
        firstFailedAt = nil
        firstError = nil
        lastError = nil
    }

    init(_ scan: HeaderScan) {
        origin = scan.origin
        firstFailedAt = scan.firstFailedAt
        firstError = scan.firstError
        lastError = scan.lastError
    }

    /// The state of a record that was read as a job, which is not scanned again.
    init(_ envelope: Envelope) {
        origin = envelope.origin
        firstFailedAt = envelope.firstFailedAt
        firstError = envelope.firstError
        lastError = envelope.lastError
    }

    /// Whether every hop writes the header anew, or takes it away.
    static func holds(_ name: HeaderName) -> Bool {
        switch name {
        case .attempt, .firstFailedAt, .error, .firstError, .origin, .dueAt, .reason, .diedAt, .cut: true
        case .specVersion, .id, .type, .source, .time, .schemaVersion, .contentType, .expiresAt, .idempotencyKey,
            .replay, .retriedFrom:
            false
        }
    }

    /// The headers of a record that its hop carries on; nil where they are too many, and have to be copied.
    static func carried(_ record: Record) -> CarriedHeaders? {
        var kept: UInt64 = 0
        var count = 0
        record.forEachHeader { name, _ in
            // A shift by more than there are bits is 0.
            if HeaderName.recognise(name).map(holds) != true { kept |= 1 << count }
            count += 1
        }
        return count <= CarriedHeaders.limit ? CarriedHeaders(of: record, kept: kept) : nil
    }
}
