import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("Pausing a queue", .timeLimit(.minutes(3)))
struct PauseTests {
    @Test("a pause reaches every worker: nothing starts, what runs goes on, and a resume lets all of it run once")
    func everywhere() async throws {
        let fixture = try WorkerFixture(partitions: 2)
        let control = try QueueControl(fixture.client)
        let ledger = Ledger()
        let gate = Gate()
        let workers = try (0..<2).map { index in
            try fixture.worker {
                $0.name = "w\(index)"
            } perform: { job, _ in
                try await ledger.run(job) { if job < 2 { try await gate.pass() } }
            }
        }
        try await fixture.enqueue(2, partition: { $0 })
        try await running(workers[0], workers[1]) {
            try await eventually("one job of each partition runs", within: .seconds(60)) { ledger.starts.count == 2 }
            let change = try await control.pause(fixture.queue, by: "ann", reason: "a test")[0]
            #expect(change.before == nil && change.isNews)
            let word = try #require(change.now)
            try await eventually("both workers obey, and tell that a job runs on each") {
                let progress = try await control.progress(of: word, in: fixture.queue)
                return progress.obeying.count == 2 && progress.unheard.isEmpty && progress.running == 2
            }
            let before = try await fixture.committed()?.offset ?? 0
            try await fixture.enqueue(10, key: { "k\($0)" }, partition: { $0 % 2 })
            gate.open()
            try await eventually("what ran has ended") { ledger.ends.count == 2 }
            try await eventually("and nothing runs") {
                try await control.progress(of: word, in: fixture.queue).isDone
            }
            #expect(ledger.starts.count == 2)
            #expect(try await fixture.committed()?.offset ?? 0 >= before)
            #expect(!(try await control.pause(fixture.queue, by: "bob")[0].isNews), "twice is once")
            let resumed = try await control.resume(fixture.queue, by: "ann")[0]
            #expect(resumed.before?.by == "ann" && resumed.now == nil)
            try await eventually("all of it runs") { ledger.ends.count == 12 }
            #expect(!(try await control.resume(fixture.queue, by: "ann")[0].isNews))
        }
    }

    @Test("a worker that starts while its queue is paused starts nothing, also where the one before it was killed")
    func startedLater() async throws {
        let fixture = try WorkerFixture()
        let control = try QueueControl(fixture.client)
        try await control.pause(fixture.queue, by: "ann")
        try await fixture.enqueue(5)
        let ledger = Ledger()
        for round in 0..<2 {
            let worker = try fixture.worker {
                $0.name = "w\(round)"
            } perform: { job, _ in
                try await ledger.run(job) {}
            }
            try await running(worker) {
                let word = try #require(try await control.orders(of: fixture.queue).pause)
                try await eventually("it obeys", within: .seconds(40)) {
                    try await control.progress(of: word, in: fixture.queue).obeying == ["w\(round)"]
                }
                if round == 1 { try await control.resume(fixture.queue, by: "ann") }
                if round == 1 { try await eventually("they run") { ledger.ends.count == 5 } }
            }
            if round == 0 { #expect(ledger.starts.isEmpty) }
        }
    }

    @Test(
        "a worker that starts while the control topic can't be read starts nothing until it has read it, however long",
        .enabled(if: EmbeddedBroker.survivesRequestsForNoLeader)
    )
    func unreadable() async throws {
        let fixture = try WorkerFixture()
        let control = try QueueControl(fixture.client)
        let word = try #require(try await control.pause(fixture.queue, by: "ann")[0].now)
        try await fixture.enqueue(5)
        let place = TopicPartition(topic: Queue.controlTopic, partition: 0)
        try fixture.broker.setLeader(of: place, to: nil)
        let (ledger, log) = (Ledger(), LogCollector())
        let worker = try fixture.worker(set(\.name, "w"), logger: log.logger) { job, _ in
            try await ledger.run(job) {}
        }
        try await running(worker) {
            try await eventually("it has waited for 5 seconds, and goes on", within: .seconds(40)) {
                log.contains("the control topic can't be read yet") && log.contains("partitions assigned")
            }
            // What it would start it would have started by then.
            try await Task.sleep(for: .seconds(2))
            #expect(ledger.starts.isEmpty)
            try fixture.broker.setLeader(of: place, to: 1)
            try await eventually("it obeys", within: .seconds(60)) {
                try await control.progress(of: word, in: fixture.queue).obeying == ["w"]
            }
            #expect(ledger.starts.isEmpty)
            try await control.resume(fixture.queue, by: "ann")
            try await eventually("they run", within: .seconds(40)) { ledger.ends.count == 5 }
        }
    }

    @Test("a worker that is to end when idle waits while its paused queue holds work, and says so")
    func untilIdle() async throws {
        let fixture = try WorkerFixture()
        let control = try QueueControl(fixture.client)
        try await control.pause(fixture.queue, by: "ann")
        try await fixture.enqueue(3)
        let ledger = Ledger()
        let log = LogCollector()
        let worker = try fixture.worker(set(\.stopsWhenIdle, true), logger: log.logger) { job, _ in
            try await ledger.run(job) {}
        }
        try await withThrowingTaskGroup { group in
            group.addTask { try await worker.run() }
            try await eventually("it says that it waits", within: .seconds(40)) {
                log.contains("does not count as idle")
            }
            #expect(ledger.starts.isEmpty)
            try await control.resume(fixture.queue, by: "ann")
            try await group.waitForAll()
        }
        #expect(ledger.ends.count == 3)
    }

    @Test("a drain lets what was taken in run, takes in nothing more, and tells when nothing is left")
    func drain() async throws {
        let fixture = try WorkerFixture()
        let control = try QueueControl(fixture.client)
        let ledger = Ledger()
        let gate = Gate()
        let worker = try fixture.worker(set(\.concurrency, 1)) { job, _ in
            try await ledger.run(job) { try await gate.pass() }
        }
        try await fixture.enqueue(5)
        try await running(worker) {
            try await eventually("all are taken in, and one runs", within: .seconds(40)) {
                worker.inFlight == 5 && ledger.starts.count == 1
            }
            let word = try #require(try await control.drain(fixture.queue, by: "ann").now)
            try await eventually("the worker has heard") {
                try await control.progress(of: word, in: fixture.queue).left == 5
            }
            #expect(!(try await control.progress(of: word, in: fixture.queue).isDone))
            try await fixture.enqueue(7)
            gate.open()
            try await eventually("nothing is left") { try await control.progress(of: word, in: fixture.queue).isDone }
            #expect(ledger.ends.count == 5)
            try await eventually("what was in flight is committed") { try await fixture.committed()?.offset == 5 }
            try await control.resume(fixture.queue, by: "ann")
            try await eventually("the others run") { ledger.ends.count == 12 }
        }
    }

    @Test("a drain waits for workers of any group, and the status of the queue's own tells of them")
    func otherGroup() async throws {
        let fixture = try WorkerFixture()
        let control = try QueueControl(fixture.client)
        let (ledger, gate) = (Ledger(), Gate())
        var jobs = JobRegistry()
        try jobs.register("default") { (payload: Bytes, _) in
            try await ledger.run(Int(payload.text) ?? -1) { try await gate.pass() }
        }
        let other = try Queue(fixture.queue.name, ladder: fixture.queue.ladder, group: "another")
        let worker = Worker(queues: [other], jobs: jobs, client: fixture.client)
        try await fixture.enqueue(1)
        try await running(worker) {
            try await eventually("the job runs", within: .seconds(40)) { ledger.starts.count == 1 }
            let word = try #require(try await control.drain(fixture.queue, by: "ann").now)
            try await eventually("it is waited for") {
                try await control.progress(of: word, in: fixture.queue).left == 1
            }
            let status = try await StatusReader(fixture.client).status(of: fixture.queue)
            #expect(status.reports.isEmpty && status.otherReports.map(\.report.group) == ["another"])
            gate.open()
            try await eventually("nothing is left") { try await control.progress(of: word, in: fixture.queue).isDone }
            #expect(ledger.ends.count == 1)
        }
    }

    @Test("a pause stands through a rebalance")
    func rebalance() async throws {
        let fixture = try WorkerFixture(partitions: 2)
        let control = try QueueControl(fixture.client)
        let ledger = Ledger()
        let first = try fixture.worker {
            $0.name = "a"
        } perform: { job, _ in
            try await ledger.run(job) {}
        }
        let second = try fixture.worker {
            $0.name = "b"
        } perform: { job, _ in
            try await ledger.run(job) {}
        }
        let word = try #require(try await control.pause(fixture.queue, by: "ann")[0].now)
        try await fixture.enqueue(10, partition: { $0 % 2 })
        try await running(first) {
            try await eventually("the first obeys", within: .seconds(40)) {
                try await control.progress(of: word, in: fixture.queue).obeying == ["a"]
            }
            try await running(second) {
                try await eventually("both do", within: .seconds(40)) {
                    try await control.progress(of: word, in: fixture.queue).obeying == ["a", "b"]
                }
            }
            #expect(ledger.starts.isEmpty)
            try await control.resume(fixture.queue, by: "ann")
            try await eventually("all run", within: .seconds(40)) { ledger.ends.count == 10 }
        }
    }

    private final class Count: Sendable {
        let value = Atomic(0)
    }

    @Test("what runs goes on through a rebalance of a paused queue, and is committed there")
    func runningRebalance() async throws {
        let fixture = try WorkerFixture(partitions: 2)
        let control = try QueueControl(fixture.client)
        let (ledger, gate, cancelled) = (Ledger(), Gate(), Count())
        let workers = try ["a", "b"].map { name in
            try fixture.worker {
                $0.name = name
                $0.revocationLimit = .milliseconds(100)
            } perform: { job, _ in
                try await ledger.run(job) {
                    do {
                        try await gate.pass()
                    } catch {
                        cancelled.value.add(1, ordering: .relaxed)
                        throw error
                    }
                }
            }
        }
        try await fixture.enqueue(2, partition: { $0 })
        try await running(workers[0]) {
            try await eventually("both run") { ledger.starts.count == 2 }
            let word = try #require(try await control.pause(fixture.queue, by: "ann")[0].now)
            try await eventually("it obeys") {
                try await control.progress(of: word, in: fixture.queue).obeying == ["a"]
            }
            try await running(workers[1]) {
                try await eventually("a job is cancelled whose partition is the other's now", within: .seconds(40)) {
                    cancelled.value.load(ordering: .relaxed) == 1
                }
                gate.open()
                try await eventually("the other one is committed") {
                    var committed: Int64 = 0
                    for partition in Int32(0)..<2 {
                        committed += try await fixture.committed(partition)?.offset ?? 0
                    }
                    return committed == 1
                }
                #expect(ledger.starts.count == 2)
                try await control.resume(fixture.queue, by: "ann")
                try await eventually("the first one runs again") { Set(ledger.ends).count == 2 }
            }
        }
        #expect(ledger.starts.count == 3)
    }

    @Test("a paused type starts nothing, the others go on, and limits that are written meanwhile don't let it go")
    func type() async throws {
        let fixture = try WorkerFixture()
        let control = try QueueControl(fixture.client)
        let client = try JobClient(fixture.client)
        let ledger = Ledger()
        var jobs = JobRegistry()
        for type in ["a", "b"] {
            try jobs.register(type) { (payload: Bytes, _) in try await ledger.run(Int(payload.text) ?? -1, as: type) {}
            }
        }
        func enqueue(_ job: Int) async throws {
            let new = NewJob(type: job % 2 == 0 ? "a" : "b", payload: Bytes("\(job)"))
            _ = try await client.enqueue(new, to: fixture.queue)
        }
        #expect(try await control.pause(fixture.queue, types: ["a"], by: "ann").map(\.type) == ["a"])
        let worker = Worker(queues: [fixture.queue], jobs: jobs, client: fixture.client)
        for job in 0..<10 { try await enqueue(job) }
        try await running(worker) {
            try await eventually("the other type runs", within: .seconds(40)) { ledger.ends.count == 5 }
            try await LimitDesk(fixture.client).write(LimitTable(), of: fixture.queue.name)
            try await enqueue(10)
            try await enqueue(11)
            try await eventually("and goes on") { ledger.ends.contains(11) }
            #expect(ledger.ends.allSatisfy { $0 % 2 == 1 })
            #expect(try await control.orders(of: fixture.queue).pausedTypes.map(\.type) == ["a"])
            try await control.resume(fixture.queue, types: ["a"], by: "ann")
            try await eventually("all of it runs") { ledger.ends.count == 12 }
        }
        await client.close()
    }

    @Test("there is nothing to pause where there is no such queue")
    func unknown() async throws {
        let fixture = try WorkerFixture()
        let control = try QueueControl(fixture.client)
        let other = try Queue("nobody")
        await #expect(throws: TopicError.self) { try await control.pause(other, by: "ann") }
        await #expect(throws: TopicError.self) { try await control.cancel(["x"], of: other, by: "ann") }
    }

    @Test("what a replay's workers would not obey is refused, and nothing of it is written")
    func replay() async throws {
        let fixture = try WorkerFixture()
        let control = try QueueControl(fixture.client)
        let (limits, schedules) = (try LimitDesk(fixture.client), try ScheduleDesk(fixture.client))
        let replay = try fixture.queue.replay("20261125-214400-k3f9")
        let schedule = try Schedule("nightly", type: "t", at: "@daily")
        let orders: [(name: String, give: () async throws -> Void)] = [
            ("pause", { try await control.pause(replay, by: "ann") }),
            ("pause a type", { try await control.pause(replay, types: ["t"], by: "ann") }),
            ("drain", { try await control.drain(replay, by: "ann") }),
            ("cancel", { try await control.cancel(["x"], of: replay, by: "ann") }),
            ("limits", { try await limits.write(LimitTable(), of: replay.name) }),
            ("cron", { _ = try await schedules.put(schedule, queue: replay.name, by: "ann") }),
        ]
        for order in orders {
            let error = await #expect(throws: InputError.self, "\(order.name)") { try await order.give() }
            let advice = "kokanee replay pause|resume|rate|cancel 20261125-214400-k3f9"
            #expect(error?.message.contains(advice) == true, "\(order.name): \(error?.message ?? "")")
        }
        #expect(try await fixture.records(of: Queue.controlTopic).isEmpty)
        try await limits.write(nil, of: replay.name)
    }
}
