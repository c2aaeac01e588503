/// The retry state that a hop takes over from its record.
struct HopState {
    let origin: Envelope.Origin?
    let firstFailedAt: Int64?
    let firstError: String?
    let lastError: String?
    let refusedSince: Int64?
    let hasBegun: Bool

    /// That of a job without a history.
    init() {
        origin = nil
        firstFailedAt = nil
        firstError = nil
        lastError = nil
        refusedSince = nil
        hasBegun = false
    }

    init(_ scan: HeaderScan) {
        origin = scan.origin
        firstFailedAt = scan.firstFailedAt
        firstError = scan.firstError
        lastError = scan.lastError
        refusedSince = scan.refusedSince
        hasBegun = scan.hasBegun
    }

    /// The state of a record that was read as a job, which is not scanned again.
    init(_ envelope: Envelope) {
        origin = envelope.origin
        firstFailedAt = envelope.firstFailedAt
        firstError = envelope.firstError
        lastError = envelope.lastError
        refusedSince = envelope.refusedSince
        hasBegun = envelope.hasBegun
    }

    /// Whether every hop writes the header anew, or takes it away.
    static func holds(_ name: HeaderName) -> Bool {
        switch name {
        case .attempt, .firstFailedAt, .error, .firstError, .origin, .dueAt, .reason, .diedAt, .cut, .refusedSince,
            .begun:
            true
        case .specVersion, .id, .type, .source, .time, .schemaVersion, .contentType, .expiresAt, .idempotencyKey,
            .idempotencyWindow, .unique, .replay, .retriedFrom, .keepResult, .schedule:
            false
        }
    }
}
