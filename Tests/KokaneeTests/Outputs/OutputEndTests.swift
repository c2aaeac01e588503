import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

// What becomes of jobs whose outputs are committed, and of what they leave.
extension OutputTests {
    @Test("a job whose outputs are committed ends by that, and is not sent to a rung by a limit of its type")
    func limited() async throws {
        let place = try await OutputPlace()
        try await place.enqueue(0..<40)
        let runs = Mutex<[String]>([])
        let perform: @Sendable (String, JobContext) async throws -> Void = { [topic = place.topic] number, context in
            runs.withLock { $0.append(number) }
            try await context.produce(JobOutput(topic: topic, value: Bytes(number)))
        }
        try await place.completeUncommitted(40, perform: perform)
        // So few may be in flight that what waits for a limit has to leave.
        let limits = try LimitTable([JobLimit(type: "default", concurrency: 1)])
        let second = try place.worker { [queue = place.queue] configuration in
            configuration.limits = [queue.name: limits]
            configuration.maximumInFlight = 16
        } perform: {
            try await perform($0, $1)
        }
        try await running(second) {
            try await eventually("all is committed") { try await place.committed() == 40 }
            try await eventually("nothing is left to do") { second.inFlight == 0 }
        }
        #expect(runs.withLock { $0 }.count == 40, "no handler ran twice")
        #expect(second.statistics.limited == 0)
        #expect(try await place.records(of: place.queue.retryTopics[0]).isEmpty)
        #expect(try await place.outputs().sorted() == (0..<40).map { "\($0)" }.sorted())
    }

    @Test("a job that waits on a rung does not count as done where its worker died before it could commit that")
    func passed() async throws {
        let place = try await OutputPlace()
        let client = try JobClient(place.cluster.configuration)
        var job = NewJob(type: "default", payload: "1")
        job.idempotencyKey = "key"
        let partition = try await client.enqueue(job, to: place.queue).partition
        await client.close()
        let told = Told()
        // No offset is committed any more.
        try FailPoints.arm("commit.sending=fail@2-")
        defer { FailPoints.disarm() }
        let first = try place.worker(set(\.hooks, [told])) { [topic = place.topic] number, context in
            guard number == "1" else { return try await context.produce(JobOutput(topic: topic, value: Bytes(number))) }
            // Its next attempt is the next worker's.
            if context.attempt > 1 { try await Gate().pass() }
            throw JobError.retry("not yet")
        }
        try await running(first) {
            try await eventually("it waits on its rung") { told.all.contains { $0.contains(" retry 2 ") } }
            try await place.enqueue(2..<3, partition: partition)
            try await eventually("one behind it is committed") { try await place.outputs() == ["2"] }
        }
        FailPoints.disarm()
        let second = try place.worker { [topic = place.topic] number, context in
            try await context.produce(JobOutput(topic: topic, value: Bytes("\(number)/\(context.attempt)")))
        }
        try await running(second) {
            try await eventually("its second attempt has produced") {
                try await place.outputs().sorted() == ["1/2", "2"]
            }
            try await eventually("all is committed") { try await place.committed(partition) == 2 }
            try await eventually("nothing is left to do") { second.inFlight == 0 }
        }
        #expect(second.statistics.completed == 2 && second.statistics.skipped == 0)
    }

    @Test(
        "what a job leaves stands with its outputs: once they are seen its result is known, and its key done",
        arguments: [
            // No offset is committed any more; and nothing reaches a broker but by the transaction.
            "commit.sending=fail@2-", "commit.sending=fail@2-; hop.producing=fail",
        ]
    )
    func leavings(plan: String) async throws {
        let place = try await OutputPlace()
        let client = try JobClient(place.cluster.configuration)
        var job = NewJob(type: "default", payload: "1")
        job.keepResult = .seconds(600)
        job.idempotencyKey = "key"
        let enqueued = try await client.enqueue(job, to: place.queue)
        let runs = Mutex(0)
        let perform: @Sendable (String, JobContext) async throws -> Void = { [topic = place.topic] number, context in
            runs.withLock { $0 += 1 }
            try context.setResult(Bytes("\"done\""))
            try await context.produce(JobOutput(topic: topic, value: Bytes(number)))
        }
        try FailPoints.arm(plan)
        defer { FailPoints.disarm() }
        try await running(try place.worker(perform: perform)) {
            try await eventually("its outputs are seen") { try await place.outputs() == ["1"] }
        }
        FailPoints.disarm()
        let second = try place.worker(perform: perform)
        try await running(second) {
            try await eventually("its offset is committed") {
                try await place.committed(enqueued.partition) == 1
            }
            job.id = nil
            _ = try await client.enqueue(job, to: place.queue)
            try await eventually("another one of its key is skipped") { second.statistics.skipped == 1 }
        }
        let state = try #require(try await client.state(of: enqueued.id, in: place.queue))
        #expect(state.ending == .completed && state.result == "\"done\"")
        #expect(runs.withLock { $0 } == 1)
        #expect(try await place.outputs() == ["1"])
        await client.close()
    }

    @Test("a result that the state topic refuses is left out, and the outputs are seen all the same")
    func largeResult() async throws {
        let place = try await OutputPlace()
        let client = try JobClient(place.cluster.configuration)
        var job = NewJob(type: "default", payload: "1")
        job.keepResult = .seconds(600)
        let enqueued = try await client.enqueue(job, to: place.queue)
        let worker = try place.worker(set(\.resultLimit, 4 << 20)) { [topic = place.topic] number, context in
            try context.setResult(Bytes(Array(repeating: 7, count: 3 << 20)))
            try await context.produce(JobOutput(topic: topic, value: Bytes(number)))
        }
        try await running(worker) {
            let end = try await client.ending(of: enqueued, within: .seconds(30))
            #expect(end.ending == .completed && end.result == nil)
            #expect(end.error?.contains("too large for the state topic") == true)
        }
        #expect(try await place.outputs() == ["1"])
        #expect(worker.statistics.failedAttempts == 0)
        await client.close()
    }
}
