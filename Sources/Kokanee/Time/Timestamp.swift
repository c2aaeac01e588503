internal import FoundationEssentials

/// Points in time as Kokanee keeps them, milliseconds since the epoch, and the text that people write for them.
public enum Timestamp {
    /// The last millisecond of the year 9999, the last that RFC 3339 can write.
    public static let latest: Int64 = 253_402_300_799_999

    /// The wall clock's milliseconds since the epoch. For the outermost shell: decisions are given the time.
    public static var now: Int64 {
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        #if KOKANEE_FAIL_POINTS
            return now + FailPoints.clockSkew
        #else
            return now
        #endif
    }

    /// The nearest time from 0 to ``latest``: of what others have written, with which is to be calculated.
    static func clamped(_ milliseconds: Int64) -> Int64 { min(max(milliseconds, 0), latest) }

    /// Reads RFC 3339 (`2026-07-01T12:00:00.5+02:00`), `now`, or a duration before (`-2h`) or after (`+10m`) `now`.
    ///
    /// As in Kafka's own tools a time without an offset is UTC. Decimals below milliseconds are dropped; a leap
    /// second is the first second of the next minute.
    ///
    /// - Parameter now: milliseconds since the epoch.
    /// - Returns: milliseconds since the epoch, from 0 to ``latest``.
    /// - Throws: ``InputError``, which says what is accepted.
    public static func parse(_ text: String, now: Int64) throws -> Int64 {
        let milliseconds: Int64
        switch text.utf8.first {
        case _ where text == "now": milliseconds = now
        case UInt8(ascii: "-"): milliseconds = now - (try Duration(text: String(text.dropFirst()))).milliseconds
        case UInt8(ascii: "+"): milliseconds = now + (try Duration(text: String(text.dropFirst()))).milliseconds
        default:
            var parser = RFC3339Parser(text)
            guard let parsed = parser.parse() else {
                throw InputError(
                    "\(SafeText.quoted(text)) is not a time. Accepted are RFC 3339 such as 2026-07-01T12:00:00Z "
                        + "or 2026-07-01T14:00:00.500+02:00, -2h for two hours ago, +10m, and now"
                )
            }
            milliseconds = parsed
        }
        guard (0...latest).contains(milliseconds) else {
            throw InputError("\(SafeText.quoted(text)) is not within the years 1970 to 9999")
        }
        return milliseconds
    }

    /// RFC 3339 in UTC with milliseconds: `2026-07-01T12:00:00.500Z`.
    ///
    /// - Parameter milliseconds: since the epoch; what is outside 0 to ``latest`` is clamped.
    public static func text(_ milliseconds: Int64) -> String {
        let clamped = Self.clamped(milliseconds)
        let (days, rest) = clamped.quotientAndRemainder(dividingBy: 86_400_000)
        let (year, month, day) = CivilDate.date(ofDay: Int(days))
        let time = Int(rest)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(24)
        func append(_ value: Int, digits: Int, then separator: Character) {
            var divisor = 1
            for _ in 1..<digits { divisor *= 10 }
            while divisor > 0 {
                bytes.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
                divisor /= 10
            }
            bytes.append(separator.asciiValue ?? 0)
        }
        append(year, digits: 4, then: "-")
        append(month, digits: 2, then: "-")
        append(day, digits: 2, then: "T")
        append(time / 3_600_000, digits: 2, then: ":")
        append(time / 60_000 % 60, digits: 2, then: ":")
        append(time / 1000 % 60, digits: 2, then: ".")
        append(time % 1000, digits: 3, then: "Z")
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The proleptic Gregorian calendar, after Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
enum CivilDate {
    private static let daysOfEra = 146_097
    private static let dayOfEpoch = 719_468

    /// Days since the epoch of a date that exists.
    static func day(year: Int, month: Int, day: Int) -> Int {
        // Years begin in March, so that the leap day is the last of them.
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * daysOfEra + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - dayOfEpoch
    }

    /// The date of a day at or after the epoch.
    static func date(ofDay day: Int) -> (year: Int, month: Int, day: Int) {
        let (era, dayOfEra) = (day + dayOfEpoch).quotientAndRemainder(dividingBy: daysOfEra)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    static func daysIn(month: Int, year: Int) -> Int {
        switch month {
        case 2: year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400)) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

private struct RFC3339Parser {
    private var rest: Substring.UTF8View

    init(_ text: String) {
        rest = text[...].utf8
    }

    mutating func parse() -> Int64? {
        guard
            let year = digits(4), skip("-"), let month = digits(2), (1...12).contains(month), skip("-"),
            let day = digits(2), (1...CivilDate.daysIn(month: month, year: year)).contains(day), skip("Tt "),
            let hour = digits(2), hour < 24, skip(":"), let minute = digits(2), minute < 60, skip(":"),
            let second = digits(2), second <= 60, let milliseconds = fraction(), let offset = offset(), rest.isEmpty
        else { return nil }
        let minutes = (CivilDate.day(year: year, month: month, day: day) * 24 + hour) * 60 + minute - offset
        return Int64(minutes * 60 + second) * 1000 + Int64(milliseconds)
    }

    /// The decimals of the second as milliseconds; 0 where there are none.
    private mutating func fraction() -> Int? {
        guard skip(".") else { return 0 }
        let decimals = rest.prefix(while: Self.isDigit)
        rest = rest[decimals.endIndex...]
        guard !decimals.isEmpty else { return nil }
        var milliseconds = 0
        var unit = 100
        for digit in decimals.prefix(3) {
            milliseconds += Int(digit - UInt8(ascii: "0")) * unit
            unit /= 10
        }
        return milliseconds
    }

    /// The offset from UTC in minutes: `Z`, `+02:00`, `+0200`; 0 where there is none.
    private mutating func offset() -> Int? {
        if rest.isEmpty || skip("Zz") { return 0 }
        let sign = rest.first == UInt8(ascii: "-") ? -1 : 1
        guard skip("+-"), let hours = digits(2), hours < 24 else { return nil }
        _ = skip(":")
        guard let minutes = digits(2), minutes < 60 else { return nil }
        return sign * (hours * 60 + minutes)
    }

    private mutating func digits(_ count: Int) -> Int? {
        let digits = rest.prefix(count)
        guard digits.count == count, digits.allSatisfy(Self.isDigit) else { return nil }
        rest = rest[digits.endIndex...]
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    private mutating func skip(_ anyOf: StaticString) -> Bool {
        guard let first = rest.first, anyOf.withUTF8Buffer({ $0.contains(first) }) else { return false }
        rest.removeFirst()
        return true
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
