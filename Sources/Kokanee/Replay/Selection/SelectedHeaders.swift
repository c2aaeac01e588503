internal import Glibc
internal import RdKafka

/// What is to be known of records' headers. An object, so that a closure that has it costs no more than counting its
/// owners.
final class HeaderQuestion: Sendable {
    /// Nil is all.
    let types: ByteSet?
    /// Nil is all.
    let ids: ByteSet?
    /// Whether `ce_time` is asked for.
    let asksTime: Bool
    /// Whether type and id are wanted as texts.
    let wantsNames: Bool
    /// What records without CloudEvents headers are.
    let defaultType: String

    init(types: ByteSet?, ids: ByteSet?, asksTime: Bool, wantsNames: Bool, defaultType: String) {
        self.types = types
        self.ids = ids
        self.asksTime = asksTime
        self.wantsNames = wantsNames
        self.defaultType = defaultType
    }
}

/// What one pass over the headers of a record tells of a ``HeaderQuestion``, if the record is plain: a CloudEvent in
/// binary mode, or a record without any of its headers, without an attribute that needs a second look.
///
/// What is not plain is for ``Envelope`` to decode, which would tell the same of what is.
struct SelectedHeaders {
    private(set) var isOfType = false
    /// Of the id in the question's set.
    private(set) var idIndex: Int?
    private(set) var version = 1
    /// Milliseconds since the epoch.
    private(set) var time: Int64?
    private(set) var type = ""
    private(set) var id = ""
    /// False for a record of the queue's default type.
    private(set) var isCloudEvent = false

    private var isPlain = true
    private var hasSpecVersion = false
    private var hasSource = false
    private var hasType = false
    private var hasID = false
    private var hasOrigin = false

    /// Nil where the record is not plain.
    init?(_ message: ConsumedMessage, _ question: HeaderQuestion) {
        let isReadable = message.forEachHeader { take($0, $1, question) }
        guard isReadable, isPlain else { return nil }
        if hasSpecVersion && hasType && hasID {
            isCloudEvent = true
            return
        }
        // Its id is its place, unless its first place is told.
        guard !hasSpecVersion, !hasSource, !hasType, !hasID, !hasOrigin else { return nil }
        let place = message.source.topicPartition
        isOfType = question.types?.contains(question.defaultType) ?? true
        if question.ids != nil || question.wantsNames {
            id = Envelope.Origin(topic: place.topic, partition: place.partition, offset: message.offset).description
            idIndex = question.ids?.index(of: id)
        }
        type = question.defaultType
        version = 1
        time = nil
    }

    private mutating func take(
        _ name: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer?,
        _ question: HeaderQuestion
    ) {
        guard isPlain, let start = name.baseAddress else { return }
        func isNamed(_ text: StaticString) -> Bool { memcmp(start, text.utf8Start, name.count) == 0 }
        // The case's number is the length of the texts in it.
        switch name.count {
        case 5 where isNamed("ce_id"):
            guard let value = plain(value) else { return }
            hasID = true
            if let ids = question.ids { idIndex = ids.index(of: value) }
            if question.wantsNames { id = String(decoding: value, as: UTF8.self) }
        case 7 where isNamed("ce_type"):
            guard let value = plain(value) else { return }
            hasType = true
            isOfType = question.types?.contains(value) ?? true
            if question.wantsNames { type = String(decoding: value, as: UTF8.self) }
        case 7 where question.asksTime && isNamed("ce_time"): time = value.flatMap(EventTime.parse)
        case 9 where isNamed("ce_source"): hasSource = true
        case 12 where isNamed("content-type"): isPlain = !PlainJob.isCloudEvent(value)
        case 14 where isNamed("ce_specversion"):
            hasSpecVersion = true
            isPlain = value.map { $0.count == 3 && $0[0] == 0x31 && $0[1] == 0x2E && $0[2] == 0x30 } ?? false
        case 14 where isNamed("kokanee-origin"): hasOrigin = true
        case 20 where isNamed("ce_dataschemaversion"):
            guard let value, value.count <= 9, let first = value.first,
                (UInt8(ascii: "1")...UInt8(ascii: "9")) ~= first,
                let version = DecimalText.parse(value)
            else {
                isPlain = false
                return
            }
            self.version = Int(version)
        case 23 where isNamed("kokanee-idempotency-key"): if value?.isEmpty == false { _ = plain(value) }
        default: break
        }
    }

    /// A value in printable ASCII; the record is not plain where it is anything else.
    private mutating func plain(_ value: UnsafeRawBufferPointer?) -> UnsafeRawBufferPointer? {
        guard let value, PlainJob.isPlainText(value) else {
            isPlain = false
            return nil
        }
        return value
    }
}

/// When a job's producer says that it happened.
enum EventTime {
    private static let longest = 64

    /// RFC 3339 alone, not what else people may write for a time.
    static func parse(_ text: UnsafeRawBufferPointer) -> Int64? {
        guard text.count <= longest, let first = text.first, first &- 0x30 < 10 else { return nil }
        return try? Timestamp.parse(String(decoding: text, as: UTF8.self), now: 0)
    }

    /// Of a record that is a CloudEvent, in whichever mode.
    static func read(_ message: ConsumedMessage, _ scan: HeaderScan) -> Int64? {
        switch scan.mode {
        case .unsupported: return nil
        case .binary:
            guard scan.isCloudEvent else { return nil }
            var time: Int64?
            message.forEachHeader { name, value in
                if HeaderName.recognise(name) == .time { time = value.flatMap(parse) }
            }
            return time
        case .structured:
            guard let value = message.value, let members = try? JSONText.members(of: Array(value)),
                let range = members.last(where: { $0.name == "time" })?.value,
                var text = JSONText.string(Array(value[range])[...])
            else { return nil }
            return text.withUTF8 { parse(UnsafeRawBufferPointer($0)) }
        }
    }
}
