import Testing

@testable import Kokanee

@Suite("Jobs that outlast a rebalance")
struct SuspensionTests {
    /// One partition, handed back while its first two jobs run.
    private func suspended() -> (Scheduler<Int>, [Scheduler<Int>.Ticket]) {
        var scheduler = Scheduler<Int>(limits: .init(jobs: 10, bytes: 100, gap: 10))
        assign(&scheduler, at: 0)
        var tickets: [Scheduler<Int>.Ticket] = []
        for offset in 0..<2 { _ = scheduler.admit(0, offset: Int64(offset), Self.facts, offset) }
        while let next = scheduler.take() { tickets.append(next.ticket) }
        scheduler.suspend([0])
        return (scheduler, tickets)
    }

    private static let facts = Scheduler<Int>.Facts(bytes: 1, key: nil, start: .now)

    private func assign(_ scheduler: inout Scheduler<Int>, at committed: Int64) {
        scheduler.assign(0, queue: 0, number: 0, committed: committed, restored: CompletionMap(), movedAt: 0)
    }

    @Test("what another worker has committed past is given up, and its end counts for nothing")
    func committedPast() {
        var (scheduler, tickets) = suspended()
        assign(&scheduler, at: 1)
        #expect(scheduler.forgetSuspended(of: 0, below: 1) == [tickets[0]])
        #expect(scheduler.conclude(tickets[0], hops: false, now: 0) == .fenced)
        #expect(scheduler.admit(0, offset: 1, Self.facts, 1) == .adopted)
        #expect(scheduler.conclude(tickets[1], hops: false, now: 0) == .accepted)
        #expect(scheduler.partitions[0]?.tracker.watermark == 2)
    }

    @Test("what comes back goes on, and is finished in the new epoch")
    func comesBack() {
        var (scheduler, tickets) = suspended()
        assign(&scheduler, at: 0)
        #expect(scheduler.forgetSuspended(of: 0, below: 0).isEmpty)
        #expect(scheduler.conclude(tickets[1], hops: false, now: 0) == .accepted)
        #expect(scheduler.admit(0, offset: 0, Self.facts, 0) == .adopted)
        #expect(scheduler.admit(0, offset: 1, Self.facts, 1) == .finishedBefore)
        #expect(scheduler.partitions[0]?.tracker.watermark == 0)
        #expect(scheduler.conclude(tickets[0], hops: false, now: 0) == .accepted)
        #expect(scheduler.partitions[0]?.tracker.watermark == 2)
    }

    @Test(
        "what finishes between the last commit and the end of the epoch is finished in the next one, too",
        arguments: [false, true]
    )
    func finishesLate(hops: Bool) {
        var scheduler = Scheduler<Int>(limits: .init(jobs: 10, bytes: 100, gap: 10))
        assign(&scheduler, at: 0)
        for offset in 0..<3 { _ = scheduler.admit(0, offset: Int64(offset), Self.facts, offset) }
        let tickets = (0..<3).compactMap { _ in scheduler.take()?.ticket }
        scheduler.stopIntake([0])
        #expect(scheduler.takeCommits().isEmpty)
        _ = scheduler.conclude(tickets[1], hops: hops, now: 0)
        if hops {
            let isFinished = scheduler.hopped(tickets[1], now: 0)
            #expect(isFinished)
        }
        scheduler.suspend([0])
        assign(&scheduler, at: 0)
        #expect(scheduler.admit(0, offset: 0, Self.facts, 0) == .adopted)
        #expect(scheduler.admit(0, offset: 1, Self.facts, 1) == .finishedBefore)
        #expect(scheduler.admit(0, offset: 2, Self.facts, 2) == .adopted)
        // And of that epoch only: the partition may have been another's since.
        _ = scheduler.fence([0])
        assign(&scheduler, at: 0)
        let again = scheduler.admit(0, offset: 1, Self.facts, 1)
        #expect(again != .refused && again != .adopted && again != .finishedBefore)
    }

    @Test("what runs is taken into the new epoch behind a closed gate as well, and nothing else begins there")
    func behindGate() {
        var (scheduler, tickets) = suspended()
        scheduler.setGate(of: 0, .init(starts: 0, stopsIntake: true))
        assign(&scheduler, at: 0)
        #expect(scheduler.room(in: 0) > 0)
        #expect(scheduler.admit(0, offset: 0, Self.facts, 0) == .adopted)
        #expect(scheduler.room(in: 0) > 0)
        #expect(scheduler.admit(0, offset: 1, Self.facts, 1) == .adopted)
        #expect(scheduler.room(in: 0) == 0)
        let next = scheduler.admit(0, offset: 2, Self.facts, 2)
        #expect(next != .refused && next != .adopted && next != .finishedBefore)
        let begun = scheduler.take()?.ticket
        #expect(begun == nil)
        for ticket in tickets {
            #expect(scheduler.conclude(ticket, hops: true, now: 0) == .accepted)
            let isFinished = scheduler.hopped(ticket, now: 0)
            #expect(isFinished)
        }
        #expect(scheduler.partitions[0]?.tracker.watermark == 2)
    }

    @Test(
        "what runs is found by reading on, whatever was ready before and however much runs",
        arguments: [(bytes: 1, ready: 5), (bytes: 50, ready: 0)]
    )
    func room(bytes: Int, ready: Int) {
        var scheduler = Scheduler<Int>(limits: .init(jobs: 20, bytes: 100, gap: 20, ready: 5))
        assign(&scheduler, at: 0)
        let facts = Scheduler<Int>.Facts(bytes: bytes, key: nil, start: .now)
        for offset in 0..<2 { _ = scheduler.admit(0, offset: Int64(offset), facts, offset) }
        for _ in 0..<2 { _ = scheduler.take() }
        for offset in 2..<2 + ready { _ = scheduler.admit(0, offset: Int64(offset), facts, offset) }
        #expect(scheduler.room(in: 0) == 0)
        scheduler.suspend([0])
        assign(&scheduler, at: 0)
        for offset in 0..<2 {
            #expect(scheduler.room(in: 0) > 0)
            #expect(scheduler.admit(0, offset: Int64(offset), facts, offset) == .adopted)
        }
        #expect((scheduler.room(in: 0) > 0) == (ready > 0), "the bounds count again for what follows")
    }

    @Test("what was taken for a commit, and waited, is not committed in another epoch")
    func heldCommit() throws {
        var (scheduler, tickets) = suspended()
        assign(&scheduler, at: 0)
        _ = scheduler.admit(0, offset: 0, Self.facts, 0)
        _ = scheduler.conclude(tickets[0], hops: false, now: 0)
        let commit = try #require(scheduler.takeCommits().first)
        #expect(commit.offset == 1 && scheduler.isCurrent(commit))
        _ = scheduler.fence([0])
        #expect(!scheduler.isCurrent(commit))
        assign(&scheduler, at: 0)
        #expect(!scheduler.isCurrent(commit))
    }
}
