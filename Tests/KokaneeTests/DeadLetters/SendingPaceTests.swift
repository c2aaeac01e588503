import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("The pace of dead letters", .timeLimit(.minutes(1)))
struct SendingPaceTests {
    /// A clock that passes only where somebody sleeps.
    private final class HandClock: Sendable {
        private let state = Mutex((now: Duration.zero, sleeps: [Duration]()))

        var now: Duration { state.withLock(\.now) }
        var sleeps: [Duration] { state.withLock(\.sleeps) }

        func sleep(_ duration: Duration) {
            state.withLock { state in
                state.now += duration
                state.sleeps.append(duration)
            }
        }

        func clock(_ onSleep: @escaping @Sendable () throws -> Void = {}) -> PacingClock {
            PacingClock(
                now: { self.now },
                sleep: { duration in
                    self.sleep(duration)
                    try onSleep()
                }
            )
        }
    }

    @Test("without a rate nothing waits, and batches are as large as may be")
    func unbounded() {
        var pace = SendingPace(nil)
        #expect(pace.batchSize(atMost: 1000) == 1000)
        #expect(pace.wait(for: 1000, now: .seconds(1)) == .zero)
        #expect(pace.wait(for: 1000, now: .seconds(1)) == .zero)
    }

    @Test(
        "in no stretch of time more goes back than the rate and one batch, however slow single batches are",
        arguments: ["50/s", "10/m", "3000/h", "100000/s", "1/d", "7"]
    )
    func bound(text: String) throws {
        let rate = try Rate(text: text)
        var pace = SendingPace(rate)
        let size = pace.batchSize(atMost: 1000)
        #expect(size >= 1 && size <= 1000)
        var generator = SeededGenerator(seed: 7)
        var now = Duration.seconds(5)
        var starts: [Duration] = []
        for _ in 0..<200 {
            now += pace.wait(for: size, now: now)
            starts.append(now)
            // How long the brokers take: at times longer than the pace.
            now += .seconds(Double.random(in: 0...3, using: &generator) * Double(size) / rate.perSecond)
        }
        for first in starts.indices {
            for last in starts[first...].indices {
                let sent = Double((last - first) * size)
                let allowed = rate.perSecond * ((starts[last] - starts[first]) / .seconds(1))
                #expect(sent <= allowed * (1 + 1e-9) + 1e-6)
            }
        }
    }

    @Test("jobs go back no faster than the rate says, in small transactions", arguments: TestCluster.Kind.allCases)
    func retry(kind: TestCluster.Kind) async throws {
        let hand = HandClock()
        let yard = try await Graveyard(kind)
        try await yard.bury((0..<25).map { .init(id: "job\($0)", partition: Int32($0 % 2)) })
        let letters = try yard.colleague("ann", clock: hand.clock())
        let counts = Mutex<[Int]>([])
        let settlement = try await letters.retry(.init(), rate: Rate(text: "50/s")) { count, _ in
            counts.withLock { $0.append(count) }
        }
        #expect(settlement.letters == 25)
        #expect(counts.withLock { $0 } == [10, 20, 25])
        #expect(hand.sleeps == [.milliseconds(200), .milliseconds(200)])
        #expect(try await yard.jobsInMain().count == 25)
    }

    @Test("a verdict has the time at which its job went back, however long that had to wait")
    func times() async throws {
        let hand = HandClock()
        let yard = try await Graveyard(.embedded)
        try await yard.bury((0..<3).map { .init(id: "job\($0)") })
        let letters = try DeadLetters(
            yard.queue,
            configuration: yard.cluster.configuration,
            operatorName: "ann",
            now: { 1000 + hand.now.milliseconds },
            clock: hand.clock()
        )
        #expect(try await letters.retry(.init(), rate: Rate(text: "1/m")).letters == 3)
        #expect(try await yard.list().map(\.verdictAt) == [1000, 61_000, 121_000])
    }

    @Test("one who is interrupted while waiting has done what was done, and the next does the rest")
    func interrupted() async throws {
        let hand = HandClock()
        let yard = try await Graveyard(.server)
        try await yard.bury((0..<10).map { .init(id: "job\($0)") })
        let letters = try yard.colleague(
            "ann",
            clock: hand.clock { if hand.sleeps.count == 3 { throw CancellationError() } }
        )
        let error = await #expect(throws: SettlementError.self) {
            try await letters.retry(.init(), rate: Rate(text: "1/m"))
        }
        #expect(error?.settlement.letters == 3)
        #expect(
            error?.description
                == "interrupted; 3 of 10 letters were done before. Run it again for what is left: nothing is done twice"
        )
        #expect(hand.now == .seconds(180))
        #expect(try await yard.letters.retry(.init()).letters == 7)
        #expect(try await yard.jobsInMain() == (0..<10).map { "job\($0)" })
    }
}
