import Testing

@testable import Kokanee

@Suite("How long a worker takes itself for a member of its group")
struct LeaseTests {
    private static let start = ContinuousClock.now

    @Test("a lapsed lease holds again by what the group has shown lately, and not by an answer read too late")
    func confirmation() {
        var lease = Lease(length: .seconds(5), now: Self.start)
        lease.check(now: Self.start + .seconds(6))
        #expect(lease.hasLapsed)
        lease.confirm(asOf: Self.start + .seconds(6), now: Self.start + .seconds(20))
        #expect(lease.hasLapsed)
        lease.confirm(asOf: Self.start + .seconds(20), now: Self.start + .seconds(21))
        #expect(!lease.hasLapsed)
        #expect(lease.endsAt == Self.start + .seconds(25))
    }

    @Test("only a lease that has not lapsed is renewed by being at work")
    func renewal() {
        var lease = Lease(length: .seconds(5), now: Self.start)
        lease.renew(now: Self.start + .seconds(4))
        lease.renew(now: Self.start + .seconds(8))
        #expect(!lease.hasLapsed)
        lease.renew(now: Self.start + .seconds(13))
        #expect(lease.hasLapsed)
    }

    @Test(
        "once a lapse has been seen no job of the queue begins, also none that was given out, until the group has spoken"
    )
    func doubt() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(1)
        let runtime = try fixture.runtime()
        let content = JobContent(try #require(try await fixture.records(of: "q").first), runtime: runtime)
        var state = EngineState(WorkerConfiguration(), startLimit: runtime.startLimit, hooks: nil)
        let now = ContinuousClock.now
        state.add(runtime, policy: nil, leaseLength: .seconds(60), now: now)
        #expect(content.mayBegin)
        let isWriting = state.mayWrite(runtime.index, now: now + .seconds(61))
        #expect(!isWriting && !content.mayBegin)
        let isConfirmed = state.confirmLease(of: runtime.index, asOf: now + .seconds(61), now: now + .seconds(61))
        #expect(isConfirmed && content.mayBegin)
    }
}
