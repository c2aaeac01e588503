internal import Glibc
internal import RdKafka

/// The headers that Kokanee reads or writes; all others are carried as they are.
enum HeaderName: String, CaseIterable {
    case specVersion = "ce_specversion"
    case id = "ce_id"
    case type = "ce_type"
    case source = "ce_source"
    case time = "ce_time"
    case schemaVersion = "ce_dataschemaversion"
    case contentType = "content-type"
    case attempt = "kokanee-attempt"
    case firstFailedAt = "kokanee-first-failed-at"
    case error = "kokanee-error"
    case firstError = "kokanee-first-error"
    case origin = "kokanee-origin"
    case dueAt = "kokanee-due-at"
    case expiresAt = "kokanee-expires-at"
    case idempotencyKey = "kokanee-idempotency-key"
    case idempotencyWindow = "kokanee-idempotency-window"
    case unique = "kokanee-unique"
    case replay = "kokanee-replay"
    case reason = "kokanee-reason"
    case diedAt = "kokanee-died-at"
    case retriedFrom = "kokanee-retried-from"
    case cut = "kokanee-cut"
    case keepResult = "kokanee-keep-result"
    case refusedSince = "kokanee-refused-since"
    /// The attempt that the record is for has begun before, and stopped unfinished.
    case begun = "kokanee-begun"
    /// Names the schedule that the job is of.
    case schedule = "kokanee-schedule"

    static let prefix = "kokanee-"

    /// The header of that name, found without making a string: every header of every job passes here.
    static func recognise(_ name: UnsafeRawBufferPointer) -> HeaderName? {
        guard let start = name.baseAddress else { return nil }
        func only(_ candidate: HeaderName, _ text: StaticString) -> HeaderName? {
            memcmp(start, text.utf8Start, name.count) == 0 ? candidate : nil
        }
        // The case's number is the length of the texts in it.
        return switch name.count {
        case 5: only(.id, "ce_id")
        case 7: only(.type, "ce_type") ?? only(.time, "ce_time")
        case 11: only(.cut, "kokanee-cut")
        case 9: only(.source, "ce_source")
        case 12: only(.contentType, "content-type")
        case 13: only(.error, "kokanee-error") ?? only(.begun, "kokanee-begun")
        case 14:
            only(.specVersion, "ce_specversion") ?? only(.dueAt, "kokanee-due-at") ?? only(.origin, "kokanee-origin")
                ?? only(.replay, "kokanee-replay") ?? only(.reason, "kokanee-reason")
                ?? only(.unique, "kokanee-unique")
        case 15: only(.attempt, "kokanee-attempt") ?? only(.diedAt, "kokanee-died-at")
        case 16: only(.schedule, "kokanee-schedule")
        case 18: only(.expiresAt, "kokanee-expires-at")
        case 19: only(.firstError, "kokanee-first-error") ?? only(.keepResult, "kokanee-keep-result")
        case 20: only(.schemaVersion, "ce_dataschemaversion") ?? only(.retriedFrom, "kokanee-retried-from")
        case 21: only(.refusedSince, "kokanee-refused-since")
        case 23: only(.firstFailedAt, "kokanee-first-failed-at") ?? only(.idempotencyKey, "kokanee-idempotency-key")
        case 26: only(.idempotencyWindow, "kokanee-idempotency-window")
        default: nil
        }
    }

    func header(_ value: Bytes) -> Header {
        Header(rawValue, value)
    }

    func header(_ value: String) -> Header {
        Header(rawValue, Bytes(value))
    }

    func header(_ value: some BinaryInteger) -> Header {
        Header(rawValue, Bytes(String(value)))
    }
}
