import TestSupport
import Testing

@testable import Kokanee

@Suite("The cluster's clock")
struct ClusterClockTests {
    private let start = ContinuousClock.now

    @Test("is unknown before the first stamp, and goes on from it by the monotonic clock")
    func goesOn() {
        var clock = ClusterClock()
        #expect(clock.now(start) == nil)
        clock.note(1_000_000, acknowledgedAt: start)
        #expect(clock.now(start) == 1_000_000)
        #expect(clock.now(start + .seconds(10)) == 1_009_990)
        // What was read before the acknowledgement tells no earlier time.
        #expect(clock.now(start - .seconds(1)) == 1_000_000)
    }

    @Test("is never ahead of a broker's, whatever the round trips and rates are, and behind by little")
    func neverAhead() throws {
        for seed in 0..<200 {
            var random = SeededGenerator(seed: UInt64(seed))
            var clock = ClusterClock()
            // The broker's clock, against the worker's monotonic one: an offset, and a rate that NTP allows.
            let rate = Double.random(in: 0.9991...1.0009, using: &random)
            let offset = Double.random(in: -1e9...1e9, using: &random)
            func brokerTime(_ milliseconds: Double) -> Double { 1.7e12 + offset + milliseconds * rate }
            var now = 0.0
            for _ in 0..<200 {
                now += Double.random(in: 0...20_000, using: &random)
                let travel = Double.random(in: 0...50, using: &random)
                let stamp = Int64(brokerTime(now - Double.random(in: 0...travel, using: &random)).rounded(.down))
                clock.note(stamp, acknowledgedAt: start + .microseconds(Int64(now * 1000)))
                for later in [0.0, 5, 1000, 10_000] {
                    let told = try #require(clock.now(start + .microseconds(Int64((now + later) * 1000))))
                    #expect(Double(told) <= brokerTime(now + later), "seed \(seed)")
                    #expect(Double(told) > brokerTime(now + later) - 50 - 200, "seed \(seed)")
                }
            }
        }
    }

    @Test("takes the stamp that tells the latest time, and after a minute any")
    func best() {
        var clock = ClusterClock()
        clock.note(1_000_000, acknowledgedAt: start)
        // A slow answer.
        clock.note(1_000_500, acknowledgedAt: start + .seconds(1))
        #expect(clock.now(start + .seconds(1)) == 1_000_999)
        clock.note(1_001_100, acknowledgedAt: start + .seconds(1))
        #expect(clock.now(start + .seconds(1)) == 1_001_100)
        // The brokers' clocks were set back.
        clock.note(500_000, acknowledgedAt: start + .seconds(62))
        #expect(clock.now(start + .seconds(62)) == 500_000)
    }
}
