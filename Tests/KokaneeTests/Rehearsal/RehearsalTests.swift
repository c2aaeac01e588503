import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("A rehearsal", .timeLimit(.minutes(2)))
struct RehearsalTests {
    private struct Broken: Error, CustomStringConvertible {
        let description: String
    }

    private struct Order: Decodable {
        var number: Int
    }

    /// Numbers from 0 up as jobs of one type.
    private func numbers(_ count: Int, type: String = "order", key: (Int) -> String? = { _ in nil }) -> [(
        type: String, payload: String, key: String?
    )] {
        (0..<count).map { (type, "{\"number\":\($0)}", key($0)) }
    }

    private func registry(_ perform: @escaping @Sendable (Int, JobContext) async throws -> Void) throws -> JobRegistry {
        var jobs = JobRegistry()
        try jobs.register("order", payload: Order.self) { order, context in try await perform(order.number, context) }
        return jobs
    }

    @Test("each job runs once, and finds exactly which were mended and which were fine and now fail")
    func outcomes() async throws {
        var stage = try RehearsalFixture(partitions: 3)
        try await stage.enqueue(numbers(300))
        let seen = Ledger()
        let jobs = try registry { number, context in
            #expect(context.isRehearsal)
            #expect(context.replay == "20261125-214400-k3f9")
            #expect(context.queue == "q")
            try await seen.run(number) {
                if number % 10 == 0 { throw Broken(description: "order \(number) has no price") }
                if number % 50 == 7 { throw JobError.deadLetter("order \(number) is void") }
                if number % 50 == 8 { throw JobError.discard("old") }
            }
        }
        // A number's place: its partition is the remainder, its offset the quotient.
        let report = try await stage.rehearsal(
            of: jobs,
            before: { partition, offset in
                let number = Int(offset) * 3 + Int(partition)
                return number < 100 ? .completed : number < 200 ? .failed : .unknown
            }
        ).run()
        #expect(seen.starts.sorted() == Array(0..<300))
        #expect(report.isComplete)
        #expect([report.scanned, report.matched, report.rehearsed] == [300, 300, 300])
        for before in Rehearsal.Before.allCases {
            let outcomes = report.outcomes(before)
            #expect([outcomes.succeeded, outcomes.discarded, outcomes.failed, outcomes.refused] == [86, 2, 12, 0])
        }
        #expect([report.regressions, report.mended, report.stillFailing] == [12, 88, 12])
        #expect(report.hasRegressions)
        #expect(
            report.errors.map { "\($0.before) \($0.reason ?? "-") \($0.count) \($0.pattern)" } == [
                "completed - 10 Broken: order # has no price", "completed rejected 2 JobError: order # is void",
                "failed - 10 Broken: order # has no price", "failed rejected 2 JobError: order # is void",
                "unknown - 10 Broken: order # has no price", "unknown rejected 2 JobError: order # is void",
            ]
        )
        let example = try #require(report.errors[0].examples.first)
        #expect([example.id, example.type, example.place] == ["job-0", "order", "q/0/0"])
        #expect(example.message == "Broken: order 0 has no price")
        #expect(report.notes.isEmpty)
        #expect(report.durations.map { $0.median <= $0.p99 && $0.p99 <= $0.longest } == true)
    }

    @Test(
        "what nothing here can run is refused with its reason, what is over is expired, and neither reaches a handler"
    )
    func refused() async throws {
        var stage = try RehearsalFixture()
        var jobs = numbers(1) + numbers(1, type: "unheard")
        jobs.append(("order", "{\"number\":\"seven\"}", nil))
        try await stage.enqueue(jobs)
        let producer = try Producer(stage.fixture.client)
        let event = [Header("ce_specversion", "1.0"), Header("ce_id", "x"), Header("ce_source", "/t")]
        let order = event + [Header("ce_type", "order")]
        for headers in [
            event, order + [Header("ce_dataschemaversion", "2")], order + [Header("kokanee-expires-at", "1000")],
            order + [Header("kokanee-due-at", Bytes("\(Timestamp.now + 3_600_000)"))],
        ] {
            let record = ProducerRecord(topic: "q", partition: 0, value: "{\"number\":1}", headers: headers)
            for result in await producer.send([record]) { _ = try result.get() }
        }
        await producer.close()
        stage.plan.partitions[0].to = 7
        let seen = Ledger()
        let report = try await stage.rehearsal(
            of: try registry { number, _ in try await seen.run(number) {} },
            before: { _, _ in .completed }
        ).run()
        #expect(seen.starts.sorted() == [0, 1])
        let outcomes = report.completedBefore
        #expect([outcomes.succeeded, outcomes.failed, outcomes.refused, outcomes.expired] == [2, 0, 4, 1])
        #expect(report.regressions == 4)
        #expect(
            Set(report.errors.compactMap(\.reason)) == ["unknown-type", "undecodable", "version-too-new"]
        )
    }

    @Test("effects are noted and never made, and it is told which would be made a second time")
    func effects() async throws {
        var stage = try RehearsalFixture()
        try await stage.enqueue(numbers(40))
        let sent = Ledger()
        let jobs = try registry { number, context in
            try await context.effects.perform("email.send", detail: "to \(number)") { try await sent.run(number) {} }
            let receipt = try await context.effects.perform("pay", rehearsed: -1) {
                try await sent.run(number) {}
                return number
            }
            #expect(receipt == -1)
            if number % 4 == 0 { await context.effects.perform("email.send", detail: "copy") {} }
        }
        let report = try await stage.rehearsal(of: jobs, before: { _, offset in offset < 10 ? .completed : .failed })
            .run()
        #expect(sent.starts.isEmpty)
        #expect(
            report.effects.map { "\($0.name) \($0.count) \($0.repeated) \($0.jobs)" }
                == ["email.send 50 13 40", "pay 40 10 40"]
        )
        #expect(report.effects[0].examples.map(\.message) == (0..<5).map { "to \($0)" })
        #expect(report.effects[1].examples.map(\.id) == (0..<5).map { "job-\($0)" })
    }

    @Test("handler processes rehearse, too: they are told so, and their effects are in the report")
    func processes() async throws {
        var stage = try RehearsalFixture()
        try await stage.enqueue(numbers(30))
        stage.configuration.concurrency = 2
        let scripts = try ScriptDirectory()
        let command = try scripts.python(
            ProcessTest.prelude + """
                for job in jobs():
                    n = job["data"]["number"]
                    if not job.get("rehearsal"):
                        open("\(scripts.path("sent"))", "a").write("%d\\n" % n)
                    say(id=job["id"], effect=dict(name="email.send", detail="to %d" % n))
                    if n % 10 == 3:
                        say(id=job["id"], ok=False, error="no address for %d" % n)
                    else:
                        say(id=job["id"], ok=True)
                """
        )
        let pool = try ProcessPool(command: command, count: 2, logger: .disabled)
        var jobs = JobRegistry()
        jobs.registerCatchAll(pool)
        let report = try await stage.rehearsal(of: jobs, before: { _, offset in offset < 20 ? .completed : .failed })
            .run()
        await pool.close(within: .seconds(5))
        #expect([report.rehearsed, report.regressions, report.mended, report.stillFailing] == [30, 2, 9, 1])
        #expect(report.errors.map(\.pattern) == Array(repeating: "JobError: no address for #", count: 2))
        #expect(report.effects.map { "\($0.name) \($0.count) \($0.repeated)" } == ["email.send 30 20"])
        #expect(scripts.contents("sent") == nil)
    }

    @Test("only what is selected is run, in the order of the log where the key is the same")
    func selection() async throws {
        var stage = try RehearsalFixture(partitions: 2)
        try await stage.enqueue(numbers(200) { $0 % 2 == 0 ? "k" : nil })
        let ledger = Ledger()
        let jobs = try registry { number, context in
            let name = context.key?.text ?? "none"
            try await ledger.run(number, as: name) { await Task.yield() }
        }
        let report = try await stage.rehearsal(of: jobs) { $0.offset % 2 == 0 }.run()
        #expect([report.scanned, report.matched, report.rehearsed] == [200, 100, 100])
        #expect(ledger.mostBeside("k") == 1)
        #expect(ledger.starts.filter { $0 % 2 == 0 } == stride(from: 0, to: 200, by: 4).map(\.self))
    }

    @Test("a sample has the number asked for and is the same each time; all are counted")
    func sample() async throws {
        var stage = try RehearsalFixture(partitions: 2)
        try await stage.enqueue(numbers(400))
        stage.configuration.sample = 50
        func once() async throws -> ([Int], RehearsalReport) {
            let ledger = Ledger()
            let jobs = try registry { number, _ in try await ledger.run(number) {} }
            let report = try await stage.rehearsal(of: jobs) { $0.offset % 2 == 0 }.run()
            return (ledger.starts.sorted(), report)
        }
        let (first, report) = try await once()
        #expect(first.count == 50)
        #expect([report.scanned, report.matched, report.rehearsed] == [400, 200, 50])
        #expect(report.notes.isEmpty)
        #expect(try await once().0 == first)
        stage.configuration.sample = 1000
        #expect(try await once().0.count == 200)
    }

    @Test("what the replay would pass over is not rehearsed, nor counted")
    func omitted() async throws {
        let stage = try await ReplayStage.withLateAttempt()
        try await stage.delay(until: Timestamp.now + 3_600_000)
        var plan = try RehearsalFixture().plan
        plan.partitions = [.init(partition: 0, from: 0, to: 5)]
        plan.at = Timestamp.now
        let seen = Ledger()
        var jobs = JobRegistry()
        try jobs.register("default") { (payload: Bytes, _) in try await seen.run(Int(payload.text) ?? -1) {} }
        let report = try await Rehearsal(
            of: ReplayPlanner.Planned(plan: plan),
            queue: stage.fixture.queue,
            jobs: jobs,
            client: stage.fixture.client
        ).run()
        #expect(seen.starts.sorted() == [0, 1, 2])
        #expect([report.scanned, report.matched, report.rehearsed] == [5, 3, 3])
    }

    @Test("progress is told, and ends with all that was done")
    func progress() async throws {
        var stage = try RehearsalFixture()
        try await stage.enqueue(numbers(30))
        let last = Mutex<Rehearsal.Progress?>(nil)
        _ = try await stage.rehearsal(of: try registry { _, _ in }).run { progress in last.withLock { $0 = progress } }
        let end = try #require(last.withLock { $0 })
        #expect(end == Rehearsal.Progress(isSampling: false, scanned: 30, records: 30, done: 30, total: 30))
    }

    @Test("the reader waits for slow handlers: no more is at hand than the bound, however long the range")
    func backPressure() async throws {
        var stage = try RehearsalFixture()
        try await stage.enqueue(numbers(1000))
        stage.configuration.concurrency = 1
        let gate = Gate()
        let asked = Mutex(0)
        let ended = Mutex(0)
        let most = Mutex(0)
        let jobs = try registry { _, _ in
            try await gate.pass()
            ended.withLock { $0 += 1 }
        }
        let rehearsal = stage.rehearsal(of: jobs) { _ in
            let atHand =
                asked.withLock { asked in
                    asked += 1
                    return asked
                } - ended.withLock { $0 }
            most.withLock { $0 = max($0, atHand) }
            return true
        }
        async let report = rehearsal.run()
        try await eventually("the bound is reached") { asked.withLock { $0 } >= 256 }
        gate.open()
        #expect(try await report.rehearsed == 1000)
        #expect(most.withLock { $0 } == 256)
    }

    @Test("an attempt that overruns its time fails; one that ignores that is given up, and holds up nobody")
    func timeout() async throws {
        var stage = try RehearsalFixture()
        try await stage.enqueue(numbers(20))
        stage.configuration.concurrency = 2
        stage.configuration.attemptTimeout = .milliseconds(100)
        stage.configuration.cancellationGrace = .milliseconds(100)
        let gate = Gate()
        defer { gate.open() }
        let jobs = try registry { number, _ in
            if number == 3 { try await gate.pass() }
            if number == 5 { await gate.passStubbornly() }
        }
        let report = try await stage.rehearsal(of: jobs).run()
        #expect(report.nowFine == 18)
        #expect(
            Set(report.errors.map(\.pattern)) == [
                "Timeout: the attempt ran over #", "Timeout: the attempt ran over #, and ignored its cancellation",
            ]
        )
    }

    @Test("cancelled, it ends its attempts and says what it has found out, and that this is not all")
    func cancelled() async throws {
        var stage = try RehearsalFixture()
        try await stage.enqueue(numbers(1000))
        stage.configuration.concurrency = 4
        stage.configuration.cancellationGrace = .milliseconds(50)
        let gate = Gate()
        defer { gate.open() }
        let ledger = Ledger()
        let jobs = try registry { number, _ in
            try await ledger.run(number) {
                if number == 13 { return await gate.passStubbornly() }
                if number >= 10 { try await gate.pass() }
            }
        }
        let rehearsal = stage.rehearsal(of: jobs)
        let task = Task { try await rehearsal.run() }
        try await eventually("ten have run, and four run") { ledger.starts.count == 14 && ledger.ends.count == 10 }
        task.cancel()
        let report = try await task.value
        #expect(!report.isComplete)
        #expect([report.rehearsed, report.nowFine, report.nowBad] == [10, 10, 0])
        #expect(report.notes.count == 1)
        #expect(ledger.starts.count == 14)
    }

    @Test("cancelled before it begins, it runs nothing")
    func cancelledAtOnce() async throws {
        var stage = try RehearsalFixture()
        try await stage.enqueue(numbers(10))
        let ledger = Ledger()
        let rehearsal = stage.rehearsal(of: try registry { number, _ in try await ledger.run(number) {} })
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await rehearsal.run()
        }
        #expect(try await task.value.rehearsed == 0)
        #expect(ledger.starts.isEmpty)
    }

    @Test("what the plan's range does not hold any more is told")
    func missing() async throws {
        var stage = try RehearsalFixture()
        try await stage.enqueue(numbers(10))
        stage.plan.partitions[0].to = 15
        stage.plan.notes = ["a note of the plan's"]
        let report = try await stage.rehearsal(of: try registry { _, _ in }).run()
        #expect(report.rehearsed == 10)
        #expect(report.notes.count == 2)
        #expect(report.notes[1].hasPrefix("Partition 0 was read up to offset 10 of 15"))
    }

    @Test("what can't be read is an error, and ends it")
    func unreadable() async throws {
        var stage = try RehearsalFixture()
        try await stage.enqueue(numbers(10))
        stage.plan.partitions.append(ReplayPlan.Partition(partition: 9, from: 0, to: 10))
        stage.configuration.stallTimeout = .seconds(2)
        let rehearsal = stage.rehearsal(of: try registry { _, _ in })
        await #expect(throws: KafkaError.self) { try await rehearsal.run() }
    }
}
