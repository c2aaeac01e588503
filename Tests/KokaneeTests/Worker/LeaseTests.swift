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
}
