import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("What jobs leave where they end in unusual ways", .timeLimit(.minutes(3)))
struct StateEndTests {
    private func unique(_ number: Int, _ fixture: WorkerFixture) -> NewJob {
        var job = fixture.job(number)
        job.unique = .unique(until: .done, key: "k")
        return job
    }

    @Test("a job that its rung takes no more, and that dies for it, leaves what dead letters leave")
    func tooLarge() async throws {
        // Of the worker's producer only: who enqueues may send more.
        let fixture = try WorkerFixture(properties: ["message.max.bytes": "2000"])
        var large = unique(0, fixture)
        large.id = "large"
        large.payload = Bytes([UInt8](repeating: 0x20, count: 3000))
        large.keepResult = .seconds(600)
        try await fixture.enqueue([large])
        let ran = Ledger()
        let worker = try fixture.worker { number, _ in
            try await ran.run(number) { if number == -1 { throw JobError.retry("never again") } }
        }
        try await running(worker) {
            try await eventually("it is a dead letter") { worker.statistics.dead == 1 && worker.inFlight == 0 }
            let record = try #require(try await fixture.state("job/")["job/large"] ?? nil)
            let end = try #require(JobRecord(value: record))
            #expect(end.outcome == .dead && end.error?.contains("takes no record of this size") == true)
            #expect(try await fixture.state("unique/").allSatisfy { $0.value == nil })
            try await fixture.enqueue([unique(1, fixture)])
            try await eventually("the next of its key runs") { ran.ends == [1] }
        }
        #expect(try await fixture.records(of: fixture.queue.retryTopics[0]).isEmpty)
        #expect(worker.statistics.skipped == 0)
    }

    @Test("a job with a key that ends while its partition is between two assignments leaves its result")
    func betweenAssignments() async throws {
        // A busy machine lets the partition go for longer, and the job runs again: that shows nothing.
        for _ in 0..<5 where try await endBetweenAssignments() == 3 { return }
        Issue.record("no partition has come straight back")
    }

    /// Two jobs in two partitions, of which one stays with its worker, which ends it between two assignments.
    ///
    /// - Returns: how many attempts there were; 3 if the one that stayed has run once.
    private func endBetweenAssignments() async throws -> Int {
        let fixture = try WorkerFixture(partitions: 2)
        let client = try JobClient(fixture.client)
        let producer = try Producer(ClientConfiguration(bootstrapServers: fixture.broker.bootstrapServers))
        for number in 0..<2 {
            var job = fixture.job(number, once: "key \(number)")
            job.id = "\(number)"
            job.keepResult = .seconds(600)
            var generator = SystemRandomNumberGenerator()
            var record = try job.record(for: fixture.queue, source: "s", at: Timestamp.now, using: &generator).record
            record.partition = Int32(number)
            _ = try await producer.send(record)
        }
        await producer.close()
        let ran = Ledger()
        let perform: @Sendable (Int, JobContext) async throws -> Void = { number, context in
            try await ran.run(number) {
                let content = try #require(context.content)
                // The second time round it is another worker's, or has ended as it should.
                if ran.starts.count <= 2 {
                    while content.runtime.state.standing(of: content) == .current {
                        try await Task.sleep(for: .milliseconds(1))
                    }
                }
                try context.setResult(Bytes("\(number)"))
            }
        }
        let first = try fixture.worker(set(\.revocationLimit, .milliseconds(50)), perform: perform)
        let second = try fixture.worker(set(\.revocationLimit, .milliseconds(50)), perform: perform)
        try await running(first) {
            try await eventually("both run") { ran.starts.count == 2 }
            try await running(second) {
                for number in 0..<2 {
                    let end = try await client.ending(of: "\(number)", in: fixture.queue, within: .seconds(60))
                    #expect(end.ending == .completed && end.result == Bytes("\(number)"))
                }
                try await eventually("all is committed") {
                    let first = try await fixture.committed(0)?.offset
                    let second = try await fixture.committed(1)?.offset
                    return first == 1 && second == 1
                }
            }
        }
        await client.close()
        return ran.starts.count
    }

    @Test("a key whose mark stands behind somebody's open transaction is not done again: that is waited for")
    func behindTransaction() async throws {
        // A broker that isolates transactions.
        let place = try await OutputPlace()
        let client = try JobClient(place.cluster.configuration)
        func enqueue(_ payload: Bytes, once key: String) async throws -> EnqueuedJob {
            var job = NewJob(type: "default", payload: payload)
            job.idempotencyKey = key
            // All in one partition.
            job.key = "k"
            return try await client.enqueue(job, to: place.queue)
        }
        let ran = Mutex<[String]>([])
        let perform: @Sendable (String, JobContext) async throws -> Void = { payload, _ in
            ran.withLock { $0.append(payload) }
        }
        let transactions = try TransactionalProducer(place.cluster.configuration, transactionalID: place.topic)
        try await transactions.takeOver()
        let first = try place.worker(isRegistered: false, perform: perform)
        let partition = try await enqueue("0", once: "a").partition
        try await running(first) {
            try await eventually("it has the state") { first.statistics.completed == 1 }
            try await transactions.begin()
            let record = ProducerRecord(topic: place.queue.stateTopic, partition: partition, key: "x", value: "y")
            try await transactions.produce([record])
            let uncommitted = try AdminClient(place.cluster.configuration.seeingUncommitted)
            let state = TopicPartition(topic: place.queue.stateTopic, partition: partition)
            try await eventually("the transaction's record stands") {
                let end = try await uncommitted.extents(of: [state])[state]?.upperBound ?? 0
                return try await end > place.cluster.admin.extents(of: [state])[state]?.upperBound ?? 0
            }
            _ = try await enqueue("1", once: "b")
            try await eventually("the second is done, and marked") { try await place.committed(partition) == 2 }
        }
        _ = try await enqueue("2", once: "b")
        let log = LogCollector()
        let second = try place.worker(isRegistered: false, logger: log.logger, perform: perform)
        try await running(second) {
            try await eventually("it waits, and says so") {
                log.contains("somebody's transaction is open in the queue's state") && second.inFlight == 1
            }
            try await transactions.abort()
            try await eventually("the other of its key is skipped") { second.statistics.skipped == 1 }
        }
        #expect(ran.withLock { $0 } == ["0", "1"])
        await client.close()
    }

    @Test("a unique job that is cancelled before it is admitted frees its key, though nothing of it was known here")
    func cancelledUnbegun() async throws {
        let fixture = try WorkerFixture()
        let control = try QueueControl(fixture.client)
        var job = unique(0, fixture)
        job.id = "first"
        try await fixture.enqueue([job])
        let ran = Ledger()
        let perform: @Sendable (Int, JobContext) async throws -> Void = { number, _ in
            try await ran.run(number) { if number == 0 { throw JobError.retry("once more") } }
        }
        let first = try fixture.worker(perform: perform)
        try await running(first) { try await eventually("it waits on its rung") { first.statistics.retried == 1 } }
        #expect(try await fixture.state("unique/").contains { $0.value?.text.contains("held") == true })
        try await control.cancel(["first"], of: fixture.queue, by: "ann")
        let second = try fixture.worker(perform: perform)
        try await running(second) {
            try await eventually("it is cancelled", within: .seconds(40)) { second.statistics.cancelled == 1 }
            try await eventually("its mark is gone") { second.inFlight == 0 }
            try await fixture.enqueue([unique(1, fixture)])
            try await eventually("the next of its key runs") { ran.ends == [1] }
        }
        #expect(second.statistics.skipped == 0)
    }

    @Test("a unique job that dies while its partition's state is read again frees its key for good")
    func endsDuringRestore() {
        let key = KeyDigest(Bytes("unique/k"))
        func candidate(_ identity: UInt64) -> MarkBook.Candidate {
            .init(key: key, identity: identity, until: .done, ends: 1000, offset: 0, isCommitted: false)
        }
        var table = StateTable()
        table.begin([0], now: 0)
        _ = table.finishRestoring(0, now: 0)
        let verdict = table.update(0) { $0.books.marks.stand(candidate(1), seen: 0, now: 0) }
        #expect(verdict == .run)
        // It comes straight back, and goes on; what the topic has of it is what it wrote before an earlier attempt.
        table.end(keeping: true)
        table.begin([0], now: 1)
        table.restore(MarkBook.Mark(kind: .held, until: 1000, of: 1), key, in: 0)
        let settlement = table.update(0) { $0.books.marks.settle(candidate(1), isDone: false, seen: 0) }
        #expect(settlement == .remove)
        _ = table.finishRestoring(0, now: 1)
        #expect(table.update(0) { $0.books.marks.stand(candidate(2), seen: 0, now: 1) } == .run)
    }
}
