import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("What becomes of a job that a build can't run")
struct RefusalTests {
    private static let now: Int64 = 1_750_000_000_000
    private static let ladder = Ladder.standard

    private func course(
        since: Int64? = nil,
        dueIn wait: Int64? = nil,
        reason: DeadReason = .unknownType,
        unknownTypes: RefusalPolicy = .wait(upTo: .seconds(600)),
        newerVersions: RefusalPolicy = .wait(upTo: .seconds(600))
    ) -> Refusals.Course {
        var envelope = Envelope(id: "i", type: "t")
        envelope.refusedSince = since
        envelope.dueAt = wait.map { Self.now + $0 }
        let refusals = Refusals(unknownTypes: unknownTypes, newerVersions: newerVersions)
        return refusals.course(of: envelope, reason, ladder: Self.ladder, now: Self.now)
    }

    @Test("it is a dead letter unless its kind may wait, and waits from its first refusal on")
    func policies() {
        #expect(course(unknownTypes: .deadLetter) == .bury(waited: nil))
        #expect(course(reason: .versionTooNew, newerVersions: .deadLetter) == .bury(waited: nil))
        #expect(course(reason: .versionTooNew, unknownTypes: .deadLetter) == .wait(since: Self.now))
        #expect(course(newerVersions: .deadLetter) == .wait(since: Self.now))
        #expect(course(since: Self.now - 599_999) == .wait(since: Self.now - 599_999))
        #expect(course(since: Self.now - 600_000) == .bury(waited: 600_000))
        #expect(course(since: 0) == .bury(waited: Self.now))
    }

    @Test("a time of its first refusal that lies ahead makes it wait for no longer")
    func forged() {
        #expect(course(since: .max) == .wait(since: Self.now))
        #expect(course(since: Self.now + 1) == .wait(since: Self.now))
    }

    @Test("one that is due later goes its way until then, and does not wait for a build yet")
    func delayed() {
        #expect(course(dueIn: 3_600_000) == .hold(until: Self.now + 3_600_000))
        #expect(course(dueIn: 60_000) == .hold(until: Self.now + 60_000))
        #expect(course(dueIn: 59_999) == .wait(since: Self.now), "it is due before the shortest rung is over")
        #expect(course(dueIn: -5) == .wait(since: Self.now))
        #expect(course(dueIn: 367 * 86_400_000) == .wait(since: Self.now), "a due time that was never meant")
        #expect(course(dueIn: 3_600_000, unknownTypes: .deadLetter) == .bury(waited: nil))
    }

    @Test("since when it waits travels through hops, until an attempt is made, and not through a dead letter")
    func header() {
        let place = Envelope.Origin(topic: "q", partition: 0, offset: 7)
        func scan(_ headers: [Header]) -> HeaderScan { HeaderScan(headers) }
        let first = Envelope.rungHeaders(
            copying: [Header("ce_id", "i")],
            from: place,
            attempt: 3,
            dueAt: nil,
            failure: nil,
            refusedSince: 77
        )
        #expect(scan(first).refusedSince == 77 && scan(first).attempt == 3 && scan(first).lastError == nil)
        let waiting = Envelope.rungHeaders(copying: first, from: place, attempt: 3, dueAt: 99, failure: nil)
        #expect(scan(waiting).refusedSince == 77)
        #expect(waiting.count { $0.name == "kokanee-refused-since" } == 1)
        let failure = Envelope.Failure(type: "E", message: "", at: 1)
        let failed = Envelope.rungHeaders(copying: waiting, from: place, attempt: 4, dueAt: nil, failure: failure)
        #expect(scan(failed).refusedSince == nil)
        let dead = Envelope.deadLetterHeaders(
            copying: waiting,
            from: place,
            attempt: 3,
            reason: .unknownType,
            failure: failure,
            at: 1
        )
        #expect(!dead.contains { $0.name == "kokanee-refused-since" })
        #expect(!Envelope.retryHeaders(copying: waiting, from: place).contains { $0.name == "kokanee-refused-since" })
    }

    @Test("a worker's policies wait for no time that can't be", arguments: [Duration.zero, .seconds(366 * 86_400)])
    func bounds(limit: Duration) async throws {
        let fixture = try WorkerFixture()
        var jobs = JobRegistry()
        try jobs.register("t") { _, _ in }
        let worker = fixture.worker(jobs) { $0.newerVersions = .wait(upTo: limit) }
        await #expect(throws: InputError.self) { try await worker.run() }
    }
}

@Suite("A deploy that rolls")
struct RollingDeployTests {
    private static func registry(
        _ version: Int,
        perform: @escaping @Sendable (JobContext) throws -> Void = { _ in }
    ) throws -> JobRegistry {
        var jobs = JobRegistry()
        try jobs.register("t", version: version) { (_: Bytes, context) in try perform(context) }
        return jobs
    }

    private static func wait(_ limit: Duration) -> (inout WorkerConfiguration) -> Void {
        { configuration in
            configuration.unknownTypes = .wait(upTo: limit)
            configuration.newerVersions = .wait(upTo: limit)
        }
    }

    @Test(
        "a newer version, or an unknown type, waits without a counted attempt until a build comes that can run it",
        arguments: [("t", 2), ("new", 1)]
    )
    func waits(type: String, version: Int) async throws {
        let fixture = try WorkerFixture(ladder: "500ms,1h")
        try await fixture.enqueue(type: type, version: version, count: 50)
        let ran = Atomic(0)
        let old = fixture.worker(try Self.registry(1) { _ in ran.add(1, ordering: .relaxed) }, Self.wait(.seconds(600)))
        try await running(old) {
            try await eventually("each was refused twice") { old.statistics.refused >= 100 }
        }
        #expect(ran.load(ordering: .relaxed) == 0, "an old handler has run a newer job")
        #expect(old.statistics.dead == 0 && old.statistics.failedAttempts == 0 && old.statistics.retried == 0)
        let attempts = Mutex<[Int]>([])
        var jobs = try Self.registry(2) { context in attempts.withLock { $0.append(context.attempt) } }
        try jobs.register("new") { (_: Bytes, context) in attempts.withLock { $0.append(context.attempt) } }
        let new = fixture.worker(jobs)
        try await running(new) {
            try await eventually("all have run") { new.statistics.completed == 50 }
        }
        #expect(attempts.withLock { $0 } == Array(repeating: 1, count: 50))
        #expect(try await fixture.letters().isEmpty)
    }

    @Test("it is a dead letter once the time is over, across workers, that says for how long it waited")
    func over() async throws {
        let fixture = try WorkerFixture(ladder: "300ms,1h")
        try await fixture.enqueue(type: "t", version: 3)
        let first = fixture.worker(try Self.registry(1), Self.wait(.seconds(600)))
        try await running(first) {
            try await eventually("it was refused") { first.statistics.refused >= 2 }
        }
        let waiting = try await fixture.records(of: fixture.queue.retryTopics[0])
        let times = Set(waiting.map { $0.text("kokanee-refused-since") })
        #expect(times.count == 1 && times.first != .some(nil), "the time of the first refusal is kept: \(times)")
        #expect(waiting.allSatisfy { $0.text("kokanee-attempt") == "1" && $0.text("kokanee-error") == nil })
        // The next owner has only the record to know it by, and is less patient.
        let second = fixture.worker(try Self.registry(1), Self.wait(.milliseconds(1)))
        try await running(second) {
            try await eventually("it has died") { second.statistics.dead == 1 }
        }
        #expect(second.statistics.failedAttempts == 0)
        let letter = try #require(try await fixture.letters().first)
        #expect(letter.reason == .versionTooNew && letter.attempts == 0)
        let error = try #require(letter.envelope.lastError)
        #expect(error.contains("version 3 of t is too new") && error.contains("it waited"), "\(error)")
    }

    @Test(
        "a job that waits for a build is cancelled while it waits, and does not die of it",
        arguments: [("t", 2), ("new", 1)]
    )
    func cancelled(type: String, version: Int) async throws {
        let fixture = try WorkerFixture(ladder: "300ms,1h")
        try await fixture.enqueue(type: type, version: version)
        let old = fixture.worker(try Self.registry(1), Self.wait(.seconds(600)))
        try await running(old) {
            try await eventually("it was refused") { old.statistics.refused >= 1 }
            try await QueueControl(fixture.client).cancel(["0"], of: fixture.queue, by: "ann")
            try await eventually("it is cancelled", within: .seconds(30)) { old.statistics.cancelled == 1 }
            try await eventually("nothing is left of it") { old.inFlight == 0 }
        }
        #expect(old.statistics.dead == 0)
        #expect(try await fixture.letters().isEmpty)
    }

    @Test("jobs that wait do not open the circuit; those that die for it can")
    func circuit() async throws {
        let fixture = try WorkerFixture(ladder: "300ms,1h")
        try await fixture.enqueue(type: "new", count: 300)
        var policy = CircuitPolicy()
        policy.minimumJobs = 20
        policy.pause = .seconds(600)
        let old = fixture.worker(try Self.registry(1)) { configuration in
            configuration.circuit = policy
            configuration.unknownTypes = .wait(upTo: .seconds(600))
        }
        try await running(old) {
            try await eventually("all were refused") { old.statistics.refused >= 600 }
            #expect(old.statistics.circuitOpened == 0)
        }
        let impatient = fixture.worker(try Self.registry(1)) { configuration in
            configuration.circuit = policy
            configuration.unknownTypes = .wait(upTo: .milliseconds(1))
        }
        try await running(impatient) {
            try await eventually("the circuit opens") { impatient.statistics.circuitOpened == 1 }
        }
        #expect(impatient.statistics.dead < 100)
    }

    @Test("a job that was retried keeps its attempt and its error while it waits")
    func retried() async throws {
        let fixture = try WorkerFixture(ladder: "300ms,1h")
        let headers = [
            Header("kokanee-attempt", "3"), Header("kokanee-error", "E: before"),
            Header("kokanee-first-failed-at", "1700000000000"),
        ]
        try await fixture.enqueue(type: "new", headers: headers)
        let old = fixture.worker(try Self.registry(1), Self.wait(.seconds(600)))
        try await running(old) {
            try await eventually("it was refused") { old.statistics.refused >= 2 }
        }
        let seen = Mutex<[Envelope]>([])
        var jobs = JobRegistry()
        try jobs.register("new") { (_: Bytes, context) in seen.withLock { $0.append(context.envelope) } }
        let new = fixture.worker(jobs)
        try await running(new) {
            try await eventually("it has run") { new.statistics.completed == 1 }
        }
        let envelope = try #require(seen.withLock { $0.first })
        #expect(envelope.attempt == 3 && envelope.lastError == "E: before")
        #expect(envelope.firstFailedAt == 1_700_000_000_000)
    }

    @Test("old and new workers beside each other lose none, and no old one runs a newer job")
    func besides() async throws {
        let fixture = try WorkerFixture(partitions: 4, ladder: "200ms,1h")
        for partition in 0..<Int32(4) {
            try await fixture.enqueue(type: "t", version: 1, count: 50, partition: partition)
            try await fixture.enqueue(type: "t", version: 2, count: 50, partition: partition)
        }
        let wrong = Atomic(0)
        let old = fixture.worker(
            try Self.registry(1) { if $0.version > 1 { wrong.add(1, ordering: .relaxed) } },
            Self.wait(.seconds(600))
        )
        let new = fixture.worker(try Self.registry(2), Self.wait(.seconds(600)))
        try await running(old) {
            try await eventually("the old one has refused some") { old.statistics.refused > 50 }
            try await running(new) {
                try await eventually("both have partitions") { new.statistics.completed > 0 }
                // The deploy goes on: the partitions that the old one had are the new one's.
                old.stop()
                try await eventually("all have run") { old.statistics.completed + new.statistics.completed >= 400 }
            }
        }
        #expect(wrong.load(ordering: .relaxed) == 0)
        #expect(try await fixture.letters().isEmpty)
    }

    @Test("it is said once of each type, however many such jobs there are")
    func words() async throws {
        let fixture = try WorkerFixture(ladder: "300ms,1h")
        try await fixture.enqueue(type: "new", count: 100)
        let warnings = Mutex<[String]>([])
        let logger = Logger(minimumLevel: .warning) { entry in
            if entry.message.contains("can't run the job") { warnings.withLock { $0.append(entry.fields[2].value) } }
        }
        let old = fixture.worker(try Self.registry(1), logger: logger, Self.wait(.seconds(600)))
        try await running(old) {
            try await eventually("all were refused") { old.statistics.refused >= 200 }
        }
        #expect(warnings.withLock { $0 } == ["new"])
    }
}
