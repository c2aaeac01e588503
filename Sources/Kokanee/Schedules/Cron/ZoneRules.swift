internal import Foundation

/// A time zone's offsets from UTC, and when they change. Times are seconds since the epoch.
public struct ZoneRules: Sendable, Hashable {
    /// A time during which the offset does not change.
    struct Stretch: Equatable {
        /// Where its offset began; or an earlier end of the search, and then the offset before it is the same.
        var start: Int64
        /// Not in it any more.
        var end: Int64
        var offset: Int64
        var offsetBefore: Int64

        /// Local times that the change at its start leaves out.
        var gap: Range<Int64>? {
            offset > offsetBefore ? start + offsetBefore..<start + offset : nil
        }

        /// Its first local time that there was not before the change at its start.
        var firstNewLocal: Int64 { start + max(offset, offsetBefore) }
    }

    /// As it was given: `Europe/Oslo`.
    public let name: String
    private let zone: TimeZone

    public static let utc = ZoneRules(name: "UTC", zone: .gmt)

    /// - Parameter name: of the IANA database, such as `Europe/Oslo` or `UTC`; letters count as they are written there.
    /// - Throws: ``InputError`` where there is no such zone.
    public init(_ name: String) throws {
        guard let zone = TimeZone(identifier: name) else {
            throw InputError(
                "\(SafeText.quoted(name)) is no time zone; names are those of the IANA database, such as Europe/Oslo or UTC"
            )
        }
        self.init(name: name, zone: zone)
    }

    private init(name: String, zone: TimeZone) {
        self.name = name
        self.zone = zone
    }

    func offset(at time: Int64) -> Int64 {
        Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(time))))
    }

    /// As far as a search for a change goes: longer than a year.
    private static let reach: Int64 = 400 * 86_400

    func stretch(containing time: Int64) -> Stretch {
        var start = time - Self.reach
        var offsetBefore = offset(at: start)
        while let change = change(after: start), change <= time {
            offsetBefore = offset(at: change - 1)
            start = change
        }
        let end = min(change(after: time) ?? .max, time + Self.reach)
        return Stretch(start: start, end: end, offset: offset(at: time), offsetBefore: offsetBefore)
    }

    private func change(after time: Int64) -> Int64? {
        let date = Date(timeIntervalSince1970: TimeInterval(time))
        guard let next = zone.nextDaylightSavingTimeTransition(after: date) else { return nil }
        let seconds = Int64(next.timeIntervalSince1970.rounded())
        return seconds > time ? seconds : nil
    }

    /// A time in the zone as RFC 3339 without decimals: `2026-03-29T03:00:00+02:00`; UTC is `Z`.
    ///
    /// - Parameter milliseconds: since the epoch.
    public func text(_ milliseconds: Int64) -> String {
        let seconds = Timestamp.clamped(milliseconds) / 1000
        let offset = offset(at: seconds)
        let local = String(Timestamp.text((seconds + offset) * 1000).prefix(19))
        guard offset != 0 else { return local + "Z" }
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let minutes = abs(offset) / 60
        return "\(local)\(offset < 0 ? "-" : "+")\(two(minutes / 60)):\(two(minutes % 60))"
    }
}
