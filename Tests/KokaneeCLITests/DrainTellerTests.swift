import Testing

@testable import Kokanee
@testable import kokanee

@Suite("What a drain says while it waits")
struct DrainTellerTests {
    private func progress(_ waits: DrainWait..., circuit: QueueStatus.Circuit = .closed) -> DrainProgress {
        let report = WorkerReport(
            at: 0,
            queue: "mail",
            group: "g",
            name: "a",
            version: "",
            started: 0,
            health: .ok,
            alerts: [],
            circuit: circuit,
            hold: .init(at: 5, running: 1, left: waits.reduce(0) { $0 + $1.jobs }, waits: waits),
            counters: [:]
        )
        let pause = Pause(queue: "mail", mode: .draining, by: "ann", at: 5)
        return DrainProgress(of: pause, reports: [ReportedWorker(report: report, age: 0)], members: nil)
    }

    @Test("it says what it waits for and what to do, and says it again when that changes, or after a minute")
    func words() {
        var teller = DrainTeller(queue: "mail")
        let news = DrainWait(reason: .typePaused, subject: "news", jobs: 2)
        let running = DrainWait(reason: .running, jobs: 1)
        let line = "waiting: 3 jobs left, 1 running, 2 of type news, which is paused"
        let advice = "a paused type's jobs keep the drain waiting until: kokanee resume mail --type news"
        #expect(teller.lines(progress(news, running), time: .zero) == [line, advice])
        #expect(teller.lines(progress(news, running), time: .seconds(30)) == [])
        #expect(teller.lines(progress(news, running), time: .seconds(60)) == [line, advice])
        let limited = DrainWait(reason: .limit, subject: "mail, of each key", jobs: 4)
        #expect(
            teller.lines(progress(limited, running), time: .seconds(61)) == [
                "waiting: 5 jobs left, 1 running, 4 held by the limit of mail, of each key",
                "the limit of mail, of each key lets its jobs start in their time, none if it is 0; see: "
                    + "kokanee limits mail",
            ]
        )
        let open = teller.lines(progress(.init(reason: .ready, jobs: 3), circuit: .open), time: .seconds(62))
        #expect(open.count == 2 && open[1].contains("circuit is open"), "\(open)")
    }

    @Test("numbers that fall are not told each time")
    func pace() {
        var teller = DrainTeller(queue: "mail")
        var told = 0
        for left in stride(from: 100, to: 0, by: -1) {
            let time = Duration.milliseconds((100 - left) * 100)
            told += teller.lines(progress(.init(reason: .running, jobs: left)), time: time).count
        }
        #expect(told == 2)
    }

    @Test("a pause names the schedules that go on firing: of the types that are paused, or all of them")
    func schedules() throws {
        let schedules = try [("nightly", "books.close"), ("digest", "mail.digest")].map { name, type in
            try Schedule(name, type: type, at: "@daily")
        }
        let all = FleetReport.firing(schedules, queue: "q", types: [])
        #expect(all.count == 1 && all[0].contains("schedules nightly, digest of q fire all the same"), "\(all)")
        #expect(all[0].hasSuffix("kokanee cron pause q nightly"))
        let one = FleetReport.firing(schedules, queue: "q", types: ["mail.digest"])
        #expect(one.count == 1 && one[0].contains("schedule digest of q fires"), "\(one)")
        #expect(FleetReport.firing(schedules, queue: "q", types: ["other"]).isEmpty)
    }

    @Test("a worker from which nothing was heard yet is named")
    func unheard() {
        var teller = DrainTeller(queue: "mail")
        let pause = Pause(queue: "mail", mode: .draining, by: "ann", at: 5)
        let progress = DrainProgress(of: pause, reports: [], members: ["a"])
        let lines = teller.lines(progress, time: .zero)
        #expect(lines.count == 2 && lines[0] == "waiting: not heard yet: a", "\(lines)")
    }
}
