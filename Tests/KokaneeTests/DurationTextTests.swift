import Kokanee
import TestSupport
import Testing

@Suite struct DurationTextTests {
    @Test(
        "durations are read in short forms, combinations and ISO 8601",
        arguments: [
            ("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("1h", 3_600_000), ("2d", 172_800_000),
            ("1h30m", 5_400_000), ("1d2h3m4s5ms", 93_784_005), ("0s", 0), ("1.5h", 5_400_000), ("0.25s", 250),
            ("PT5M", 300_000), ("P1DT2H", 93_600_000), ("P1W", 604_800_000), ("PT0.5S", 500), ("P2D", 172_800_000),
            ("P1WT1M", 604_860_000), ("007s", 7000), ("36500d", 3_153_600_000_000), ("1m1ms", 60_001),
        ] as [(String, Int64)]
    )
    func reading(text: String, milliseconds: Int64) throws {
        #expect(try Duration(text: text) == .milliseconds(milliseconds))
    }

    @Test(
        "what is no duration is refused with a word on what is accepted",
        arguments: [
            "", "-5m", "5", "m", "5x", "5 m", " 5m", "5m ", "+5m", "1m1h", "1h1h", "5M", "1y", "1.5h30m", "1.s", ".5s",
            "P", "PT", "P1Y", "P1M", "P1H", "PT1D", "PT1HT30M", "PT5MTx", "P1DT2HT3M", "P1.5DT1H", "P-1D", "1DT2H",
            "5mP", "PT5m", "36500d1ms", "36501d",
            "99999999999999999999999999999999999999d", "999999999999999999d", "1.0000000001s", "１s", "5m\u{0}", "∞",
            "1e3s", "0x10s", "nan", "PT5M\n", "pt5m", "1dT2h",
        ]
    )
    func refusing(text: String) {
        let error = #expect(throws: InputError.self) { try Duration(text: text) }
        #expect(error?.message.contains("1h30m") == true)
    }

    @Test(
        "a duration's text is a whole number of its largest unit, and reads back",
        arguments: [
            (.milliseconds(500), "500ms"), (.seconds(90), "90s"), (.seconds(60), "1m"), (.seconds(3600), "1h"),
            (.seconds(5400), "90m"), (.seconds(86_400), "1d"), (.seconds(0), "0s"), (.milliseconds(1500), "1500ms"),
            (.microseconds(1500), "1.5ms"), (.nanoseconds(1), "0.000001ms"), (.seconds(21_600), "6h"),
            (.seconds(3661), "3661s"), (Duration.longestText, "36500d"),
        ] as [(Duration, String)]
    )
    func writing(duration: Duration, text: String) throws {
        #expect(duration.text == text)
        #expect(try Duration(text: text) == duration)
    }

    @Test("extreme and negative durations have a text")
    func extremes() {
        #expect(Duration.seconds(-90).text == "-90s")
        #expect(!Duration.seconds(Int64.max).text.isEmpty)
        #expect(!Duration.seconds(Int64.min).text.isEmpty)
    }

    @Test("every whole number of milliseconds survives writing and reading")
    func roundTrip() throws {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<2000 {
            let duration = Duration.milliseconds(Int64.random(in: 0...3_153_600_000_000, using: &generator))
            #expect(try Duration(text: duration.text) == duration)
        }
    }
}
