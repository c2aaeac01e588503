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
            .replay, .retriedFrom, .schedule:
            false
        }
    }
}
