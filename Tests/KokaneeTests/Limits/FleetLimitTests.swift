import Testing

@testable import Kokanee

@Suite("Limits over a fleet")
struct FleetLimitTests {
    /// A generator of which the whole run follows.
    private struct Dice: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    /// The most starts that one window has beyond what its length allows.
    private func excess(_ starts: [Double], rate: Double) -> Double {
        // With x = index - rate × time the excess of a window from i to j is x(j) - x(i) + 1.
        var most = 0.0
        var least = Double.infinity
        for (index, time) in starts.enumerated() {
            let value = Double(index) - rate * time
            least = min(least, value)
            most = max(most, value - least + 1)
        }
        return most
    }

    @Test(
        "in no time the fleet starts more than the rate and the burst allow, and one for each worker, through rebalances",
        arguments: 0..<40
    )
    func rate(seed: Int) throws {
        var dice = Dice(state: UInt64(seed))
        let partitions = Int.random(in: 1...8, using: &dice)
        let (rate, burst) = (Double([2, 20, 300].randomElement(using: &dice)!), Int.random(in: 1...20, using: &dice))
        let limit = JobLimit(type: "a", rate: Rate(perSecond: rate), burst: burst)
        let members = Int.random(in: 1...4, using: &dice)
        var workers = try (0..<members).map { _ in try LimitedQueue([limit], partitions: partitions, owned: 0..<0) }
        var owners: [[Int]] = Array(repeating: [], count: members)
        var starts: [Double] = []
        var time = 0.0
        for step in 0..<600 {
            if step == 0 || Int.random(in: 0..<40, using: &dice) == 0 {
                // All hand back, and the partitions are dealt anew, to some of them.
                for index in workers.indices { workers[index].scheduler.suspend(owners[index]) }
                let present = (0..<members).filter { _ in Bool.random(using: &dice) }
                owners = Array(repeating: [], count: members)
                for id in 0..<partitions { owners[present.randomElement(using: &dice) ?? 0].append(id) }
                for index in workers.indices {
                    _ = workers[index].scheduler.forgetSuspended(queue: 0, except: owners[index])
                    workers[index].assign(owners[index])
                }
            }
            let passed = Double.random(in: 0...0.2, using: &dice)
            time += passed
            for index in workers.indices {
                workers[index].pass(passed)
                for id in owners[index] {
                    for _ in 0..<80 where workers[index].scheduler.inFlight < 1000 { workers[index].admit(to: id) }
                }
                for job in workers[index].takeAll() {
                    starts.append(time)
                    // A handler that is done at once: only the rate bounds.
                    _ = workers[index].scheduler.conclude(job.ticket, hops: false, now: 0)
                }
            }
        }
        #expect(excess(starts, rate: rate) <= Double(burst + members) + 0.01)
        // And the rate is used, as far as a burst at each step can.
        #expect(Double(starts.count) >= 0.25 * min(rate * time, Double(600 * max(1, burst / 2))))
    }

    @Test("a rebalance that changes nothing takes no tokens, and one that moves a partition makes none")
    func rebalance() throws {
        let limit = JobLimit(type: "a", rate: Rate(perSecond: 1), burst: 8)
        var workers = try (0..<2).map { try LimitedQueue([limit], partitions: 4, owned: $0 * 2..<$0 * 2 + 2) }
        for index in 0..<2 {
            workers[index].pass(100)
            for _ in 0..<30 { workers[index].admit(to: index * 2) }
            // Nothing is taken yet: each has a burst of four.
            workers[index].scheduler.suspend([index * 2, index * 2 + 1])
        }
        _ = workers[0].scheduler.forgetSuspended(queue: 0, except: [0, 1])
        workers[0].assign([0, 1])
        // The other one gets neither of its own again.
        _ = workers[1].scheduler.forgetSuspended(queue: 0, except: [])
        for _ in 0..<30 { workers[0].admit(to: 0) }
        #expect(workers[0].takeAll().count == 4)
        workers[0].assign([2, 3])
        #expect(workers[0].takeAll().count == 0)
        workers[0].pass(2)
        #expect(workers[0].takeAll().count == 2)
    }

    @Test("a key's own rate is its owner's whole, and begins anew with another owner")
    func keys() throws {
        let limit = JobLimit(type: "a", grouping: .key, rate: Rate(perSecond: 1), burst: 3)
        var queue = try LimitedQueue([limit], partitions: 8, owned: 0..<1)
        for _ in 0..<10 { queue.admit(key: "x") }
        queue.pass(2)
        #expect(queue.names() == [0, 1])
        queue.pass(60)
        #expect(queue.names() == [2, 3, 4])
        // A key that comes later has its burst.
        for _ in 0..<10 { queue.admit(key: "y") }
        #expect(queue.names() == [10, 11, 12])
        queue.pass(60)
        _ = queue.scheduler.fence([0])
        queue.assign([0])
        for _ in 0..<10 { queue.admit(key: "x") }
        #expect(queue.names() == [])
        queue.pass(1.1)
        #expect(queue.names() == [20])
    }

    @Test("groups that have nothing to remember are forgotten")
    func sweep() throws {
        let limit = JobLimit(type: "a", grouping: .key, concurrency: 1, rate: Rate(perSecond: 100), burst: 1)
        var queue = try LimitedQueue([limit])
        for name in 0..<50_000 {
            queue.pass(1)
            queue.admit(key: "\(name)")
            for job in queue.takeAll() { _ = queue.scheduler.conclude(job.ticket, hops: false, now: 0) }
        }
        #expect(queue.scheduler.limiter.groupCount <= 2048)
    }

    @Test(
        "whatever happens to jobs, limits hold, give every place back exactly once, and let everybody go in the end",
        arguments: 0..<60
    )
    func model(seed: Int) throws {
        var dice = Dice(state: UInt64(seed) &+ 77)
        let limits = [
            JobLimit(type: "a", concurrency: 2), JobLimit(grouping: .prefix(":"), concurrency: 3),
            JobLimit(type: "b", grouping: .key, concurrency: 1), JobLimit(concurrency: 6),
            JobLimit(type: "b", rate: Rate(perSecond: 50), burst: 5),
        ]
        var queue = try LimitedQueue(
            limits.shuffled(using: &dice),
            partitions: 3,
            owned: 0..<3,
            bounds: .init(jobs: 200, bytes: 1 << 20, gap: 60)
        )
        var running: [(ticket: Scheduler<LimitedContent>.Ticket, content: LimitedContent)] = []
        var hops: [Scheduler<LimitedContent>.Ticket] = []
        func check() {
            let types = Dictionary(grouping: running, by: \.content.type)
            #expect(types["a", default: []].count <= 2)
            #expect(running.count <= 6)
            for (_, jobs) in Dictionary(grouping: types["b", default: []], by: \.content.key)
            where jobs[0].content.key != nil {
                #expect(jobs.count <= 1)
            }
            let groups = Dictionary(grouping: running) { $0.content.key?.split(separator: ":").first }
            for (group, jobs) in groups where group != nil { #expect(jobs.count <= 3) }
        }
        for _ in 0..<2000 {
            switch Int.random(in: 0..<16, using: &dice) {
            case 0..<5:
                let tenant = Int.random(in: 0..<4, using: &dice)
                // A key has one partition.
                let id = tenant % 3
                guard queue.scheduler.room(in: id) > 0 else { continue }
                let key = Bool.random(using: &dice) ? "t\(tenant):\(Int.random(in: 0..<3, using: &dice))" : nil
                let lane = Int.random(in: 0..<3, using: &dice) == 0 ? UInt64(tenant) : nil
                queue.admit(type: ["a", "b", "c"].randomElement(using: &dice)!, key: key, lane: lane, to: id)
            case 5..<9:
                guard let next = queue.scheduler.take() else { continue }
                running.append(next)
                check()
            case 9..<12:
                guard !running.isEmpty else { continue }
                let job = running.remove(at: Int.random(in: 0..<running.count, using: &dice))
                switch Int.random(in: 0..<8, using: &dice) {
                case 0: queue.scheduler.abandon(job.ticket)
                case 1: queue.scheduler.giveBack(job.ticket)
                case 2:
                    if queue.scheduler.conclude(job.ticket, hops: true, now: 0) == .accepted { hops.append(job.ticket) }
                default: _ = queue.scheduler.conclude(job.ticket, hops: false, now: 0)
                }
                // A stale word counts for nothing.
                _ = queue.scheduler.conclude(job.ticket, hops: false, now: 0)
            case 12:
                hops += queue.scheduler.takeLeaving().map(\.ticket)
                for hop in hops.shuffled(using: &dice).prefix(5) {
                    _ = queue.scheduler.hopped(hop, now: 0)
                    hops.removeAll { $0 == hop }
                }
            case 13: queue.pass(Double.random(in: 0...0.1, using: &dice))
            case 14:
                guard Int.random(in: 0..<6, using: &dice) == 0 else { continue }
                let id = Int.random(in: 0..<3, using: &dice)
                if Bool.random(using: &dice) { queue.scheduler.suspend([id]) } else { _ = queue.scheduler.fence([id]) }
                _ = queue.scheduler.forgetSuspended(queue: 0)
                queue.assign([id])
            default:
                guard Int.random(in: 0..<20, using: &dice) == 0 else { continue }
                let changed = try LimitTable(limits.shuffled(using: &dice))
                queue.scheduler.setLimits(changed, of: 0, now: queue.now)
            }
        }
        // In the end all is let go.
        for _ in 0..<5000 where queue.scheduler.inFlight > 0 {
            queue.pass(0.1)
            running += queue.takeAll()
            check()
            for job in running { _ = queue.scheduler.conclude(job.ticket, hops: false, now: 0) }
            running = []
            for hop in hops + queue.scheduler.takeLeaving().map(\.ticket) {
                if !queue.scheduler.hopped(hop, now: 0) { queue.scheduler.abandonHop(hop) }
            }
            hops = []
        }
        #expect(queue.scheduler.inFlight == 0)
        #expect(queue.scheduler.limiter.waiting == 0)
        #expect(queue.scheduler.setAsideBytes == 0)
        #expect(queue.scheduler.limiter.runningCount == 0)
    }
}
