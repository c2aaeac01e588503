import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("Hooks", .timeLimit(.minutes(2)))
struct JobHooksTests {
    private struct Broken: Error {}

    /// Jobs whose ids say what becomes of them.
    private func jobs() throws -> JobRegistry {
        var jobs = JobRegistry()
        try jobs.register("t") { _, context in
            switch context.id {
            case "flaky" where context.attempt == 1, "hopeless": throw JobError.retry("no luck")
            case "dead": throw JobError.deadLetter("never")
            case "gone": throw JobError.discard("not needed")
            default: return
            }
        }
        return jobs
    }

    @Test("each fate of a job is told once, in its order, also that of a job that nothing here can read or run")
    func fates() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue([("t", "fine"), ("t", "flaky"), ("t", "hopeless"), ("t", "dead"), ("t", "gone")])
        try await fixture.enqueue([("strange", "unknown")])
        try await fixture.enqueue([("t", "late")], headers: [Header("kokanee-expires-at", "1")])
        let producer = try Producer(ClientConfiguration(bootstrapServers: fixture.broker.bootstrapServers))
        let broken = [Header("ce_specversion", "1.0")]
        _ = try await producer.send(ProducerRecord(topic: "q", partition: 0, value: "?", headers: broken))
        await producer.close()
        let told = Told()
        let worker = fixture.worker(try jobs(), set(\.hooks, [told]))
        try await running(worker) {
            try await eventually("all are finished") {
                let count = worker.statistics
                return count.completed == 2 && count.dead == 4 && count.discarded == 2
            }
        }
        func calls(_ id: String) -> [String] {
            told.all.filter { $0.hasPrefix("\(id) ") }.map { String($0.dropFirst(id.count + 1)) }
        }
        #expect(calls("fine") == ["before", "after completed"])
        let retry = ["before", "after retried", "retry 2 in 1s JobError: no luck"]
        #expect(calls("flaky") == retry + ["before", "after completed"])
        #expect(calls("hopeless") == retry + ["before", "after dead", "dead attempts-exhausted"])
        #expect(calls("dead") == ["before", "after dead", "dead rejected"])
        #expect(calls("gone") == ["before", "after discarded", "discard not needed"])
        #expect(calls("unknown") == ["dead unknown-type"])
        #expect(calls("late").count == 1 && calls("late").allSatisfy { $0.hasPrefix("discard it was not to start") })
        #expect(calls("q/0/7") == ["dead undecodable"])
    }

    @Test("hooks that throw break no job and no other hook, and are counted and logged")
    func throwing() async throws {
        let fixture = try WorkerFixture()
        let ids = (0..<20).map { "\($0)" } + ["flaky", "dead", "gone"]
        try await fixture.enqueue(ids.map { ("t", $0) })
        let (bad, good) = (Told { _ in throw Broken() }, Told())
        let log = LogCollector()
        let worker = fixture.worker(try jobs(), logger: log.logger, set(\.hooks, [bad, good]))
        try await running(worker) {
            try await eventually("all are finished, as if there were no hooks") {
                let count = worker.statistics
                return count.completed == 21 && count.retried == 1 && count.dead == 1 && count.discarded == 1
            }
            try await eventually("all is committed") { try await fixture.committed()?.offset == 23 }
        }
        #expect(good.all.sorted() == bad.all.sorted())
        #expect(good.count("7 after completed") == 1)
        #expect(worker.metrics.snapshot().value(of: "kokanee_hooks_failed_total") == Int64(bad.all.count))
        #expect(log.contains("hook=Told call=onDead queue=q job=dead error=Broken()"), "\(log.lines)")
    }

    @Test("a hook that is told of a dead letter, or of a retry, finds it in its topic")
    func written() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue([("t", "flaky"), ("t", "dead")])
        let found = Mutex<[String: [String]]>([:])
        let told = Told { call in
            let topic = call.contains(" dead ") ? fixture.queue.deadLetterTopic : fixture.queue.retryTopics[0]
            guard call.contains(" dead ") || call.contains(" retry ") else { return }
            let ids = try await fixture.records(of: topic).compactMap { $0.value?.text }
            found.withLock { $0[call.contains(" dead ") ? "dead" : "retry"] = ids }
        }
        let worker = fixture.worker(try jobs(), set(\.hooks, [told]))
        try await running(worker) {
            try await eventually("both were looked for") { found.withLock { $0.count } == 2 }
        }
        #expect(found.withLock { $0 } == ["dead": ["dead"], "retry": ["flaky"]])
    }

    @Test("a job that its rung does not take is told of as the dead letter that it becomes")
    func tooLarge() async throws {
        let fixture = try WorkerFixture()
        let headers = (0..<30).map { Header("x\($0)", Bytes([UInt8](repeating: 0x78, count: 990))) }
        try await fixture.enqueue([("t", "flaky")], headers: headers)
        let told = Told()
        var configuration = WorkerConfiguration()
        configuration.hooks = [told]
        var narrow = fixture.client
        narrow.properties["message.max.bytes"] = "20000"
        let worker = Worker(queues: [fixture.queue], jobs: try jobs(), configuration: configuration, client: narrow)
        try await running(worker) {
            try await eventually("it is told of") { told.count("flaky dead too-large") == 1 }
        }
        #expect(told.all == ["flaky before", "flaky after dead", "flaky dead too-large"])
    }

    @Test("jobs wait for hooks only when a thousand calls are to be made, and then all are made once")
    func slow() async throws {
        let fixture = try WorkerFixture()
        let count = 3000
        let producer = try Producer(fixture.client)
        let records = (0..<count).map { ProducerRecord(topic: "q", partition: 0, value: Bytes("\($0)")) }
        for result in await producer.send(records) { _ = try result.get() }
        await producer.close()
        let gate = Gate()
        let told = Told { call in
            if call.hasSuffix("after completed") { try await gate.pass() }
        }
        let worker = try fixture.worker(set(\.hooks, [told])) { _, _ in }
        try await running(worker) {
            try await eventually("a thousand have gone on without them") { worker.statistics.completed >= 1000 }
            #expect(worker.statistics.completed < 2000)
            gate.open()
            try await eventually("then all are completed") { worker.statistics.completed == count }
            try await eventually("and told of") { told.all.count == 2 * count }
        }
        #expect(Set(told.all).count == 2 * count)
    }

    @Test("a call that never ends is left behind, and the others are made")
    func stuck() async throws {
        let fixture = try WorkerFixture()
        let metrics = MetricsRegistry()
        let gate = Gate()
        defer { gate.open() }
        let (stuck, other) = (Told { if $0.hasPrefix("0 ") { await gate.passStubbornly() } }, Told())
        let log = LogCollector()
        let desk = HookDesk([stuck, other], metrics: metrics, logger: log.logger, limit: .milliseconds(20))
        try await fixture.enqueue((0..<3).map { ("default", "\($0)") })
        var jobs = JobRegistry()
        try jobs.register("default") { _, _ in }
        let runtime = try fixture.runtime(jobs)
        for record in try await fixture.records(of: "q") {
            desk.tell(HookEvent(Intake.decide(record, runtime, now: 0).content, .completed, took: .seconds(1)))
        }
        try await eventually("all others are told") {
            desk.tick(now: .now)
            return other.all.count == 3 && stuck.all.count == 3
        }
        await desk.close(within: .seconds(5))
        #expect(other.all == ["0 after completed", "1 after completed", "2 after completed"])
        #expect(metrics.snapshot().value(of: "kokanee_hooks_failed_total") == 1)
        #expect(log.contains("it took longer than 20ms and is left behind"))
    }

    @Test("a call that takes too long takes no other one of its hook with it")
    func slowAfter() async throws {
        let fixture = try WorkerFixture()
        let metrics = MetricsRegistry()
        let found = Mutex<[String]>([])
        let hook = Told { call in
            // Its task is cancelled.
            if call.contains("after") { try await Task.sleep(for: .seconds(60)) }
            found.withLock { $0.append("\(call), cancelled: \(Task.isCancelled)") }
        }
        let log = LogCollector()
        let desk = HookDesk([hook], metrics: metrics, logger: log.logger, limit: .milliseconds(20))
        try await fixture.enqueue([("default", "0")])
        let runtime = try fixture.runtime(JobRegistry())
        let record = try #require(try await fixture.records(of: "q").first)
        let content = Intake.decide(record, runtime, now: 0).content
        desk.tell(HookEvent(content, .dead(.unknownType, nil), took: .seconds(1)))
        try await eventually("all is told") {
            desk.tick(now: .now)
            return !found.withLock { $0.isEmpty }
        }
        await desk.close(within: .seconds(5))
        #expect(hook.all == ["0 after dead", "0 dead \(DeadReason.unknownType)"])
        #expect(found.withLock { $0 } == ["0 dead \(DeadReason.unknownType), cancelled: false"])
        #expect(metrics.snapshot().value(of: "kokanee_hooks_failed_total") == 1)
    }

    @Test("what is settled before a worker ends is told before it ends")
    func ending() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(200)
        let told = Told { _ in try await Task.sleep(for: .milliseconds(1)) }
        let worker = try fixture.worker(set(\.hooks, [told])) { _, _ in }
        try await running(worker) {
            try await eventually("all are completed") { worker.statistics.completed == 200 }
        }
        #expect(told.all.count { $0.hasSuffix("after completed") } == 200)
    }

    @Test("over a rebalance each job's completion is told once, and an attempt that was taken away has no fate")
    func rebalance() async throws {
        let fixture = try WorkerFixture(partitions: 4)
        try await fixture.enqueue(4, key: { "k\($0)" }, partition: { $0 })
        let gate = Gate()
        let (first, second) = (Told(), Told())
        let starts = Mutex(0)
        func worker(_ told: Told) throws -> Worker {
            func configure(_ configuration: inout WorkerConfiguration) {
                configuration.hooks = [told]
                configuration.revocationLimit = .milliseconds(100)
            }
            return try fixture.worker(configure) { _, _ in
                starts.withLock { $0 += 1 }
                // What is taken away completes all the same, too late.
                await gate.passStubbornly()
            }
        }
        let (one, two) = (try worker(first), try worker(second))
        try await withThrowingTaskGroup { group in
            group.addTask { try await one.run() }
            try await eventually("all four jobs run") { starts.withLock { $0 } == 4 }
            group.addTask { try await two.run() }
            try await eventually("the second worker runs what moved to it", within: .seconds(30)) {
                !second.all.isEmpty
            }
            gate.open()
            try await eventually("every attempt has ended") {
                one.statistics.completed + two.statistics.completed == 4 && one.inFlight + two.inFlight == 0
            }
            one.stop()
            two.stop()
            try await group.waitForAll()
        }
        #expect(one.statistics.fenced > 0)
        let fates = (first.all + second.all).filter { !$0.hasSuffix("before") }
        #expect(fates.sorted() == (0..<4).map { "q/\($0)/0 after completed" })
        #expect(second.all.contains { $0.hasSuffix("before") })
        #expect(first.all.count { $0.hasSuffix("before") } == 4)
    }
}
