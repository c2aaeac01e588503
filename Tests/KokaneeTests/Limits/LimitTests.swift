import Testing

@testable import Kokanee

@Suite("Limits, as the scheduler keeps them")
struct LimitTests {
    private static func rate(_ text: String, burst: Int? = nil, of type: String? = "a") throws -> JobLimit {
        JobLimit(type: type, rate: try Rate(text: text), burst: burst)
    }

    @Test("never more of a type run at once than its limit says, and those that wait start in their order")
    func concurrency() throws {
        var queue = try LimitedQueue([JobLimit(type: "a", concurrency: 2)])
        for _ in 0..<6 { queue.admit() }
        let first = queue.takeAll()
        #expect(first.map(\.content.name) == [0, 1])
        #expect(queue.names() == [])
        #expect(queue.scheduler.conclude(first[1].ticket, hops: false, now: 0) == .accepted)
        queue.admit()
        #expect(queue.names() == [2])
        queue.scheduler.abandon(first[0].ticket)
        #expect(queue.names() == [3])
    }

    @Test("however long nothing starts and all leave, a job is sent away for a day at most")
    func longWaits() throws {
        var bucket = LimitBucket(
            .init(rule: 0, group: 0, partition: -1),
            .init(JobLimit(type: "a", concurrency: 1)),
            share: 1,
            tokens: 0,
            now: 0
        )
        bucket.starts = 1
        bucket.waiting = 1000
        var longest: Int64 = 0
        for second in 1...100_000 as ClosedRange<Int64> {
            longest = max(longest, bucket.waitOutside(now: second * 1_000_000_000))
        }
        #expect(longest == 86_400_000_000_000)
    }

    @Test("what each limit does is told")
    func observations() throws {
        let limits = [JobLimit(type: "a", concurrency: 2), JobLimit(grouping: .key, concurrency: 1)]
        var queue = try LimitedQueue(limits)
        for index in 0..<6 { queue.admit(key: "k\(index % 5)") }
        #expect(queue.names() == [0, 1])
        let seen = queue.scheduler.limiter.observations
        #expect(seen.map(\.limit) == limits.map(\.subject))
        #expect(seen.map(\.running) == [2, 2])
        #expect(seen.map(\.waiting).reduce(0, +) == 4)
    }

    @Test("a limited type holds up no other one")
    func others() throws {
        var queue = try LimitedQueue([JobLimit(type: "a", concurrency: 1)])
        for _ in 0..<100 { queue.admit() }
        let fast = queue.admit(type: "b")
        #expect(queue.names() == [0, fast])
    }

    @Test("a key's group has its own count, and jobs without a key are not counted")
    func groups() throws {
        var queue = try LimitedQueue([JobLimit(type: "a", grouping: .prefix(":"), concurrency: 1)])
        let keys = ["acme:1", "acme:2", "zeta:1", "acme:3", "zeta", nil, nil]
        for key in keys { queue.admit(key: key) }
        let first = queue.takeAll()
        #expect(first.map(\.content.key) == ["acme:1", "zeta:1", nil, nil])
        _ = queue.scheduler.conclude(first[0].ticket, hops: true, now: 0)
        #expect(queue.takeAll().map(\.content.key) == ["acme:2"])
        _ = queue.scheduler.conclude(first[1].ticket, hops: false, now: 0)
        #expect(queue.takeAll().map(\.content.key) == ["zeta"])
    }

    @Test("a rate lets its burst go at once, and then one at a time as tokens come, never earlier")
    func rate() throws {
        var queue = try LimitedQueue([Self.rate("10/s", burst: 3)])
        for _ in 0..<20 { queue.admit() }
        // It begins empty.
        #expect(queue.names() == [])
        queue.pass(60)
        #expect(queue.names() == [0, 1, 2])
        queue.pass(0.099)
        #expect(queue.names() == [])
        queue.pass(0.0011)
        #expect(queue.names() == [3])
        queue.pass(0.25)
        #expect(queue.names() == [4, 5])
    }

    @Test("the time of the next token is told")
    func nextToken() throws {
        var queue = try LimitedQueue([Self.rate("10/s", burst: 1)])
        queue.admit()
        queue.admit()
        #expect(queue.names() == [])
        let next = queue.scheduler.advance(to: 1)
        #expect(next.map { ($0 - LimitedQueue.second / 10).magnitude < 10 } == true)
    }

    @Test("a job under several limits waits for all of them, and takes from none what it can't use")
    func several() throws {
        var queue = try LimitedQueue([
            JobLimit(type: "a", concurrency: 2), JobLimit(grouping: .key, concurrency: 1),
        ])
        queue.admit(key: "x")
        queue.admit(key: "x")
        queue.admit(key: "x")
        queue.admit(key: "y")
        let first = queue.takeAll()
        // The second x does not keep a place of its type from y.
        #expect(first.map(\.content.name) == [0, 3])
        _ = queue.scheduler.conclude(first[1].ticket, hops: false, now: 0)
        #expect(queue.names() == [])
        _ = queue.scheduler.conclude(first[0].ticket, hops: false, now: 0)
        #expect(queue.names() == [1])
    }

    @Test("limits count for jobs that are in flight already, and their end lets all go")
    func change() throws {
        var queue = try LimitedQueue([])
        for _ in 0..<4 { queue.admit() }
        let next = queue.scheduler.take()
        let running = try #require(next)
        let two = try LimitTable([JobLimit(type: "a", concurrency: 2)])
        queue.scheduler.setLimits(two, of: 0, now: 0)
        let second = queue.takeAll()
        #expect(second.map(\.content.name) == [1])
        var paused = LimitTable()
        paused.pausedTypes = ["a"]
        queue.scheduler.setLimits(paused, of: 0, now: 0)
        _ = queue.scheduler.conclude(second[0].ticket, hops: false, now: 0)
        _ = queue.scheduler.conclude(running.ticket, hops: false, now: 0)
        let other = queue.admit(type: "b")
        #expect(queue.names() == [other])
        queue.scheduler.setLimits(LimitTable(), of: 0, now: 0)
        #expect(queue.names() == [2, 3])
    }

    @Test("a job that was taken and not begun gives its place and its token back, and is the next again")
    func giveBack() throws {
        var queue = try LimitedQueue([JobLimit(type: "a", concurrency: 1), Self.rate("1/s", burst: 1, of: nil)])
        queue.admit()
        queue.admit()
        queue.pass(1.1)
        let next = queue.scheduler.take()
        let first = try #require(next)
        queue.scheduler.giveBack(first.ticket)
        #expect(queue.names() == [0])
    }

    @Test(
        "a job that ends unbegun gives its token back once, whoever it belonged to, and the bucket holds no more for it"
    )
    func unbegun() throws {
        var queue = try LimitedQueue([JobLimit(type: "a", concurrency: 1), Self.rate("1/s", burst: 2, of: nil)])
        for _ in 0..<6 { queue.admit() }
        queue.pass(2.1)
        for hops in [false, true] {
            let next = queue.scheduler.take()
            let job = try #require(next)
            queue.scheduler.giveTokensBack(job.ticket)
            queue.scheduler.giveTokensBack(job.ticket)
            #expect(queue.scheduler.conclude(job.ticket, hops: hops, now: 0) == .accepted)
        }
        // Both tokens are there still, and none was made.
        for name in [2, 3] {
            let next = queue.scheduler.take()
            let job = try #require(next)
            #expect(job.content.name == name)
            #expect(queue.scheduler.conclude(job.ticket, hops: false, now: 0) == .accepted)
        }
        #expect(queue.names() == [])
        queue.pass(2)
        let next = queue.scheduler.take()
        let job = try #require(next)
        queue.pass(60)
        queue.scheduler.giveTokensBack(job.ticket)
        #expect(queue.scheduler.conclude(job.ticket, hops: false, now: 0) == .accepted)
        #expect(queue.scheduler.limiter.buckets.compactMap { $0?.tokens }.max() == 2)
    }

    @Test("a partition that is taken away leaves no place behind")
    func fenced() throws {
        var queue = try LimitedQueue([JobLimit(type: "a", concurrency: 2)], partitions: 2, owned: 0..<2)
        for id in [0, 1, 0, 1, 0, 1] { queue.admit(to: id) }
        let running = queue.takeAll()
        #expect(running.map(\.content.name) == [0, 1])
        let cancelled = queue.scheduler.fence([0])
        #expect(cancelled == [running[0].ticket])
        // It still runs: the limit holds for what runs, whoever it belongs to.
        #expect(queue.names() == [])
        #expect(queue.scheduler.conclude(running[0].ticket, hops: false, now: 0) == .fenced)
        #expect(queue.names() == [3])
        #expect(queue.scheduler.conclude(running[0].ticket, hops: false, now: 0) == .unknown)
        #expect(queue.names() == [])
    }

    @Test("where too many wait for a limit, those without a key leave for a rung, and those with one stay")
    func leaving() throws {
        var queue = try LimitedQueue(
            [JobLimit(type: "a", concurrency: 0)],
            bounds: .init(jobs: 80, bytes: 1 << 20, gap: 1000)
        )
        for _ in 0..<30 { queue.admit() }
        for index in 0..<5 { queue.admit(key: "k\(index)", lane: UInt64(index)) }
        #expect(queue.names() == [])
        let leaving = queue.scheduler.takeLeaving()
        #expect(leaving.count == 20)
        for job in leaving {
            let isFinished = queue.scheduler.hopped(job.ticket, now: 0)
            #expect(isFinished)
        }
        #expect(queue.scheduler.limiter.waiting == 15)
        queue.scheduler.setLimits(LimitTable(), of: 0, now: 0)
        #expect(queue.names() == Array(0..<10) + Array(30..<35))
    }

    @Test("what waits for a limit at a partition's watermark leaves before the partition can't be read on")
    func relief() throws {
        var queue = try LimitedQueue(
            [JobLimit(type: "a", concurrency: 0)],
            bounds: .init(jobs: 10_000, bytes: 1 << 20, gap: 100)
        )
        queue.admit()
        for _ in 0..<60 { queue.admit(type: "b") }
        for job in queue.takeAll() { _ = queue.scheduler.conclude(job.ticket, hops: false, now: 0) }
        #expect(queue.scheduler.partitions[0]?.tracker.watermark == 0)
        queue.pass(0.1)
        for job in queue.scheduler.takeLeaving() { _ = queue.scheduler.hopped(job.ticket, now: 0) }
        #expect(queue.scheduler.partitions[0]?.tracker.watermark == 61)
    }

    @Test("those that leave come back one after the other, as the rate lets them start")
    func spread() throws {
        var queue = try LimitedQueue(
            [Self.rate("10/s", burst: 1)],
            bounds: .init(jobs: 80, bytes: 1 << 20, gap: 1000)
        )
        for _ in 0..<40 { queue.admit() }
        #expect(queue.names() == [])
        let waits = queue.scheduler.takeLeaving().map { Double($0.wait) / Double(LimitedQueue.second) }
        #expect(waits.count == 30)
        for (earlier, later) in zip(waits, waits.dropFirst()) { #expect(abs(later - earlier - 0.1) < 0.001) }
        #expect((waits.first ?? 0) >= 1)
    }
}
