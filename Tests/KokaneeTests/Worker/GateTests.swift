import Testing

@testable import Kokanee

@Suite("The scheduler's gates")
struct GateTests {
    private typealias Shut = Scheduler<String>.Gate

    /// Two queues with a partition each, 0 and 1.
    private func scheduler() -> Scheduler<String> {
        var scheduler = Scheduler<String>(limits: .init(jobs: 100, bytes: 1 << 20, gap: 100))
        for queue in 0..<2 {
            scheduler.assign(
                queue,
                queue: Int32(queue),
                number: 0,
                committed: 0,
                restored: CompletionMap(),
                movedAt: 0
            )
        }
        return scheduler
    }

    private func admit(_ names: String..., to id: Int, of scheduler: inout Scheduler<String>, key: UInt64? = nil) {
        for name in names {
            let offset = scheduler.partitions[id]!.tracker.position!
            _ = scheduler.admit(id, offset: offset, .init(bytes: 1, key: key, start: .now), name)
        }
    }

    private func takeAll(_ scheduler: inout Scheduler<String>) -> [String] {
        var taken: [String] = []
        while let next = scheduler.take() { taken.append(next.content) }
        return taken
    }

    @Test("behind a shut gate nothing starts and nothing is read, in front of it the other queue goes on")
    func shut() {
        var scheduler = scheduler()
        admit("a0", "a1", to: 0, of: &scheduler)
        scheduler.setGate(of: 0, Shut(starts: 0, stopsIntake: true))
        admit("b0", to: 1, of: &scheduler)
        #expect(scheduler.room(in: 0) == 0)
        #expect(scheduler.room(in: 1) > 0)
        #expect(takeAll(&scheduler) == ["b0"])
        #expect(takeAll(&scheduler) == [])
        scheduler.setGate(of: 0, nil)
        #expect(scheduler.room(in: 0) > 0)
        #expect(takeAll(&scheduler) == ["a0", "a1"])
    }

    @Test("a gate lets through as many as it says, and then no more")
    func some() {
        var scheduler = scheduler()
        admit("0", "1", "2", "3", to: 0, of: &scheduler)
        scheduler.setGate(of: 0, Shut(starts: 2, stopsIntake: false))
        #expect(takeAll(&scheduler) == ["0", "1"])
        #expect(scheduler.room(in: 0) > 0)
        scheduler.setGate(of: 0, Shut(starts: 1, stopsIntake: false))
        #expect(takeAll(&scheduler) == ["2"])
    }

    @Test("jobs behind a gate keep the order of their key")
    func order() {
        var scheduler = scheduler()
        admit("0", "1", "2", to: 0, of: &scheduler, key: 7)
        scheduler.setGate(of: 0, Shut(starts: 0, stopsIntake: true))
        #expect(takeAll(&scheduler) == [])
        scheduler.setGate(of: 0, nil)
        for name in ["0", "1", "2"] {
            guard let next = scheduler.take() else {
                Issue.record("\(name) does not start")
                return
            }
            #expect(next.content == name)
            #expect(scheduler.take()?.content == nil)
            #expect(scheduler.conclude(next.ticket, hops: false, now: 0) == .accepted)
        }
    }

    @Test("a revoked partition's jobs behind a gate are gone, and leave nothing behind")
    func revoked() {
        var scheduler = scheduler()
        scheduler.setGate(of: 0, Shut(starts: 0, stopsIntake: false))
        for _ in 0..<50 {
            admit("x", "y", to: 0, of: &scheduler)
            #expect(takeAll(&scheduler) == [])
            scheduler.suspend([0])
            scheduler.assign(0, queue: 0, number: 0, committed: 0, restored: CompletionMap(), movedAt: 0)
        }
        #expect(scheduler.gated[0]?.isEmpty ?? true)
        scheduler.setGate(of: 0, nil)
        #expect(takeAll(&scheduler) == [])
        #expect(scheduler.inFlight == 0)
    }
}
