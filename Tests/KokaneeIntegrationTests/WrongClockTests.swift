import Foundation
import TestSupport
import Testing

/// Workers on machines whose clocks are wrong, on a broker that tells its time.
@Suite(.besideOthers)
struct WrongClockTests {
    @Test(
        "a worker starts nothing early and nothing late, however wrong its machine's clock is",
        arguments: ["+", "-"]
    )
    func wrongClock(sign: String) async throws {
        try await Stand.with(partitions: 1, ladder: "2s") { stand in
            try await stand.enqueue([#"{"type":"t","id":"flaky","data":{"do":"flaky","failures":1}}"#])
            let worker = try stand.startWorker(
                concurrency: 1,
                "--until-idle",
                environment: ["KOKANEE_FAIL_POINTS": "clock=\(sign)5m"]
            )
            let outcome = try await worker.outcome(within: .seconds(60))
            #expect(outcome.code == 0, "\(outcome)")
            #expect(outcome.error.contains("this machine's clock is wrong"), "\(outcome)")
            #expect(outcome.error.contains(sign == "+" ? "ahead=" : "behind="), "\(outcome)")
            let runs = try stand.ledger.runs()
            try #require(runs.map(\.start.attempt) == [1, 2])
            let gap = runs[1].start.at - (runs[0].end?.at ?? .max)
            #expect(gap >= 2_000_000_000 - LadderTests.clockGrain, "\(gap) ns")
            #expect(gap < 60_000_000_000, "\(gap) ns")
        }
    }
}
