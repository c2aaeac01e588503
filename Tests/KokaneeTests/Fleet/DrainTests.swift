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
        #expect(scheduler.unfinished(of: 0, upTo: bound) == [DrainWait(reason: .ready, jobs: 2)])
        var taken: [Scheduler<String>.Ticket] = []
        while let next = scheduler.take() { taken.append(next.ticket) }
        #expect(taken.compactMap { scheduler.content(of: $0) } == ["0", "1"])
        for ticket in taken { _ = scheduler.conclude(ticket, hops: false, now: 0) }
        #expect(scheduler.unfinished(of: 0, upTo: bound).isEmpty)
        scheduler.setGate(of: 0, nil)
        #expect(scheduler.take()?.content == "2")
    }

    @Test("what keeps jobs that were taken in is told: a paused type, a limit, a job of their key")
    func waits() throws {
        var queue = try LimitedQueue([JobLimit(type: "mail", concurrency: 1)])
        var table = try LimitTable([JobLimit(type: "mail", concurrency: 1)])
        table.pausedTypes = ["news"]
        queue.scheduler.setLimits(table, of: 0, now: 0)
        for type in ["news", "news", "mail", "mail", "other"] { queue.admit(type: type) }
        queue.admit(type: "news", key: "k", lane: 1)
        queue.admit(type: "other", key: "k", lane: 1)
        #expect(queue.names() == [2, 4])
        queue.admit(type: "other")
        #expect(
            queue.scheduler.unfinished(of: 0, upTo: queue.scheduler.nextStamp) == [
                DrainWait(reason: .typePaused, subject: "news", jobs: 3),
                DrainWait(reason: .limit, subject: "mail", jobs: 1),
                DrainWait(reason: .key, jobs: 1),
                DrainWait(reason: .ready, jobs: 1),
                DrainWait(reason: .running, jobs: 2),
            ]
        )
    }

    @Test("what several workers wait for is told in one sum, and what has nothing left does not count")
    func sums() {
        func hold(_ left: Int, _ waits: DrainWait...) -> WorkerReport.Hold {
            .init(at: 5, running: 0, left: left, waits: waits)
        }
        let progress = DrainProgress(
            of: pause,
            reports: [
                worker("a", hold: hold(3, .init(reason: .key, jobs: 1), .init(reason: .limit, subject: "x", jobs: 2))),
                worker("b", hold: hold(1, .init(reason: .limit, subject: "x", jobs: 1))),
                worker("c", hold: hold(7, .init(reason: .key, jobs: 7)), age: 40_000),
            ],
            members: nil
        )
        #expect(progress.left == 4)
        #expect(
            progress.waits == [
                DrainWait(reason: .limit, subject: "x", jobs: 3), DrainWait(reason: .key, jobs: 1),
            ]
        )
    }

    private let pause = Pause(queue: "q", mode: .draining, by: "ann", at: 5)

    private func worker(_ name: String, hold: WorkerReport.Hold?, age: Int64 = 0) -> ReportedWorker {
        ReportedWorker(report: .plain(name, hold: hold), age: age)
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
        let busy = worker("a", hold: .init(at: 5, running: 1, left: 1))
        #expect(!isDone(worker("a", hold: idle), busy, members: ["a", "a"]), "another of the same name runs a job")
    }

    @Test("workers whose members have another name than they, or all the same, are known by it")
    func members() {
        let idle = WorkerReport.Hold(at: 5, running: 0, left: 0)
        let reports = ["a", "b"].map { name in
            var report = worker(name, hold: idle).report
            report.member = "billing"
            return ReportedWorker(report: report, age: 0)
        }
        func unheard(_ reports: [ReportedWorker], _ members: String...) -> [String] {
            DrainProgress(of: pause, reports: reports, members: members).unheard
        }
        #expect(unheard(reports, "billing", "billing").isEmpty)
        #expect(unheard(reports, "billing", "billing", "billing") == ["billing"], "the third says nothing")
        #expect(unheard([worker("a", hold: idle)], "a", "a") == ["a"], "the other of that name says nothing")
        #expect(unheard([worker("a", hold: idle), worker("a", hold: idle)], "a", "a").isEmpty)
        #expect(unheard([worker("a", hold: idle, age: 40_000)], "a") == ["a"], "it is silent, and no less a member")
        let long = String(repeating: "n", count: 200)
        #expect(unheard([worker(long, hold: idle)], SafeText.line(long, limit: 128)).isEmpty)
        #expect(WorkerReport(json: reports[0].report.json.finish()) == reports[0].report)
    }

    @Test("a worker of another queue in the same group is known, and not waited for")
    func otherQueue() {
        var other = worker("b", hold: nil).report
        other.queue = "letters"
        let reports = [worker("a", hold: .init(at: 5, running: 0, left: 0)), ReportedWorker(report: other, age: 0)]
        #expect(DrainProgress(of: pause, reports: reports, members: ["a", "b"]).isDone)
    }

    @Test("what the workers of several groups tell is added up")
    func groups() {
        var progress = DrainProgress(
            of: pause,
            reports: [worker("a", hold: .init(at: 5, running: 0, left: 0))],
            members: nil
        )
        #expect(progress.isDone)
        let waits = [DrainWait(reason: .running, jobs: 2)]
        let busy = worker("b", hold: .init(at: 5, running: 2, left: 2, waits: waits))
        progress.add(DrainProgress(of: pause, reports: [busy, worker("c", hold: nil)], members: ["d"]))
        #expect(progress.obeying == ["a", "b"] && progress.unheard == ["c", "d"])
        #expect(progress.left == 2 && progress.running == 2 && progress.waits == waits)
        #expect(!progress.isDone)
    }

    @Test("a report tells which word the worker obeys, and what runs still")
    func report() throws {
        let waits = [DrainWait(reason: .typePaused, subject: "news", jobs: 1), DrainWait(reason: .running, jobs: 2)]
        let hold = WorkerReport.Hold(at: 5, running: 2, left: 3, waits: waits)
        let report = worker("a", hold: hold).report
        #expect(WorkerReport(json: report.json.finish()) == report)
        let paused = worker("a", hold: .init(at: 5, running: 2, left: nil)).report
        #expect(WorkerReport(json: paused.json.finish()) == paused)
    }
}
