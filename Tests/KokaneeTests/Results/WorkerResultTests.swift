import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("Results", .timeLimit(.minutes(2)))
struct WorkerResultTests {
    private struct Sum: Codable, Sendable, Equatable {
        var sum: Int
    }

    private static func job(_ number: Int, keep: Duration? = .seconds(600)) -> NewJob {
        var job = NewJob(type: "default", payload: Bytes("\(number)"))
        job.keepResult = keep
        return job
    }

    private func code(_ body: () async throws -> Void) async -> ResultError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? ResultError)?.code
        }
    }

    @Test("who enqueued a job gets its result, whether it asks before or after the end")
    func awaited() async throws {
        let fixture = try WorkerFixture(partitions: 3)
        let client = try JobClient(fixture.client)
        let gate = Gate()
        let worker = try fixture.worker { number, context in
            if number == 2 { try await gate.pass() }
            try context.setResult(Sum(sum: number + 1))
        }
        try await running(worker) {
            let first = try await client.enqueue(Self.job(1), to: fixture.queue)
            #expect(try await client.result(of: first, as: Sum.self, within: .seconds(30)) == Sum(sum: 2))
            let second = try await client.enqueue(Self.job(2, keep: nil), to: fixture.queue)
            async let result = client.result(of: second.id, in: fixture.queue, as: Sum.self, within: .seconds(30))
            gate.open()
            #expect(try await result == Sum(sum: 3))
            #expect(try await client.state(of: first.id, in: fixture.queue)?.result == #"{"sum":2}"#)
        }
        await client.close()
    }

    @Test("who may not read the state topic is told so at once, and who may again is answered")
    func refused() async throws {
        let fixture = try WorkerFixture()
        let client = try JobClient(fixture.client)
        fixture.broker.setTopicError(fixture.queue.stateTopic, to: .topicAuthorizationFailed)
        for _ in 1...2 {
            let error = await #expect(throws: KafkaError.self) {
                try await client.ending(of: "a", in: fixture.queue, within: .seconds(60))
            }
            #expect(error?.code == .topicAuthorizationFailed)
        }
        let error = await #expect(throws: KafkaError.self) {
            try await client.state(of: "a", in: fixture.queue, within: .seconds(60))
        }
        #expect(error?.code == .topicAuthorizationFailed)
        fixture.broker.setTopicError(fixture.queue.stateTopic, to: nil)
        let worker = try fixture.worker { _, context in try context.setResult(Sum(sum: 1)) }
        try await running(worker) {
            let job = try await client.enqueue(Self.job(1), to: fixture.queue)
            #expect(try await client.result(of: job, as: Sum.self, within: .seconds(30)) == Sum(sum: 1))
        }
        await client.close()
    }

    @Test("where no broker answers the end of the time says so")
    func unreachable() async throws {
        let fixture = try WorkerFixture()
        let client = try JobClient(fixture.client)
        try fixture.broker.setBrokerDown()
        let ending = await #expect(throws: ResultError.self) {
            try await client.ending(of: "a", in: fixture.queue, within: .seconds(3))
        }
        #expect(ending?.code == .timedOut && ending?.message.contains("can't be read: ") == true)
        let state = await #expect(throws: ResultError.self) {
            try await client.state(of: "a", in: fixture.queue, within: .seconds(3))
        }
        #expect(state?.code == .timedOut && state?.message.contains("asking for the partitions") == true)
        await client.close()
    }

    @Test("a job of a priority leaves its result where those of all others are")
    func priorities() async throws {
        let fixture = try WorkerFixture()
        for topic in fixture.queue.priorityTopics.keys {
            try fixture.broker.createTopic(topic, partitions: 1)
        }
        let client = try JobClient(fixture.client)
        let worker = try fixture.worker { number, context in try context.setResult(Sum(sum: number + 1)) }
        try await running(worker) {
            for priority in [Priority.high, .low] {
                var job = Self.job(1)
                job.priority = priority
                let enqueued = try await client.enqueue(job, to: fixture.queue)
                #expect(enqueued.topic == fixture.queue.topic(of: priority))
                #expect(try await client.result(of: enqueued, as: Sum.self, within: .seconds(30)) == Sum(sum: 2))
                #expect(try await client.ending(of: enqueued, within: .seconds(30)).ending == .completed)
            }
        }
        await client.close()
    }

    @Test("who awaits a job that ends without a result is told why")
    func endings() async throws {
        let fixture = try WorkerFixture(ladder: "1s")
        let client = try JobClient(fixture.client)
        let worker = try fixture.worker(set(\.retryPolicy, .never)) { number, context in
            switch number {
            case 0: return
            case 1: throw JobError.deadLetter("it is broken")
            case 2: throw JobError.discard("nobody wants it")
            default: try context.setResult(Bytes(Array(repeating: 1, count: context.content!.runtime.resultLimit + 1)))
            }
        }
        try await running(worker) {
            let jobs = try await client.enqueue((0..<4).map { Self.job($0) }, to: fixture.queue).map { try $0.get() }
            var codes: [ResultError.Code?] = []
            for job in jobs {
                codes.append(
                    await code { _ = try await client.result(of: job, as: Sum.self, within: .seconds(30)) }
                )
            }
            #expect(codes == [.nothing, .dead, .discarded, .dead])
            #expect(try await client.result(of: jobs[0], as: Sum?.self, within: .seconds(30)) == nil)
            let dead = try await client.ending(of: jobs[1], within: .seconds(30))
            #expect(dead.error?.contains("it is broken") == true)
            let large = try await client.ending(of: jobs[3], within: .seconds(30))
            #expect(large.error?.contains("has 262145 bytes, and resultLimit is 262144") == true)
        }
        await client.close()
    }

    @Test("a result is kept as long as the enqueuer says, else as long as the worker, and is not told from then on")
    func retention() async throws {
        let fixture = try WorkerFixture()
        let client = try JobClient(fixture.client)
        let now = Atomic<Int64>(0)
        let later = try JobClient(
            producer: try Producer(fixture.client),
            reading: fixture.client,
            now: { now.load(ordering: .relaxed) }
        )
        let worker = try fixture.worker(set(\.resultRetention, .seconds(420))) { number, context in
            try context.setResult(Sum(sum: number))
        }
        try await running(worker) {
            for (number, keep) in [(1, .seconds(9000)), (2, nil)] as [(Int, Duration?)] {
                let job = try await client.enqueue(Self.job(number, keep: keep), to: fixture.queue)
                let end = try await client.ending(of: job, within: .seconds(30))
                let expiresAt = try #require(end.expiresAt)
                #expect(expiresAt - end.at == (keep == nil ? 420_000 : 9_000_000))
                now.store(expiresAt - 1, ordering: .relaxed)
                #expect(try await later.result(of: job, as: Sum.self, within: .seconds(30)) == Sum(sum: number))
                now.store(expiresAt, ordering: .relaxed)
                #expect(
                    await code { _ = try await later.result(of: job, as: Sum.self, within: .seconds(30)) } == .expired
                )
            }
        }
        await client.close()
        await later.close()
    }

    @Test("who awaits a job that does not end is told so in time, and a job that keeps nothing writes nothing")
    func plain() async throws {
        let fixture = try WorkerFixture()
        let client = try JobClient(fixture.client)
        let worker = try fixture.worker(set(\.marksOutcomes, false)) { _, _ in }
        try await running(worker) {
            let plain = try await client.enqueue(Self.job(1, keep: nil), to: fixture.queue)
            let kept = try await client.enqueue(Self.job(2), to: fixture.queue)
            _ = try await client.ending(of: kept, within: .seconds(30))
            #expect(
                await code { _ = try await client.ending(of: plain, within: .milliseconds(200)) } == .timedOut
            )
        }
        #expect(try await fixture.records(of: fixture.queue.stateTopic).count == 1)
        await client.close()
    }

    @Test("a job is not finished before the brokers have its result")
    func order() async throws {
        let fixture = try WorkerFixture()
        let client = try JobClient(fixture.client)
        try await fixture.enqueue(2)
        fixture.broker.failNext(.produce, with: Array(repeating: .topicAuthorizationFailed, count: 1000))
        let worker = try fixture.worker(set(\.marksOutcomes, false)) { number, context in
            if number == 0 { try context.setResult(number) }
        }
        try await running(worker) {
            try await eventually("the other one is finished, and the result was refused again") {
                guard worker.statistics.failedHops >= 2, let committed = try await fixture.committed() else {
                    return false
                }
                let metadata = CommitMetadata(text: committed.metadata, above: committed.offset)
                return committed.offset == 0 && metadata?.completed.runs == [1..<2]
            }
            fixture.broker.stopFailing(.produce)
            try await eventually("both are finished") { try await fixture.committed()?.offset == 2 }
        }
        let ids = try await fixture.records(of: fixture.queue.stateTopic).compactMap { JobRecord.id(ofKey: $0.key) }
        #expect(ids == ["q/0/0"])
        await client.close()
    }
}
