internal import Glibc
internal import RdKafka

/// A mark as the queue's state topic keeps it: that a job of some key is done, or under way.
///
/// The key is `mark/IDEMPOTENCY-KEY` or `unique/KEY`, the value one JSON object:
/// `{"until":…,"upTo":…?,"held":true?,"of":"TOPIC/PARTITION/OFFSET","at":…,"job":"ID"}`. `of` is where the job stood first
/// that made the mark. Times are milliseconds since the epoch.
struct MarkRecord: Sendable, Equatable {
    enum Space: Sendable {
        case idempotency
        case unique

        var prefix: StaticString {
            switch self {
            case .idempotency: "mark/"
            case .unique: "unique/"
            }
        }
    }

    var mark: MarkBook.Mark
    var of: String
    var at: Int64
    var job: String

    static func key(_ space: Space, _ key: String) -> Bytes { Bytes("\(space.prefix)\(key)") }

    var value: Bytes {
        var object = JSONObjectWriter(reservingCapacity: 128 + job.utf8.count + of.utf8.count)
        object.add("until", mark.until)
        switch mark.kind {
        case .done: break
        case .held: object.add("held", true)
        case .passed(let offset): object.add("upTo", offset)
        }
        object.add("of", of)
        object.add("at", at)
        object.add("job", job)
        return Bytes(object.finish())
    }

    // MARK: - Reading, of every record that a restore passes

    static func isKey(_ key: UnsafeRawBufferPointer) -> Bool {
        starts(key, with: Space.idempotency.prefix) || starts(key, with: Space.unique.prefix)
    }

    static func starts(_ bytes: UnsafeRawBufferPointer, with text: StaticString) -> Bool {
        guard bytes.count > text.utf8CodeUnitCount, let start = bytes.baseAddress else { return false }
        return memcmp(start, text.utf8Start, text.utf8CodeUnitCount) == 0
    }

    /// What a value says; nil for bytes that no mark has.
    static func mark(_ value: UnsafeRawBufferPointer) -> MarkBook.Mark? {
        markAsWritten(value) ?? markBySecondLook(value)
    }

    /// Reads a value that stands as ``value`` writes it, without making anything.
    private static func markAsWritten(_ value: UnsafeRawBufferPointer) -> MarkBook.Mark? {
        var scan = JSONScan(value)
        guard scan.take("{\"until\":"), let until = scan.number() else { return nil }
        var kind = MarkBook.Kind.done
        if scan.take(",\"upTo\":") {
            guard let offset = scan.number() else { return nil }
            kind = .passed(upTo: offset)
        } else if scan.take(",\"held\":true") {
            kind = .held
        }
        guard scan.take(",\"of\":\""), let of = scan.string(), scan.take(",\"at\":"), let at = scan.number(),
            value.last == UInt8(ascii: "}")
        else { return nil }
        return made(kind, until: until, of: MarkBook.identity(of), at: at)
    }

    private static func markBySecondLook(_ value: UnsafeRawBufferPointer) -> MarkBook.Mark? {
        guard value.count < 8192, let fields = JSONFields(Array(value)), let until = fields.integer("until"),
            until >= 0, var of = fields.string("of")
        else { return nil }
        var kind = MarkBook.Kind.done
        if let offset = fields.integer("upTo") {
            guard offset >= 0 else { return nil }
            kind = .passed(upTo: offset)
        } else if fields.raw("held").map({ $0 == Array("true".utf8) }) == true {
            kind = .held
        }
        let identity = of.withUTF8 { MarkBook.identity(UnsafeRawBufferPointer($0)) }
        return made(kind, until: until, of: identity, at: fields.integer("at") ?? 0)
    }

    private static func made(_ kind: MarkBook.Kind, until: Int64, of identity: UInt64, at: Int64) -> MarkBook.Mark {
        let at = kind == .done ? Timestamp.clamped(at) : 0
        return MarkBook.Mark(kind: kind, until: min(until, Timestamp.latest), of: identity, at: at)
    }
}
