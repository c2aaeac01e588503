import Testing

@testable import Kokanee

@Suite("Draining a queue")
struct DrainTests {
    @Test("what was taken in before a drain starts, what is taken in after it does not, and neither is more read")
    func scheduler() {
        var scheduler = Scheduler<String>(limits: .init(jobs: 100, bytes: 1 << 20, gap: 100))
        scheduler.assign(0, queue: 0, number: 0, committed: 0, restored: CompletionMap(), movedAt: 0)
        func admit(_ offset: Int64) {
            _ = scheduler.admit(0, offset: offset, .init(bytes: 1, key: nil, start: .now), "\(offset)")
        }
        admit(0)
        admit(1)
        let bound = scheduler.nextStamp
        scheduler.setGate(of: 0, .init(starts: .max, stopsIntake: true, lastStamp: bound))
        #expect(scheduler.room(in: 0) == 0)
        // Records can come by other ways than those that ask for room.
        admit(2)
        #expect(scheduler.unfinished(of: 0, upTo: bound) == 2)
        var taken: [Scheduler<String>.Ticket] = []
        while let next = scheduler.take() { taken.append(next.ticket) }
        #expect(taken.compactMap { scheduler.content(of: $0) } == ["0", "1"])
        for ticket in taken { _ = scheduler.conclude(ticket, hops: false, now: 0) }
        #expect(scheduler.unfinished(of: 0, upTo: bound) == 0)
        scheduler.setGate(of: 0, nil)
        #expect(scheduler.take()?.content == "2")
    }

    private let pause = Pause(queue: "mail", mode: .draining, by: "ann", at: 5)

    private func worker(_ name: String, hold: WorkerReport.Hold?, age: Int64 = 0) -> ReportedWorker {
        let report = WorkerReport(
            at: 0,
            queue: "mail",
            group: "g",
            name: name,
            version: "",
            started: 0,
            health: .ok,
            alerts: [],
            circuit: .closed,
            hold: hold,
            counters: [:]
        )
        return ReportedWorker(report: report, age: age)
    }

    @Test("a drain is over once every worker has obeyed this very word, and has nothing left")
    func progress() {
        func isDone(_ reports: ReportedWorker..., members: [String]? = nil) -> Bool {
            DrainProgress(of: pause, reports: reports, members: members).isDone
        }
        let idle = WorkerReport.Hold(at: 5, running: 0, left: 0)
        #expect(isDone())
        #expect(isDone(worker("a", hold: idle), members: ["a"]))
        #expect(!isDone(worker("a", hold: nil)))
        #expect(!isDone(worker("a", hold: .init(at: 4, running: 0, left: 0))), "it obeys an older word")
        #expect(!isDone(worker("a", hold: idle), worker("b", hold: .init(at: 5, running: 0, left: 1))))
        #expect(!isDone(worker("a", hold: .init(at: 5, running: 1, left: 0))))
        #expect(!isDone(worker("a", hold: idle), members: ["a", "b"]), "a member that says nothing may run jobs")
        #expect(isDone(worker("a", hold: idle), worker("b", hold: nil, age: 40_000)), "b is gone")
    }

    @Test("a report tells which word the worker obeys, and what runs still")
    func report() throws {
        let hold = WorkerReport.Hold(at: 5, running: 2, left: 3)
        let report = worker("a", hold: hold).report
        #expect(WorkerReport(json: report.json.finish()) == report)
        let paused = worker("a", hold: .init(at: 5, running: 2, left: nil)).report
        #expect(WorkerReport(json: paused.json.finish()) == paused)
    }
}
