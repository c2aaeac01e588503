import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

/// Jobs that fail one after the other hop together, and each must fare as if it had hopped alone.
@Suite("Hops that are made together", .timeLimit(.minutes(2)))
struct HopBatchTests {
    private struct Broken: Error {}

    private func fail(_ job: Int, _ context: JobContext) throws {
        if context.attempt == 1 { throw Broken() }
    }

    @Test(
        "a hop that waits for its partition leaves its job unfinished, and holds up none of the others",
        .enabled(if: EmbeddedBroker.survivesRequestsForNoLeader)
    )
    func apart() async throws {
        let fixture = try WorkerFixture(partitions: 2)
        let place = TopicPartition(topic: fixture.queue.retryTopics[0], partition: 1)
        try fixture.broker.setLeader(of: place, to: nil)
        try await fixture.enqueue(200, partition: { $0 % 2 })
        let worker = try fixture.worker(set(\.concurrency, 1), perform: fail)
        try await running(worker) {
            try await eventually("all have failed") { worker.statistics.retried == 200 }
            try await eventually("those of one partition have hopped, and run again") {
                worker.statistics.completed == 100
            }
            try await eventually("and are committed") { try await fixture.committed(0)?.offset == 100 }
            #expect(try await fixture.committed(1)?.offset ?? 0 == 0)
            try fixture.broker.setLeader(of: place, to: 1)
            try await eventually("the others have followed") { worker.statistics.completed == 200 }
            try await eventually("and are committed") { try await fixture.committed(1)?.offset == 100 }
        }
        let hops = try await fixture.records(of: fixture.queue.retryTopics[0]).compactMap { Int($0.value?.text ?? "") }
        #expect(hops.sorted() == Array(0..<200))
        #expect(worker.inFlight == 0)
    }

    @Test("a job that its rung does not take is a dead letter, and those that failed beside it hop")
    func tooLarge() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(50)
        let producer = try Producer(ClientConfiguration(bootstrapServers: fixture.broker.bootstrapServers))
        let payload = Bytes([UInt8](repeating: 0x20, count: 30_000))
        _ = try await producer.send(ProducerRecord(topic: "q", partition: 0, value: payload))
        await producer.close()
        var narrow = fixture.client
        narrow.properties["message.max.bytes"] = "20000"
        let worker = try fixture.worker(set(\.concurrency, 1), client: narrow, perform: fail)
        try await running(worker) {
            try await eventually("all are finished") { try await fixture.committed()?.offset == 51 }
            try await eventually("all but one run again") { worker.statistics.completed == 50 }
        }
        let hops = try await fixture.records(of: fixture.queue.retryTopics[0]).compactMap { Int($0.value?.text ?? "") }
        #expect(hops.sorted() == Array(0..<50))
        #expect(try await fixture.records(of: fixture.queue.deadLetterTopic).count == 1)
    }

    @Test("hops that the broker refuses together are all tried again, and none is made twice after it was taken")
    func refused() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(100)
        fixture.broker.failNext(.produce, with: Array(repeating: .topicAuthorizationFailed, count: 1000))
        let worker = try fixture.worker(set(\.concurrency, 1), perform: fail)
        try await running(worker) {
            try await eventually("all have failed to hop, some twice") { worker.statistics.failedHops > 100 }
            #expect(worker.inFlight == 100)
            fixture.broker.stopFailing(.produce)
            try await eventually("all run again") { worker.statistics.completed == 100 }
            try await eventually("and are committed") { try await fixture.committed()?.offset == 100 }
        }
        let hops = try await fixture.records(of: fixture.queue.retryTopics[0]).compactMap { Int($0.value?.text ?? "") }
        #expect(hops.sorted() == Array(0..<100))
    }

    @Test(
        "of hops that end together those whose partition was taken away meanwhile are fenced, and run elsewhere",
        .enabled(if: EmbeddedBroker.survivesRequestsForNoLeader)
    )
    func fenced() async throws {
        let fixture = try WorkerFixture(partitions: 2)
        let rung = fixture.queue.retryTopics[0]
        try await fixture.enqueue(2, partition: { $0 })
        let configure: (inout WorkerConfiguration) -> Void = {
            $0.concurrency = 1
            $0.revocationLimit = .milliseconds(300)
        }
        let mayFail = Mutex(false)
        let perform: @Sendable (Int, JobContext) async throws -> Void = { job, context in
            if mayFail.withLock({ $0 }) { try fail(job, context) }
        }
        let worker = try fixture.worker(configure, perform: perform)
        let other = try fixture.worker(configure, perform: perform)
        try await running(worker) {
            try await eventually("the worker is at work") { worker.statistics.completed == 2 }
            mayFail.withLock { $0 = true }
            for partition in 0..<2 as Range<Int32> {
                try fixture.broker.setLeader(of: TopicPartition(topic: rung, partition: partition), to: nil)
            }
            try await fixture.enqueue(20, partition: { $0 % 2 })
            try await eventually("all have failed and wait to hop") { worker.statistics.retried == 20 }
            try await running(other) {
                try await eventually("the other has taken some of them over") { other.statistics.retried >= 10 }
                for partition in 0..<2 as Range<Int32> {
                    try fixture.broker.setLeader(of: TopicPartition(topic: rung, partition: partition), to: 1)
                }
                try await eventually("those that were taken away are fenced") { worker.statistics.fenced >= 10 }
                try await eventually("all are finished") {
                    let offsets = [try await fixture.committed(0)?.offset, try await fixture.committed(1)?.offset]
                    return offsets == [11, 11] && worker.inFlight + other.inFlight == 0
                }
            }
        }
    }
}
