import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

/// A worker that is watched closely, on an embedded broker of its own.
@Suite("The watch of a running worker")
struct WatchdogTests {
    /// All that was logged.
    final class Log: Sendable {
        private let entries = Mutex<[String]>([])

        var lines: [String] { entries.withLock { $0 } }

        func logger(_ hook: @escaping @Sendable (Logger.Entry) -> Void = { _ in }) -> Logger {
            Logger(minimumLevel: .debug) { [self] entry in
                let fields = entry.fields.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
                entries.withLock { $0.append("\(entry.level) \(entry.message) \(fields)") }
                hook(entry)
            }
        }

        func has(_ parts: String...) -> Bool {
            lines.contains { line in parts.allSatisfy(line.contains) }
        }
    }

    /// Looks often, and has little patience.
    static func closely(
        and configure: @escaping (inout WorkerConfiguration) -> Void
    ) -> (inout WorkerConfiguration) -> Void {
        { configuration in
            closely(&configuration)
            configure(&configuration)
        }
    }

    static func closely(_ configuration: inout WorkerConfiguration) {
        // With one a job that holds its partition has time left.
        configuration.attemptTimeout = nil
        configuration.watchLimits = WatchLimits(
            interval: .milliseconds(50),
            stall: .milliseconds(500),
            look: .milliseconds(50),
            silence: .milliseconds(800),
            overdue: .milliseconds(300),
            delivery: .milliseconds(500),
            wedge: .seconds(60)
        )
    }

    private static func kinds(_ worker: Worker) -> [Alert.Kind] { worker.health.alerts.map(\.kind) }

    @Test("a job that holds its partition is named in the log, in the health and in the report, until it ends")
    func stall() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(3)
        let gate = Gate()
        let log = Log()
        let worker = try fixture.worker(Self.closely, logger: log.logger()) { job, _ in
            if job == 1 { try await gate.pass() }
        }
        let reader = try StatusReader(fixture.client)
        try await running(worker) {
            try await eventually("the alert is raised") { Self.kinds(worker) == [.stalled] }
            let alert = try #require(worker.health.alerts.first)
            #expect(alert.place == "q/0/1" && alert.queue == "q")
            #expect(alert.text.contains("job q/0/1 of type default, attempt 1") && alert.text.contains("has run for"))
            #expect(worker.health.level == .degraded)
            try await eventually("it is logged") { log.has("a watermark does not move", "q/0/1") }
            try await eventually("status sees it") {
                let status = try await reader.status(of: fixture.queue)
                return status.health == .degraded && status.reports.first?.report.alerts.first?.place == "q/0/1"
            }
            gate.open()
            try await eventually("it is over") { worker.health == .ok }
            try await eventually("that is logged") { log.has("over: a watermark does not move") }
            try await eventually("status sees that, too") {
                let status = try await reader.status(of: fixture.queue)
                return status.health == .ok && status.metrics["kokanee_jobs_completed_total"] == 3
            }
            let raised = worker.metrics.snapshot().value(of: "kokanee_alerts_raised_total", .init("kind", "stalled"))
            #expect(raised == 1)
        }
        let after = try await reader.status(of: fixture.queue)
        #expect(after.reports.isEmpty && after.health == nil, "it ended in good order, and took its report back")
    }

    @Test("a group that gives the worker no partitions is told: it waits for a member, or has lost its coordinator")
    func notAssigned() async throws {
        let fixture = try WorkerFixture()
        let other = try Consumer(fixture.client, group: fixture.queue.group, wakeup: Wakeup())
        try other.subscribe([fixture.queue.mainTopic])
        try await eventually("another member has joined") {
            guard case .assigned = other.nextEvent() else { return false }
            return true
        }
        let log = Log()
        let patience: (inout WorkerConfiguration) -> Void = { $0.watchLimits.assignment = .seconds(2) }
        let worker = try fixture.worker(Self.closely(and: patience), logger: log.logger()) { _, _ in }
        // It answers no rebalance, but sends its heartbeats: the group waits for it as long as it may.
        try await running(worker) {
            try await eventually("the alert is raised") { Self.kinds(worker) == [.notAssigned] }
            try await eventually("it is logged") {
                log.has("the group gives this worker no partitions", "queue=q", "kokanee status q")
            }
            try await eventually("the group goes on without the other one") { worker.health == .ok }
            try await eventually("that is logged") { log.has("over: the group gives this worker no partitions") }
            other.startClosing()
            try fixture.broker.setBrokerDown(1)
            try await eventually("without a coordinator its share is lost") {
                Self.kinds(worker).contains(.notAssigned)
            }
            try fixture.broker.setBrokerUp(1)
            try await eventually("it has a share again") { !Self.kinds(worker).contains(.notAssigned) }
        }
    }

    @Test(
        "a job that has time left, or says that it goes on, raises no alert, and status says since when it runs",
        arguments: ["timeout", "extension", "progress"]
    )
    func inTime(sign: String) async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(2)
        let gate = Gate()
        let configure = Self.closely { configuration in
            if sign == "timeout" { configuration.attemptTimeout = .seconds(600) }
        }
        let worker = try fixture.worker(configure) { job, context in
            guard job == 0 else { return }
            if sign == "extension" { context.extend(by: .seconds(600)) }
            if sign == "progress" { context.progress(0.5) }
            try await gate.pass()
        }
        let reader = try StatusReader(fixture.client)
        try await running(worker) {
            try await eventually("status sees that it runs") {
                let status = try await reader.status(of: fixture.queue, stalledAfter: .seconds(1))
                guard let running = status.running.first else { return false }
                #expect(running.job.offset == 0 && running.behind == nil && running.since > 0)
                #expect(status.stalls.isEmpty && status.health == .ok)
                return true
            }
            #expect(worker.health == .ok)
            #expect(worker.metrics.snapshot().value(of: "kokanee_alerts_raised_total", .init("kind", "stalled")) == 0)
            gate.open()
        }
    }

    @Test("a job that a limit holds back raises no alert, and status says that a limit holds it")
    func limited() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(1)
        // A worker begins with none of its rate saved up.
        let table = try LimitTable([JobLimit(rate: Rate(text: "1/h"), burst: 1)])
        let worker = try fixture.worker(Self.closely { $0.limits = ["q": table] }) { _, _ in }
        let reader = try StatusReader(fixture.client)
        try await running(worker) {
            try await eventually("status sees what holds it") {
                let status = try await reader.status(of: fixture.queue, stalledAfter: .seconds(1))
                guard let limited = status.limited.first else { return false }
                #expect(limited.job.offset == 0 && status.limited.count == 1)
                #expect(status.stalls.isEmpty && status.running.isEmpty && status.health == .ok)
                return true
            }
            #expect(worker.health == .ok)
        }
    }

    @Test("a job that waits in its lane is told with the one that it waits for")
    func lane() async throws {
        let fixture = try WorkerFixture(ladder: "1s")
        let gate = Gate()
        let ledger = Ledger()
        let configure = Self.closely { configuration in
            configuration.concurrency = 4
        }
        let worker = try fixture.worker(configure) { job, context in
            // The first goes up the ladder; its second attempt, on the rung, takes the lane and keeps it.
            if job == 0, context.attempt == 1 { throw JobError.retry("once") }
            try await ledger.run(job) { if job == 0 { try await gate.pass() } }
        }
        try await running(worker) {
            try await fixture.enqueue(1) { _ in "k" }
            try await eventually("the second attempt runs") { ledger.starts == [0] }
            let producer = try Producer(fixture.client)
            _ = try await producer.send(ProducerRecord(topic: "q", partition: 0, key: "k", value: "1"))
            await producer.close()
            try await eventually("the job behind it is told") {
                worker.health.alerts.contains { $0.place == "q/0/1" && $0.text.contains("waits in its lane behind") }
            }
            gate.open()
            try await eventually("it is over") { worker.health == .ok }
        }
    }

    @Test("attempts that ignore their cancellation are counted, and told for as long as they run")
    func ignoredCancellation() async throws {
        let fixture = try WorkerFixture(ladder: "1h")
        try await fixture.enqueue(2)
        let gate = Gate()
        let configure = Self.closely { configuration in
            configuration.attemptTimeout = .milliseconds(200)
            configuration.cancellationGrace = .milliseconds(100)
        }
        let worker = try fixture.worker(configure) { job, _ in
            if job == 0 { await gate.passStubbornly() }
        }
        try await running(worker) {
            try await eventually("it is told") { Self.kinds(worker) == [.ignoredCancellation] }
            let metrics = worker.metrics.snapshot()
            #expect(metrics.value(of: "kokanee_attempts_stuck_total") == 1)
            #expect(metrics.value(of: "kokanee_attempts_abandoned") == 1)
            gate.open()
            try await eventually("it is over") { worker.health == .ok }
            #expect(worker.metrics.snapshot().value(of: "kokanee_attempts_abandoned") == 0)
            #expect(worker.metrics.snapshot().value(of: "kokanee_attempts_stuck_total") == 1)
        }
    }

    @Test("a rung's due job for which there is no room is told")
    func overdue() async throws {
        let fixture = try WorkerFixture(ladder: "1s")
        let gate = Gate()
        let configure = Self.closely { configuration in
            configuration.maximumInFlightBytes = 1
        }
        let worker = try fixture.worker(configure) { job, context in
            if job == 0, context.attempt == 1 { throw JobError.retry("once") }
            if job == 1 { try await gate.pass() }
        }
        try await running(worker) {
            try await fixture.enqueue(1)
            try await eventually("it waits on the rung") { worker.statistics.retried == 1 }
            let producer = try Producer(fixture.client)
            _ = try await producer.send(ProducerRecord(topic: "q", partition: 0, value: "1"))
            await producer.close()
            try await eventually("it is told") {
                let alert = worker.health.alerts.first { $0.kind == .overdue }
                return alert?.place == "q.retry.1s/0/0" && alert?.text.contains("bytes of jobs are in flight") == true
            }
            gate.open()
            try await eventually("it is over") { worker.health == .ok }
        }
    }

    @Test("a cluster that takes nothing makes the worker degraded, and no more, until it does again")
    func notDelivering() async throws {
        let fixture = try WorkerFixture()
        let log = Log()
        let configure = Self.closely { configuration in
            // Far below how long the cluster is away: it must make no difference.
            configuration.watchLimits.wedge = .seconds(2)
            configuration.wedgeAction = .fail
        }
        let gate = Gate()
        let worker = try fixture.worker(configure, logger: log.logger()) { _, _ in
            try await gate.pass()
            throw JobError.deadLetter("never")
        }
        try await running(worker) {
            try await eventually("the worker is there") { log.has("partitions assigned") }
            try await fixture.enqueue(1)
            fixture.broker.failNext(.produce, with: Array(repeating: .notLeader, count: 100_000))
            gate.open()
            try await eventually("it is told") { Self.kinds(worker).contains(.notDelivering) }
            let alert = try #require(worker.health.alerts.first { $0.kind == .notDelivering })
            #expect(alert.level == .degraded)
            try await eventually("and told for longer than a wedge may last") {
                worker.health.alerts.contains { $0.kind == .notDelivering && Timestamp.now - $0.since > 3000 }
            }
            fixture.broker.stopFailing(.produce)
            try await eventually("it is over") { worker.health == .ok }
            #expect(worker.statistics.dead == 1)
        }
    }

    @Test("reports that the cluster refuses are told of once, and cost nothing else")
    func refusedReports() async throws {
        let fixture = try WorkerFixture()
        let log = Log()
        let worker = try fixture.worker(Self.closely, logger: log.logger()) { _, _ in }
        fixture.broker.failNext(.produce, with: Array(repeating: .topicAuthorizationFailed, count: 10))
        try await running(worker) {
            try await eventually("it is told") { log.has("a report for status was refused") }
            fixture.broker.stopFailing(.produce)
            try await fixture.enqueue(10)
            try await eventually("all is worked") { try await fixture.committed()?.offset == 10 }
            #expect(worker.health == .ok)
        }
        #expect(log.lines.count { $0.contains("a report for status was refused") } == 1)
    }

    @Test("an open circuit is seen in the health and in status, and gives no other alarm")
    func circuit() async throws {
        let fixture = try WorkerFixture()
        let configure = Self.closely { configuration in
            var policy = CircuitPolicy()
            policy.minimumJobs = 5
            policy.pause = .seconds(60)
            configuration.circuit = policy
            configuration.concurrency = 1
        }
        let worker = try fixture.worker(configure) { _, _ in throw JobError.deadLetter("never") }
        let reader = try StatusReader(fixture.client)
        try await running(worker) {
            try await fixture.enqueue(50)
            try await eventually("the circuit opens") { Self.kinds(worker) == [.circuit] }
            try await eventually("status sees it") { try await reader.status(of: fixture.queue).circuit == .open }
            let status = try await reader.status(of: fixture.queue)
            #expect(status.reports.first?.report.alerts.map(\.kind) == [.circuit])
            #expect(status.metrics["kokanee_circuit_opened_total"] == 1)
        }
    }
}
