import Testing

@testable import Kokanee

@Suite("Workers' reports")
struct ReportTests {
    private static func essence(_ level: Health.Level = .ok) -> ReportPacer.Essence {
        .init(health: level, kinds: [], circuit: .closed)
    }

    private static let report = WorkerReport(
        at: 1000,
        queue: "q",
        group: "kokanee.q",
        name: "host:7",
        version: "0.1.0",
        started: 500,
        health: .degraded,
        alerts: [
            Alert(kind: .stalled, queue: "q", place: "q/1/2", since: 700, text: "\"stuck\"\n", advice: "look")
        ],
        circuit: .probing,
        running: [
            RunningJob(place: "q/1/2", since: 700), RunningJob(place: "q/2/9", since: 800, behind: "j1"),
        ],
        limited: ["q/3/4", "q/0/17"],
        limits: [
            JobLimit(type: "mail", grouping: .prefix(":"), concurrency: 2),
            JobLimit(rate: try! Rate(text: "5/s"), burst: 7),
        ],
        counters: ["kokanee_jobs_completed_total": 12]
    )

    @Test("a report is due at once, on a change, and else every 10 seconds; one at a time")
    func pace() {
        var pacer = ReportPacer()
        var due: [String] = []
        func look(_ second: Int, _ level: Health.Level, isTaken: Bool = true) {
            guard pacer.shouldReport(Self.essence(level), time: .seconds(second)) else { return }
            due.append("\(second) \(level)")
            if isTaken { _ = pacer.ended(isRefused: false, time: .seconds(second)) }
        }
        for second in 1..<20 { look(second, .ok) }
        for second in 20..<30 { look(second, .degraded) }
        look(30, .ok, isTaken: false)
        for second in 31..<50 { look(second, .failing) }
        #expect(due == ["1 ok", "11 ok", "20 degraded", "30 ok"])
    }

    @Test("a refusal is told once, and the pauses grow until a report is taken")
    func refusals() {
        var pacer = ReportPacer()
        var told = 0
        var tries: [Int] = []
        for second in 0..<2000 where pacer.shouldReport(Self.essence(), time: .seconds(second)) {
            tries.append(second)
            if pacer.ended(isRefused: true, time: .seconds(second)) { told += 1 }
        }
        #expect(told == 1)
        #expect(tries == [0, 60, 180, 420, 900, 1500])
        let resumes = pacer.shouldReport(Self.essence(), time: .seconds(2100))
        _ = pacer.ended(isRefused: false, time: .seconds(2100))
        let goesOn = pacer.shouldReport(Self.essence(.failing), time: .seconds(2101))
        let isTold = pacer.ended(isRefused: true, time: .seconds(2101))
        #expect(resumes && goesOn && isTold, "a new row of refusals is told again")
    }

    @Test("a report is read as it was written, but for what could move a reader's cursor")
    func roundTrip() throws {
        let read = try #require(WorkerReport(json: Self.report.json.finish()))
        #expect(read.alerts.first?.text == "\"stuck\" ")
        var expected = Self.report
        expected.alerts = read.alerts
        #expect(read == expected)
    }

    @Test(
        "what is no report is none, and never a crash",
        arguments: [
            "", "{", "[]", "null", #"{"at":1}"#, #"{"at":"x","queue":"q","group":"g","name":"n"}"#,
            #"{"at":1e400,"queue":"q","group":"g","name":"n"}"#, #"{"at":1,"queue":[],"group":"g","name":"n"}"#,
        ]
    )
    func hostile(text: String) {
        #expect(WorkerReport(json: Array(text.utf8)) == nil)
    }

    @Test("odd parts of a report are left out")
    func odd() throws {
        let text = """
            {"at":1,"queue":"q","group":"g","name":"n\\u001b[2J","health":"splendid","circuit":7,
            "limited":[1,"q/1/2"],"alerts":[1,{},{"kind":"k","since":2,"text":"t"}],"counters":{"a":1.5,"b":2}}
            """
        let report = try #require(WorkerReport(json: Array(text.utf8)))
        #expect(report.name == "n [2J")
        #expect(report.health == .degraded)
        #expect(report.circuit == .closed)
        #expect(report.limited == ["q/1/2"])
        #expect(report.alerts.map(\.kind.name) == ["k"])
        #expect(report.counters == ["b": 2])
    }

    @Test("of each worker the last report counts, a tombstone ends it, and old ones are silent, then gone")
    func workers() throws {
        func value(_ name: String) -> [UInt8] {
            var report = Self.report
            report.name = name
            return report.json.finish()
        }
        let now: Int64 = 1_000_000
        let workers = ReportedWorker.workers(
            [
                ("worker/kokanee.q/a", value("a"), now - 50_000), ("worker/kokanee.q/a", value("a"), now - 3000),
                ("worker/kokanee.q/b", value("b"), now - 31_000), ("worker/kokanee.q/c", value("c"), now - 61_000),
                ("worker/kokanee.q/d", value("d"), now - 2000), ("worker/kokanee.q/d", nil, now - 1000),
                ("worker/kokanee.q/e", Array("nonsense".utf8), now), ("worker/other/f", value("f"), now),
                ("schedule/kokanee.q/g", value("g"), now),
                ("worker/kokanee.q/h/1", value("h"), now - 4000), ("worker/kokanee.q/h/2", value("h"), now - 3000),
                ("worker/kokanee.q/h/3", value("h"), now - 2000), ("worker/kokanee.q/h/3", nil, now - 1000),
            ],
            group: "kokanee.q",
            now: now
        )
        // Workers of one name are several; reports of earlier releases have no run in their keys.
        #expect(workers.map(\.report.name) == ["a", "b", "h", "h"])
        #expect(workers.map(\.isSilent) == [false, true, false, false])
        #expect(workers.map(\.age).sorted() == [3000, 3000, 4000, 31_000])
    }

    @Test("a queue is as well as its worst worker, and its counters are the workers' sums")
    func status() {
        var ill = Self.report
        ill.circuit = .open
        var snapshot = QueueSnapshotTests.snapshot([:])
        #expect(snapshot.status(stalledAfter: 60_000).health == nil)
        #expect(snapshot.status(stalledAfter: 60_000).circuit == .closed)
        var well = Self.report
        well.health = .ok
        snapshot.reports = [ReportedWorker(report: well, age: 0)]
        #expect(snapshot.status(stalledAfter: 60_000).health == .ok)
        #expect(snapshot.status(stalledAfter: 60_000).circuit == .probing)
        snapshot.reports = [ReportedWorker(report: well, age: 40_000)]
        #expect(snapshot.status(stalledAfter: 60_000).health == .degraded, "it is silent")
        #expect(snapshot.status(stalledAfter: 60_000).circuit == .closed, "what it said before is old")
        snapshot.reports = [ReportedWorker(report: well, age: 0), ReportedWorker(report: ill, age: 0)]
        let status = snapshot.status(stalledAfter: 60_000)
        #expect(status.health == .degraded && status.circuit == .open)
        #expect(status.metrics == ["kokanee_jobs_completed_total": 24])
    }
}
