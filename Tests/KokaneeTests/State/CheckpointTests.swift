import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("Checkpoints")
struct CheckpointTests {
    private struct Page: Codable, Equatable {
        var number: Int
    }

    @Test("the next attempt gets what the last one kept, and once the job is done nothing is kept")
    func nextAttempt() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue([fixture.job(0)])
        let found = Mutex<[Page?]>([])
        let worker = try fixture.worker(set(\.stopsWhenIdle, true)) { _, context in
            let last = try await context.lastCheckpoint(as: Page.self)
            found.withLock { $0.append(last) }
            guard context.attempt < 3 else { return }
            try await context.checkpoint(Page(number: context.attempt * 10))
            try await context.checkpoint(Page(number: context.attempt * 10 + 1))
            #expect(try await context.lastCheckpoint(as: Page.self) == Page(number: context.attempt * 10 + 1))
            throw JobError.retry(after: .milliseconds(1), "once more")
        }
        try await worker.run()
        // The standard ladder of the fixture has two attempts.
        #expect(found.withLock { $0 } == [nil, Page(number: 11)])
    }

    @Test("what an attempt keeps that is cancelled is the next one's, though nobody waited for it")
    func cancelled() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue([fixture.job(0)])
        let found = Mutex<[Page?]>([])
        let configure: (inout WorkerConfiguration) -> Void = {
            $0.stopsWhenIdle = true
            $0.attemptTimeout = .milliseconds(200)
        }
        let worker = try fixture.worker(configure) { _, context in
            let last = try await context.lastCheckpoint(as: Page.self)
            found.withLock { $0.append(last) }
            guard context.attempt == 1 else { return }
            try? await Task.sleep(for: .seconds(60))
            try await context.checkpoint(Page(number: 5))
        }
        try await worker.run()
        #expect(found.withLock { $0 } == [nil, Page(number: 5)])
    }

    @Test("what is kept stands in the topic when the call returns, and is taken away when the job is done")
    func durable() async throws {
        let fixture = try WorkerFixture()
        var job = fixture.job(0)
        job.id = "the/job"
        try await fixture.enqueue([job])
        let gate = Gate()
        let isKept = Mutex(false)
        let worker = try fixture.worker(set(\.stopsWhenIdle, true)) { _, context in
            try await context.checkpoint(Bytes("[1,2]"))
            isKept.withLock { $0 = true }
            try await gate.pass()
        }
        try await running(worker) {
            try await eventually("it is kept") { isKept.withLock { $0 } }
            let value = try #require(try await fixture.state("job/")["job/the/job"] ?? nil)
            let record = try #require(JobRecord(value: value))
            #expect(record.checkpoint?.bytes == "[1,2]" && record.attempt == 1 && record.expiresAt != nil)
            gate.open()
            try await eventually("it is done") { try await fixture.committed()?.offset == 1 }
        }
        let left = try await fixture.state("job/")
        #expect(left.keys.contains("job/the/job") && left["job/the/job"]! == nil)
    }

    @Test("another worker goes on from it, also from one that had no room in memory")
    func nextOwner() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue([fixture.job(0)])
        let ran = Ledger()
        let first = try fixture.worker { configuration in
            configuration.shutdownLimit = .milliseconds(100)
        } perform: {
            number,
            context in
            try await context.checkpoint(Page(number: 7))
            try await ran.run(number) { try await Task.sleep(for: .seconds(60)) }
        }
        try await running(first) { try await eventually("it runs") { ran.starts == [0] } }
        try await fixture.fillStateWithGarbage()
        let found = Mutex<[Page?]>([])
        let second = try fixture.worker(set(\.stopsWhenIdle, true)) { _, context in
            let last = try await context.lastCheckpoint(as: Page.self)
            found.withLock { $0.append(last) }
        }
        try await second.run()
        #expect(found.withLock { $0 } == [Page(number: 7)])
        let left = try await fixture.state("job/").filter { $0.key != "job/garbage" }
        #expect(left.count == 1 && left.allSatisfy { $0.value == nil })
    }

    @Test("a checkpoint that is too large is refused with what to do, and the job may go on")
    func tooLarge() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue([fixture.job(0)])
        let errors = Mutex<[StateError]>([])
        let worker = try fixture.worker(set(\.stopsWhenIdle, true)) { _, context in
            do {
                try await context.checkpoint(Bytes([UInt8](repeating: 1, count: 65_537)))
            } catch let error as StateError {
                errors.withLock { $0.append(error) }
            }
        }
        try await worker.run()
        let error = try #require(errors.withLock { $0.first })
        #expect(error.code == .tooLarge && error.description.contains("65537"))
        #expect(worker.statistics.completed == 1)
        #expect(try await fixture.state("job/").isEmpty)
    }

    @Test("of a job that dies it is kept: sent back from the dead letters it goes on from there")
    func deadLetter() async throws {
        let fixture = try WorkerFixture()
        var job = fixture.job(0)
        job.id = "job"
        try await fixture.enqueue([job])
        let found = Mutex<[Page?]>([])
        let worker = try fixture.worker(set(\.stopsWhenIdle, true)) { _, context in
            let last = try await context.lastCheckpoint(as: Page.self)
            found.withLock { $0.append(last) }
            guard last == nil else { return }
            try await context.checkpoint(Page(number: 3))
            throw JobError.deadLetter("for now")
        }
        try await worker.run()
        let letter = try #require(try await fixture.records(of: fixture.queue.deadLetterTopic).first)
        let producer = try Producer(fixture.client)
        let place = Envelope.Origin(letter.topicPartition, letter.offset)
        let headers = Envelope.retryHeaders(copying: letter.headers, from: place)
        _ = try await producer.send(ProducerRecord(topic: "q", partition: 0, value: letter.value, headers: headers))
        await producer.close()
        let second = try fixture.worker(set(\.stopsWhenIdle, true)) { _, context in
            let last = try await context.lastCheckpoint(as: Page.self)
            found.withLock { $0.append(last) }
        }
        try await second.run()
        #expect(found.withLock { $0 } == [nil, Page(number: 3)])
    }

    @Test("an attempt whose partition was taken away can keep nothing more, and is told so")
    func fenced() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue([fixture.job(0)])
        let gate = Gate()
        let errors = Mutex<[any Error]>([])
        let ran = Ledger()
        let first = try fixture.worker { configuration in
            configuration.shutdownLimit = .milliseconds(50)
            configuration.cancellationGrace = .seconds(20)
        } perform: { number, context in
            try? await ran.run(number) { try await context.checkpoint(Page(number: 1)) }
            await gate.passStubbornly()
            do {
                // A task of its own: this one is cancelled.
                try await Task { try await context.checkpoint(Page(number: 99)) }.value
            } catch {
                errors.withLock { $0.append(error) }
            }
        }
        let end = Task { try await first.run() }
        try await eventually("it has kept something") { ran.ends == [0] }
        first.stop()
        let found = Mutex<[Page?]>([])
        let second = try fixture.worker(set(\.stopsWhenIdle, true)) { _, context in
            let last = try await context.lastCheckpoint(as: Page.self)
            found.withLock { $0.append(last) }
            gate.open()
            try await eventually("the first is told") { !errors.withLock { $0.isEmpty } }
            try await context.checkpoint(Page(number: 2))
        }
        try await second.run()
        try await end.value
        #expect(found.withLock { $0 } == [Page(number: 1)])
        #expect(errors.withLock { $0 }.allSatisfy { ($0 as? StateError)?.code == .fenced })
        // Not the bare number: times have all sorts of digits.
        let kept = try await fixture.records(of: fixture.queue.stateTopic).compactMap { $0.value?.text }
        #expect(kept.contains { $0.contains("\"number\":1") } && !kept.contains { $0.contains("\"number\":99") })
    }

    @Test("in a rehearsal, and in a handler's own test, nothing is kept")
    func rehearsal() async throws {
        let context = JobContext(
            queue: "q",
            envelope: Envelope(id: "a", type: "t"),
            maximumAttempts: 1,
            key: nil,
            source: .init(topic: "q", partition: 0, offset: 0)
        )
        try await context.checkpoint(Page(number: 1))
        #expect(try await context.lastCheckpoint(as: Page.self) == nil)
        await #expect(throws: StateError.self) {
            try await context.checkpoint(Bytes([UInt8](repeating: 1, count: 65_537)))
        }
    }
}
