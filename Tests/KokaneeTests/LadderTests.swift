import Kokanee
import TestSupport
import Testing

@Suite struct LadderTests {
    @Test("the standard ladder is 1m, 5m, 15m, 1h, 6h")
    func standard() throws {
        #expect(Ladder.standard.description == "1m,5m,15m,1h,6h")
        #expect(try Ladder(text: "60s, 300s,PT15M,60m,360m") == .standard)
        #expect(Ladder.standard.rungs.map(\.milliseconds) == [60_000, 300_000, 900_000, 3_600_000, 21_600_000])
    }

    @Test(
        "a ladder that doesn't rise, is empty, endless or not made of durations is refused",
        arguments: [
            "", ",", "1m,", "1m,1m", "60s,1m", "5m,1m", "0s", "-1s", "0s,1s", "1m;5m", "366d", "1.5ms", "1m,,5m",
            (1...33).map { "\($0)s" }.joined(separator: ","),
        ]
    )
    func refusing(text: String) {
        #expect(throws: InputError.self) { try Ladder(text: text) }
    }

    @Test("32 rungs are allowed, and the longest is 365 days")
    func bounds() throws {
        #expect(try Ladder(text: (1...32).map { "\($0)s" }.joined(separator: ",")).rungs.count == 32)
        #expect(try Ladder(text: "365d").rungs[0].name == "365d")
    }

    @Test(
        "a wait goes onto the longest rung that fits in it, and is held where none does",
        arguments: [
            (Int64.min, "hold"), (-1, "hold"), (0, "hold"), (59_999, "hold"), (60_000, "1m exact"), (60_001, "1m"),
            (299_999, "1m"), (300_000, "5m exact"), (21_600_000, "6h exact"), (86_400_000, "6h"), (Int64.max, "6h"),
        ] as [(Int64, String)]
    )
    func step(remaining: Int64, expected: String) {
        switch Ladder.standard.step(remaining: remaining) {
        case .rung(let rung, let exact): #expect("\(rung)\(exact ? " exact" : "")" == expected)
        case .hold: #expect(expected == "hold")
        }
    }

    @Test("any wait ends after a bounded number of hops, never early")
    func hops() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<500 {
            var remaining = Int64.random(in: 0...30 * 86_400_000, using: &generator)
            var hops = 0
            while case .rung(let rung, let exact) = Ladder.standard.step(remaining: remaining) {
                remaining -= rung.milliseconds
                hops += 1
                #expect(exact == (remaining == 0))
            }
            #expect((0..<60_000).contains(remaining))
            #expect(hops <= 30 * 4 + 5 + 3 + 2 + 4)
        }
    }
}
