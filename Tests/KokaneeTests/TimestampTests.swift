import Foundation
import Kokanee
import TestSupport
import Testing

@Suite struct TimestampTests {
    private static let now: Int64 = 1_782_907_200_000  // 2026-07-01T12:00:00Z

    @Test(
        "times are read as RFC 3339, in UTC without an offset, or relative to now",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-07-01T12:00:00Z", now), ("2026-07-01T14:00:00+02:00", now),
            ("2026-07-01T10:00:00-0200", now), ("2026-07-01T12:00:00", now), ("2026-07-01 12:00:00z", now),
            ("2026-07-01T12:00:00.5Z", now + 500), ("2026-07-01T12:00:00.123999999Z", now + 123),
            ("2026-06-30T23:59:60Z", now - 43_200_000), ("2024-02-29T00:00:00Z", 1_709_164_800_000),
            ("9999-12-31T23:59:59.999Z", Timestamp.latest), ("now", now), ("-2h", now - 7_200_000),
            ("+1h30m", now + 5_400_000), ("-PT1H", now - 3_600_000),
        ] as [(String, Int64)]
    )
    func reading(text: String, milliseconds: Int64) throws {
        #expect(try Timestamp.parse(text, now: Self.now) == milliseconds)
    }

    @Test(
        "what is no time is refused",
        arguments: [
            "", "-", "+", "--2h", "2h", "yesterday", "2026-07-01", "2026-7-1T12:00:00Z", "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-07-01T24:00:00Z", "2026-07-01T12:60:00Z",
            "2026-07-01T12:00:61Z", "2026-07-01T12:00:00.Z", "2026-07-01T12:00:00+25:00", "2026-07-01T12:00:00Zx",
            "2026-07-01T12:00:00+02", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z", "-36500d",
            "9999-12-31T23:59:59.999-00:01", "+٣h",
        ]
    )
    func refusing(text: String) {
        #expect(throws: InputError.self) { try Timestamp.parse(text, now: Self.now) }
    }

    @Test("a time's text is what Foundation writes for it, and reads back")
    func writing() throws {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<2000 {
            let milliseconds = Int64.random(in: 0...Timestamp.latest, using: &generator)
            let text = Timestamp.text(milliseconds)
            #expect(try Timestamp.parse(text, now: 0) == milliseconds)
            // Foundation's Double of seconds rounds milliseconds: ask it for whole seconds.
            let seconds = Date(timeIntervalSince1970: Double(milliseconds / 1000))
            #expect(text.prefix(19) == style.format(seconds).prefix(19))
        }
        #expect(Timestamp.text(Self.now + 7) == "2026-07-01T12:00:00.007Z")
        #expect(Timestamp.text(-1) == "1970-01-01T00:00:00.000Z")
        #expect(Timestamp.text(.max) == "9999-12-31T23:59:59.999Z")
    }
}
