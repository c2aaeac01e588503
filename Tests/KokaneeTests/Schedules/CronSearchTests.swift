import Foundation
import TestSupport
import Testing

@testable import Kokanee

/// Times of random expressions against a search of every minute, which shares nothing with the code but the zones' data.
@Suite struct CronSearchTests {
    /// An expression and its meaning, made together.
    struct Random {
        let text: String
        let minutes: Set<Int>
        let hours: Set<Int>
        let days: Set<Int>
        let months: Set<Int>
        let weekdays: Set<Int>
        let isHourly: Bool
        let either: Bool

        init(_ generator: inout SeededGenerator) {
            func field(_ range: ClosedRange<Int>, wild: Int) -> (String, Set<Int>) {
                if Int.random(in: 0..<100, using: &generator) < wild { return ("*", Set(range)) }
                switch Int.random(in: 0..<4, using: &generator) {
                case 0:
                    let step = Int.random(in: 2...5, using: &generator)
                    return ("*/\(step)", Set(stride(from: range.lowerBound, through: range.upperBound, by: step)))
                case 1:
                    let low = Int.random(in: range, using: &generator)
                    let high = Int.random(in: low...range.upperBound, using: &generator)
                    return ("\(low)-\(high)", Set(low...high))
                default:
                    let count = Int.random(in: 1...3, using: &generator)
                    let values = (0..<count).map { _ in Int.random(in: range, using: &generator) }
                    return (values.map(String.init).joined(separator: ","), Set(values))
                }
            }
            let fields = [
                field(0...59, wild: 10), field(0...23, wild: 25), field(1...28, wild: 50), field(1...12, wild: 60),
                field(0...6, wild: 50),
            ]
            var texts = fields.map(\.0)
            // `*` of the days goes to 31.
            days = texts[2] == "*" ? Set(1...31) : texts[2].hasPrefix("*/") ? Self.steps(texts[2]) : fields[2].1
            if Bool.random(using: &generator), texts[4] == "*" { texts[4] = "?" }
            text = texts.joined(separator: " ")
            minutes = fields[0].1
            hours = fields[1].1
            months = fields[3].1
            weekdays = fields[4].1
            isHourly = texts[1].hasPrefix("*") || hours.count == 24
            either = !texts[2].hasPrefix("*") && !texts[4].hasPrefix("*") && texts[4] != "?"
        }

        private static func steps(_ text: String) -> Set<Int> {
            Set(stride(from: 1, through: 31, by: Int(text.dropFirst(2)) ?? 1))
        }

        /// The minutes of a day that are meant.
        var times: [Bool] {
            (0..<1440).map { minutes.contains($0 % 60) && hours.contains($0 / 60) }
        }

        /// - Parameter day: of the civil calendar since its 1970.
        func isMeant(day: Int) -> Bool {
            var parts = tm()
            var time = time_t(day * 86_400)
            gmtime_r(&time, &parts)
            guard months.contains(Int(parts.tm_mon) + 1) else { return false }
            let isDay = days.contains(Int(parts.tm_mday))
            let isWeekday = weekdays.contains(Int(parts.tm_wday))
            return either ? isDay || isWeekday : isDay && isWeekday
        }
    }

    static let zones = [
        "UTC", "Europe/Oslo", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia",
        "Africa/Casablanca", "America/St_Johns",
    ]

    @Test("no time of a search of every minute over two years is missed, and none is added", arguments: zones)
    func everyMinute(name: String) throws {
        var generator = SeededGenerator(seed: UInt64(name.utf8.reduce(0) { $0 + Int($1) }))
        let zone = try ZoneRules(name)
        let system = try #require(TimeZone(identifier: name))
        let start = Int(try Timestamp.parse("2011-01-01T00:00:00Z", now: 0) / 60_000)
        let end = start + 2 * 366 * 1440
        // Offsets are looked up once: in whole minutes in those years.
        let offsets = (start..<end).map { minute in
            system.secondsFromGMT(for: Date(timeIntervalSince1970: Double(minute * 60))) / 60
        }
        for _ in 0..<6 {
            let random = Random(&generator)
            let expression = try CronExpression(random.text)
            let times = random.times
            let firstDay = start / 1440 - 1
            let days = (firstDay...end / 1440 + 1).map(random.isMeant)
            func matches(_ local: Int) -> Bool { times[local % 1440] && days[local / 1440 - firstDay] }
            var expected: [Int64] = []
            var seen = start + offsets[0] - 1
            for (minute, offset) in zip(start..<end, offsets) {
                let local = minute + offset
                var fires = matches(local)
                if !random.isHourly {
                    if local <= seen { fires = false }
                    if local > seen + 1, (seen + 1..<local).contains(where: matches) { fires = true }
                }
                seen = max(seen, local)
                if fires { expected.append(Int64(minute) * 60_000) }
            }
            var found: [Int64] = []
            var time = Int64(start) * 60_000 - 1
            while let next = expression.next(after: time, in: zone), next < Int64(end) * 60_000 {
                #expect(next > time)
                found.append(next)
                time = next
            }
            #expect(found == expected, "\(random.text) in \(name)")
            // Backwards, the same.
            var back: [Int64] = []
            time = Int64(end) * 60_000
            while let previous = expression.previous(before: time, in: zone), previous >= Int64(start) * 60_000 {
                back.append(previous)
                time = previous
            }
            #expect(back.reversed() == expected, "\(random.text) in \(name), backwards")
        }
    }

    @Test("the next time after the one before is the one, from wherever one looks", arguments: zones)
    func identity(name: String) throws {
        var generator = SeededGenerator(seed: 7)
        let zone = try ZoneRules(name)
        for _ in 0..<200 {
            let expression = try CronExpression(Random(&generator).text)
            let time = Int64.random(in: 0...4_000_000_000_000, using: &generator)
            let next = try #require(expression.next(after: time, in: zone))
            #expect(next > time && next.isMultiple(of: 1000))
            #expect(expression.next(after: next - 1, in: zone) == next)
            guard let previous = expression.previous(before: next, in: zone) else { continue }
            #expect(previous < next && previous <= time)
            #expect(expression.next(after: previous, in: zone) == next)
        }
    }

    @Test("whatever an expression is, reading it neither crashes nor takes long, and faults lie within it")
    func garbage() {
        var generator = SeededGenerator(seed: 3)
        let alphabet = Array("0123456789*/-,?LW#@ \tMONJANvery5m日é")
        for _ in 0..<20_000 {
            let text = String(
                (0..<Int.random(in: 0...24, using: &generator)).map { _ in alphabet.randomElement(using: &generator)! }
            )
            do throws(CronError) {
                let expression = try CronExpression(text)
                #expect(expression.next(after: 1_780_000_000_000, in: .utc) != nil, "\(text)")
            } catch {
                #expect((0...text.count).contains(error.position), "\(text)")
            }
        }
    }
}
