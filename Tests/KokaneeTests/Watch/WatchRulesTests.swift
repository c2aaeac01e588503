import Testing

@testable import Kokanee

@Suite("What the watch finds wrong")
struct WatchRulesTests {
    private typealias Subject = AlertBook.Subject

    private static let wall: Int64 = 1_800_000_000_000
    private static let job = WatchObservation.Job(id: "j7", type: "invoice.send", attempt: 2, place: "q/3/41")

    private static let other = WatchObservation.Job(id: "j1", type: "t", attempt: 1, place: "q/3/2")

    /// A worker of one queue with one partition, looked at once a second.
    private final class Stand {
        var rules = WatchRules(limits: WatchLimits())
        var turns = 0
        var producer = WatchObservation.Producer(turns: 0)
        var engine: WatchObservation.Engine? = .init()
        var overdue: [DispatcherVitals.OverdueHead] = []
        var isDispatcherAlive = true
        var isProducerAlive = true
        var hasEnded = false
        var hasAssignment = true
        var group = "kokanee.q"
        var isRung = false
        private(set) var seconds: Int64 = 0

        func look(elapsed: Duration = .seconds(1)) -> WatchRules.Findings {
            seconds += 1
            if isDispatcherAlive { turns += 1 }
            if isProducerAlive { producer.turns += 1 }
            var queue = WatchObservation.Queue(index: 0, name: "q", group: group, turns: turns)
            queue.hasEnded = hasEnded
            queue.hasAssignment = hasAssignment
            queue.overdue = overdue
            queue.names = [3: .init(text: "q/3", isRung: isRung)]
            let wall = WatchRulesTests.wall + seconds * 1000
            return rules.look(
                WatchObservation(wall: wall, engine: engine, queues: [queue], producer: producer),
                elapsed: elapsed
            )
        }

        /// The findings after so many looks more.
        func looks(_ count: Int) -> WatchRules.Findings {
            var findings = WatchRules.Findings()
            for _ in 0..<count { findings = look() }
            return findings
        }

        /// One partition, its watermark at 41.
        func partition(
            unfinished: Int = 1,
            holder: WatchObservation.Activity? = nil,
            isInTime: Bool = false,
            watermark: Int64 = 41,
            isAtEnd: Bool = true,
            shortage: WatchObservation.Shortage? = nil
        ) {
            var partition = WatchObservation.Partition(
                id: 3,
                queue: 0,
                epoch: 1,
                watermark: watermark,
                unfinished: unfinished,
                isAtEnd: isAtEnd,
                shortage: shortage
            )
            partition.holder = holder.map { .init(job: WatchRulesTests.job, activity: $0, isInTime: isInTime) }
            engine?.partitions = [partition]
        }
    }

    private static let stalled = Subject(kind: .stalled, queue: 0, partition: 3)

    @Test("a worker that works, or has nothing to do, gives no alert")
    func quiet() {
        let stand = Stand()
        stand.partition(unfinished: 0)
        #expect(stand.looks(1000).alerts.isEmpty)
        for watermark in 0..<200 {
            stand.partition(holder: .running(for: .seconds(1)), watermark: Int64(watermark), isAtEnd: false)
            #expect(stand.look().alerts.isEmpty)
        }
    }

    @Test("a watermark that stands still for a minute is told with its job, after the job was asked for")
    func stall() throws {
        let stand = Stand()
        stand.partition()
        #expect(stand.looks(10).alerts.isEmpty)
        #expect(stand.rules.suspects.isEmpty)
        #expect(stand.look().alerts.isEmpty)
        #expect(stand.rules.suspects == [3])
        stand.partition(holder: .running(for: .seconds(60)))
        #expect(stand.looks(49).alerts.isEmpty)
        stand.partition(holder: .running(for: .seconds(62)))
        let findings = stand.look()
        let alert = try #require(findings.alerts[Self.stalled])
        #expect(alert.text.contains("q/3") && alert.text.contains("j7") && alert.text.contains("invoice.send"))
        #expect(alert.text.contains("run for 1m") || alert.text.contains("62s"))
        #expect(alert.place == "q/3/41")
        #expect(alert.level == .degraded)
        #expect(stand.look().alerts[Self.stalled]?.since == alert.since, "it began once")
        stand.partition(holder: .running(for: .seconds(1)), watermark: 42)
        #expect(stand.look().alerts.isEmpty)
    }

    @Test(
        "a job that has time left may hold its watermark; once it has none, that is told",
        arguments: [
            WatchObservation.Activity.running(for: .seconds(300)),
            .waiting(behind: WatchRulesTests.other, running: .seconds(300)),
        ]
    )
    func inTime(activity: WatchObservation.Activity) {
        let stand = Stand()
        stand.partition(holder: activity, isInTime: true)
        #expect(stand.looks(600).alerts.isEmpty)
        #expect(stand.rules.suspects == [3], "it goes on to be looked at")
        stand.partition(holder: activity)
        #expect(stand.look().alerts.keys.contains(Self.stalled))
    }

    @Test("time in which a partition had no work does not count")
    func idleBefore() {
        let stand = Stand()
        stand.partition(unfinished: 0)
        _ = stand.looks(600)
        stand.partition(holder: .running(for: .zero))
        #expect(stand.looks(59).alerts.isEmpty)
        #expect(stand.looks(3).alerts[Self.stalled] != nil)
    }

    @Test(
        "what the job does is told, with what to do about it",
        arguments: [
            (WatchObservation.Activity.ready, "waits for a slot", "concurrency"),
            (.waiting(behind: Self.other, running: .seconds(90)), "j1", "key"),
            (.held(until: 1_800_000_100_000), "held until 2027-01-15T08:01:40", "ladder"),
            (.hopping(nil), "acknowledgement", "leader"),
            (
                .hopping(.init(age: .seconds(80), tries: 9, error: "TOPIC_AUTHORIZATION_FAILED")), "AUTHORIZATION",
                "write"
            ),
        ]
    )
    func activities(activity: WatchObservation.Activity, text: String, advice: String) throws {
        let stand = Stand()
        stand.partition(holder: activity)
        let findings = stand.looks(62)
        let alert = try #require(findings.alerts[Self.stalled])
        #expect(alert.text.contains(text), "\(alert.text)")
        #expect(alert.advice.contains(advice), "\(alert.advice)")
    }

    @Test("after a pause its time does not count: a job that is still not begun is an alarm a whole limit later")
    func resumed() {
        let stand = Stand()
        stand.partition(holder: .ready)
        stand.engine?.paused = [0]
        stand.overdue = [.init(partition: 3, offset: 7, dueAt: 0)]
        #expect(stand.looks(300).alerts.isEmpty)
        stand.engine?.paused = []
        #expect(stand.looks(5).alerts.isEmpty)
        #expect(stand.looks(60).alerts.keys.contains(Self.stalled))
    }

    @Test("what an operator has paused is no alarm; a job that runs on for too long is")
    func paused() {
        let stand = Stand()
        stand.engine?.paused = [0]
        stand.overdue = [.init(partition: 3, offset: 41, dueAt: 0)]
        stand.partition(unfinished: 0, isAtEnd: false, shortage: .jobs(limit: 10))
        #expect(stand.looks(100).alerts.isEmpty)
        stand.partition(holder: .ready)
        #expect(stand.looks(100).alerts.isEmpty)
        stand.partition(holder: .running(for: .seconds(90)))
        #expect(stand.looks(100).alerts.keys.map(\.kind) == [.stalled])
    }

    @Test("what an open circuit keeps from starting is no alarm but the circuit's; a job that runs is")
    func openCircuit() {
        let stand = Stand()
        stand.engine?.circuits = [0: .open]
        stand.partition(holder: .ready)
        #expect(stand.looks(100).alerts.keys.map(\.kind) == [.circuit])
        stand.partition(unfinished: 0, isAtEnd: false)
        #expect(stand.looks(100).alerts.keys.map(\.kind) == [.circuit])
        stand.overdue = [.init(partition: 3, offset: 9, dueAt: Self.wall)]
        #expect(stand.looks(100).alerts.keys.map(\.kind) == [.circuit])
        stand.overdue = []
        stand.partition(holder: .running(for: .seconds(100)))
        #expect(Set(stand.looks(100).alerts.keys.map(\.kind)) == [.circuit, .stalled])
    }

    @Test("a partition that is not at its end and of which nothing comes is told, unless it is a rung")
    func notRead() {
        let stand = Stand()
        stand.partition(unfinished: 0, isAtEnd: false)
        #expect(stand.looks(60).alerts.isEmpty)
        #expect(stand.looks(2).alerts.keys.map(\.kind) == [.notRead])
        stand.partition(unfinished: 0, isAtEnd: false, shortage: .intakeStopped)
        #expect(stand.look().alerts.isEmpty)
        stand.isRung = true
        stand.partition(unfinished: 0, isAtEnd: false)
        #expect(stand.look().alerts.isEmpty, "its jobs wait until they are due")
    }

    @Test("time in which nothing of a rung was due does not count")
    func idleRung() {
        let stand = Stand()
        stand.isRung = true
        stand.partition(unfinished: 0, isAtEnd: false)
        _ = stand.looks(600)
        stand.partition(holder: .ready, isAtEnd: false)
        #expect(stand.looks(59).alerts.isEmpty)
        #expect(stand.looks(3).alerts[Self.stalled] != nil)
    }

    @Test("a rung's due head is told after 10 seconds, with what leaves no room for it")
    func overdue() throws {
        let stand = Stand()
        stand.partition(unfinished: 0, shortage: .jobs(limit: 10))
        stand.overdue = [.init(partition: 3, offset: 77, dueAt: Self.wall)]
        #expect(stand.looks(9).alerts.isEmpty)
        let findings = stand.look()
        let alert = try #require(findings.alerts[Subject(kind: .overdue, queue: 0, partition: 3)])
        #expect(alert.place == "q/3/77")
        #expect(alert.text.contains("10 jobs"), "\(alert.text)")
        stand.overdue = []
        #expect(stand.look().alerts.isEmpty)
    }

    @Test("a thread that does not go round is told after 10 seconds, and is wedged after the limit")
    func dispatcher() throws {
        let stand = Stand()
        _ = stand.looks(5)
        stand.isDispatcherAlive = false
        #expect(stand.looks(9).alerts.isEmpty)
        let silent = stand.looks(1)
        #expect(silent.alerts.values.map(\.kind) == [.notPolling])
        #expect(silent.alerts.values.map(\.level) == [.degraded])
        #expect(silent.wedge == nil)
        #expect(stand.looks(49).wedge == nil)
        let wedged = stand.look()
        #expect(wedged.wedge?.kind == .notPolling)
        #expect(wedged.alerts.values.map(\.level) == [.failing])
        stand.isDispatcherAlive = true
        #expect(stand.look().alerts.isEmpty)
    }

    @Test("a group that gives the worker no partitions is told after 30 seconds, for each time anew")
    func notAssigned() throws {
        let stand = Stand()
        stand.hasAssignment = false
        #expect(stand.looks(30).alerts.isEmpty)
        let alert = try #require(stand.look().alerts[Subject(kind: .notAssigned, queue: 0)])
        #expect(alert.level == .degraded && alert.text.contains("queue q"))
        #expect(alert.advice.contains("kokanee status q:"))
        stand.group = "other"
        let other = try #require(stand.look().alerts[Subject(kind: .notAssigned, queue: 0)])
        #expect(other.text.contains("group other") && other.advice.contains("kokanee status q --group other:"))
        stand.isDispatcherAlive = false
        #expect(stand.looks(10).alerts.values.map(\.kind) == [.notPolling], "a thread that hangs has asked for none")
        stand.isDispatcherAlive = true
        stand.hasAssignment = true
        #expect(stand.look().alerts.isEmpty)
        stand.hasAssignment = false
        #expect(stand.looks(30).alerts.isEmpty)
        #expect(stand.look().alerts.values.map(\.kind) == [.notAssigned])
        stand.hasEnded = true
        #expect(stand.look().alerts.isEmpty)
    }

    @Test("a group has as long to give a share as it waits for who died, and for jobs that run")
    func assignmentLimit() {
        func limit(_ session: Int64, _ revocation: Int64) -> Duration {
            WatchLimits.assignment(sessionTimeout: .seconds(session), revocationLimit: .seconds(revocation))
        }
        #expect(limit(10, 5) == .seconds(30))
        #expect(limit(15, 5) == .seconds(40))
        #expect(limit(45, 20) == .seconds(115))
    }

    @Test("a dispatcher that has ended is not missed, and neither is a producer that is closed")
    func ended() {
        let stand = Stand()
        _ = stand.looks(5)
        stand.isDispatcherAlive = false
        stand.hasEnded = true
        #expect(stand.looks(100).alerts.isEmpty)
    }

    @Test("the producer's thread is watched as well")
    func producerThread() {
        let stand = Stand()
        stand.isProducerAlive = false
        #expect(stand.looks(11).alerts.values.map(\.kind) == [.producerNotPolling])
        #expect(stand.looks(50).wedge?.kind == .producerNotPolling)
    }

    @Test("a process that was stopped for an hour, or a machine that slept, has not hung")
    func suspended() {
        let stand = Stand()
        stand.partition(holder: .running(for: .seconds(1)))
        _ = stand.looks(5)
        stand.isDispatcherAlive = false
        stand.isProducerAlive = false
        let findings = stand.look(elapsed: .seconds(3600))
        #expect(findings.alerts.isEmpty && findings.wedge == nil)
    }

    @Test("a cluster that takes nothing is told of after 30 seconds, and never ends a worker")
    func delivery() throws {
        let stand = Stand()
        stand.producer.unacknowledged = 12
        stand.producer.oldest = .seconds(29)
        #expect(stand.look().alerts.isEmpty)
        stand.producer.oldest = .seconds(3000)
        let findings = stand.looks(3000)
        let alert = try #require(findings.alerts[Subject(kind: .notDelivering)])
        #expect(alert.text.contains("12 records") && alert.level == .degraded && alert.queue == nil)
        #expect(findings.wedge == nil)
        stand.producer.oldest = nil
        #expect(stand.look().alerts.isEmpty)
        stand.engine?.hopTroubles = 2
        stand.engine?.oldestHopTrouble = .init(age: .seconds(31), tries: 5, error: "no")
        #expect(stand.look().alerts.values.map(\.kind) == [.notDelivering])
    }

    @Test("given-up attempts that still run are told for as long as they do")
    func abandoned() throws {
        let stand = Stand()
        stand.engine?.abandoned = [
            .init(queue: 0, job: Self.job, age: .seconds(50)), .init(queue: 0, job: Self.job, age: .seconds(20)),
        ]
        let findings = stand.look()
        let alert = try #require(findings.alerts[Subject(kind: .ignoredCancellation, queue: 0)])
        #expect(alert.text.hasPrefix("2 given-up attempts still run, the oldest for 50s"))
        stand.engine?.abandoned = []
        #expect(stand.look().alerts.isEmpty)
    }

    @Test("what can't be seen because the engine's lock is taken is not over, and the silence says so")
    func locked() throws {
        let stand = Stand()
        stand.partition(holder: .running(for: .seconds(1)))
        #expect(stand.looks(62).alerts[Self.stalled] != nil)
        stand.engine = nil
        stand.isDispatcherAlive = false
        let findings = stand.looks(11)
        #expect(findings.alerts[Self.stalled] != nil)
        let silence = try #require(findings.alerts[Subject(kind: .notPolling, queue: 0)])
        #expect(silence.text.contains("lock"))
    }
}
