internal import RdKafka

/// What one pass over a record's headers finds, each already in the reading that can do no harm.
///
/// Whoever may write to the topic may write any of these, so they are believed only as far as they can't hurt:
///
/// - CloudEvents attributes that are malformed make the record undecodable, and so do those of what the enqueuer asked for:
///   when the job may start, and until when, and that it is done once. Without them it would run as nobody wanted it to.
/// - Other numbers that are none are as if absent. Attempts are clamped to 1…1,000,000 and times to the years 1970 to
///   9999, so that no later sum overflows; how far ahead a due time may lie is the worker's to bound.
/// - An origin that is no place in a log is as if absent; one in a foreign topic is only text.
/// - Of a name that occurs more than once the last counts.
struct HeaderScan {
    enum Attribute: Equatable {
        case absent
        case text(String)
        /// What is wrong with it, to follow the header's name.
        case malformed(String)
    }

    enum Mode: Equatable {
        case binary
        case structured
        case unsupported(String)
    }

    static let maximumAttempt: Int64 = 1_000_000

    private(set) var mode = Mode.binary
    private(set) var hasSource = false
    private(set) var specVersion = Attribute.absent
    private(set) var id = Attribute.absent
    private(set) var type = Attribute.absent
    private(set) var schemaVersion = Attribute.absent
    private(set) var idempotencyKey = Attribute.absent
    private(set) var idempotencyWindow: Int64?
    private(set) var unique: UniqueWish?
    private(set) var attempt: Int?
    private(set) var firstFailedAt: Int64?
    private(set) var dueAt: Int64?
    private(set) var expiresAt: Int64?
    private(set) var diedAt: Int64?
    private(set) var refusedSince: Int64?
    private(set) var hasBegun = false
    private(set) var origin: Envelope.Origin?
    private(set) var firstError: String?
    private(set) var lastError: String?
    private(set) var reason: DeadReason?
    private(set) var schedule: String?
    /// In milliseconds.
    private(set) var keepResult: Int64?
    /// A wish of the enqueuer's that can't be read.
    private(set) var faultyWish: HeaderName?

    /// Whether there are no headers that could not be read.
    private(set) var isReadable = true
    /// About what the record's headers take in memory, in bytes.
    private(set) var size = 0
    /// What a header counts for beside its bytes: about what a copy of it takes, and what librdkafka keeps of one where it has
    /// to be asked.
    static let overhead = 64

    init(_ record: Record) {
        self = withExtendedLifetime(record) { HeaderScan(record.storage.message) }
    }

    /// - Parameter message: of an owner that lives on.
    init(_ message: ConsumedMessage) {
        var isReadable = true
        self.init { isReadable = message.forEachHeader($0) }
        self.isReadable = isReadable
    }

    /// - Parameter forEachHeader: as ``RdKafka/Record/forEachHeader(_:)``.
    init(_ forEachHeader: ((_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) -> Void) -> Void) {
        forEachHeader { name, value in
            size += name.count + (value?.count ?? 0) + Self.overhead
            take(name, value)
        }
    }

    init(_ headers: [Header]) {
        for header in headers {
            var name = header.name
            name.withUTF8 { name in
                if let value = header.value {
                    value.withUnsafeBytes { take(UnsafeRawBufferPointer(name), $0) }
                } else {
                    take(UnsafeRawBufferPointer(name), nil)
                }
            }
        }
    }

    /// Whether the record claims to be a CloudEvent in binary mode; one that claims so by halves is malformed.
    var isCloudEvent: Bool {
        specVersion != .absent || id != .absent || type != .absent || hasSource
    }

    private mutating func take(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) {
        let header = HeaderName.recognise(name)
        switch header {
        case .specVersion: specVersion = Self.attribute(value)
        case .id: id = Self.attribute(value)
        case .type: type = Self.attribute(value)
        case .source: hasSource = true
        case .schemaVersion: schemaVersion = Self.attribute(value)
        case .contentType: mode = Self.mode(value)
        case .idempotencyKey: idempotencyKey = value?.isEmpty == false ? Self.attribute(value) : .absent
        case .idempotencyWindow:
            idempotencyWindow = value.flatMap(DecimalText.parse).map { min(max($0, 1), UniqueWish.limits.upperBound) }
            note(header, value, isFine: idempotencyWindow != nil)
        case .unique:
            if case .text(let text) = Self.attribute(value) { unique = UniqueWish(text: text) } else { unique = nil }
            note(header, value, isFine: unique != nil)
        case .attempt: attempt = value.flatMap(DecimalText.parse).map { Int(min(max($0, 1), Self.maximumAttempt)) }
        case .firstFailedAt: firstFailedAt = Self.time(value)
        case .dueAt:
            dueAt = Self.time(value)
            note(header, value, isFine: dueAt != nil)
        case .expiresAt:
            expiresAt = Self.time(value)
            note(header, value, isFine: expiresAt != nil)
        case .diedAt: diedAt = Self.time(value)
        case .refusedSince: refusedSince = Self.time(value)
        case .begun: hasBegun = value?.isEmpty == false
        case .origin: origin = value.flatMap(Envelope.Origin.init)
        case .firstError: firstError = value.map(Self.errorText)
        case .error: lastError = value.map(Self.errorText)
        case .schedule: if case .text(let name) = Self.attribute(value) { schedule = name }
        case .reason: reason = value.flatMap(DeadReason.init)
        case .keepResult: keepResult = value.flatMap(DecimalText.parse)
        case .time, .replay, .retriedFrom, .cut, nil: break
        }
    }

    /// Nothing is asked for by a header without a value, and the last of a name counts.
    private mutating func note(_ header: HeaderName?, _ value: UnsafeRawBufferPointer?, isFine: Bool) {
        if !isFine, value?.isEmpty == false {
            faultyWish = header
        } else if faultyWish == header {
            faultyWish = nil
        }
    }

    static func attribute(_ value: UnsafeRawBufferPointer?) -> Attribute {
        guard let value, !value.isEmpty else { return .malformed("is empty") }
        guard value.count <= Envelope.longestName else {
            return .malformed("is \(value.count) bytes long, of at most \(Envelope.longestName)")
        }
        // CloudEvents 1.0, type system: a string has no control characters.
        guard !value.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return .malformed("has control characters") }
        guard let text = String(validating: value, as: UTF8.self) else { return .malformed("is not UTF-8") }
        return .text(text)
    }

    private static func mode(_ value: UnsafeRawBufferPointer?) -> Mode {
        guard let value, value.starts(with: "application/cloudevents".utf8, by: { $0 | 0x20 == $1 | 0x20 }) else {
            return .binary
        }
        let text = SafeText.line(String(decoding: value.prefix(100), as: UTF8.self), limit: 100)
        let mediaType = text.prefix { $0 != ";" && $0 != " " }.lowercased()
        return mediaType == "application/cloudevents+json" ? .structured : .unsupported(text)
    }

    private static func time(_ value: UnsafeRawBufferPointer?) -> Int64? {
        value.flatMap(DecimalText.parse).map(Timestamp.clamped)
    }

    private static func errorText(_ value: UnsafeRawBufferPointer) -> String {
        // A byte decodes to at most one replacement character, so this much is enough for the limit.
        let readable = value.prefix(Envelope.Failure.maximumSize + 4)
        return SafeText.line(String(decoding: readable, as: UTF8.self), limit: Envelope.Failure.maximumSize)
    }
}
