import Testing

@testable import Kokanee

@Suite("What is passed over in a partition")
struct PassTests {
    private func scheduler() -> Scheduler<String> {
        var scheduler = Scheduler<String>(limits: .init(jobs: 100, bytes: 1 << 20, gap: 100))
        scheduler.assign(0, queue: 0, number: 0, committed: 0, restored: CompletionMap(), movedAt: 0)
        return scheduler
    }

    private func admit(_ offset: Int64, to scheduler: inout Scheduler<String>) -> Scheduler<String>.Admission {
        scheduler.admit(0, offset: offset, .init(bytes: 1, key: nil, start: .now), "\(offset)")
    }

    @Test("moves the watermark as far as no job that was admitted before it is unfinished")
    func pass() throws {
        var scheduler = scheduler()
        scheduler.pass(0, upTo: 3, now: 1)
        let first = scheduler.takeCommits().map(\.offset)
        #expect(first == [3])
        _ = admit(3, to: &scheduler)
        scheduler.pass(0, upTo: 9, now: 2)
        #expect(scheduler.partitions[0]?.tracker.watermark == 3)
        let next = scheduler.take()
        let ticket = try #require(next?.ticket)
        _ = scheduler.conclude(ticket, hops: false, now: 3)
        let second = scheduler.takeCommits().map(\.offset)
        #expect(second == [9])
    }

    @Test("never moves it past a job that was read and not taken in, because the partition is being handed back")
    func refused() {
        var scheduler = scheduler()
        scheduler.stopIntake([0])
        let admission = admit(0, to: &scheduler)
        #expect(admission == .refused)
        scheduler.pass(0, upTo: 2, now: 1)
        #expect(scheduler.partitions[0]?.tracker.watermark == 0)
        let commits = scheduler.takeCommits()
        #expect(commits.isEmpty)
    }
}
