import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("A worker's marks")
struct WorkerOutcomeTests {
    private struct Broken: Error {}

    private func outcomes(_ fixture: WorkerFixture) async throws -> [Int32: Outcomes] {
        try await OutcomeReader(fixture.client).read(queue: fixture.queue)
    }

    /// Nobody has what is produced next before some time is over: only then it is refused, and produced again.
    private func delayMarks(_ fixture: WorkerFixture) throws {
        try fixture.broker.delayNext(.produce, ofBroker: 1, by: .milliseconds(1000), with: .notLeader)
    }

    @Test("marks tell exactly which jobs were completed, by which build, and which failed")
    func exact() async throws {
        let fixture = try WorkerFixture(partitions: 2)
        try await fixture.enqueue(400, partition: { $0 % 2 })
        let configure: (inout WorkerConfiguration) -> Void = {
            $0.build = "2026.11"
            $0.circuit = nil
        }
        let worker = try fixture.worker(configure) { job, context in
            switch job / 2 % 10 {
            case 3 where context.attempt == 1: throw Broken()
            case 5: throw JobError.deadLetter("never")
            case 7: throw JobError.discard("not wanted")
            case 8: throw Broken()
            default: break
            }
        }
        try await running(worker) {
            try await eventually("all have ended") {
                let statistics = worker.statistics
                return statistics.completed == 280 && statistics.dead == 80 && statistics.discarded == 40
                    && worker.inFlight == 0
            }
        }
        let outcomes = try await outcomes(fixture)
        for partition in Int32(0)...1 {
            let offsets = (0..<Int64(200))
            let found = outcomes[partition] ?? Outcomes()
            #expect(found.completed.map(\.build) == ["2026.11"] && found.completed.map(\.replay) == [nil])
            #expect(found.completed() == OffsetSet(offsets.filter { ![5, 7, 8].contains($0 % 10) }))
            #expect(found.failed == OffsetSet(offsets.filter { [3, 5, 8].contains($0 % 10) }))
        }
        let some = try await OutcomeReader(fixture.client).read(
            queue: fixture.queue,
            partitions: [0, 1],
            within: [1: 0..<10, 0: 8192..<9000]
        )
        #expect(some.mapValues(\.failed) == [1: outcomes[1]?.failed ?? OffsetSet()], "others' chunks are passed over")
    }

    @Test("a commit is not sent before the marks of what it covers are acknowledged")
    func order() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(10)
        let gate = Gate()
        let ledger = Ledger()
        let worker = try fixture.worker { job, _ in try await ledger.run(job) { try await gate.pass() } }
        try await running(worker) {
            try await eventually("all run") { ledger.starts.count == 10 }
            try delayMarks(fixture)
            gate.open()
            try await eventually("all is committed") { try await fixture.committed()?.offset == 10 }
            let found = try await outcomes(fixture)[0]
            #expect(found?.completed() == OffsetSet(0..<10), "committed, and not marked")
        }
    }

    @Test("the last commit waits for its marks, too")
    func lastCommit() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(10)
        let worker = try fixture.worker(set(\.commitInterval, .seconds(600))) { _, _ in }
        try await running(worker) {
            try await eventually("all are completed") { worker.statistics.completed == 10 }
            try delayMarks(fixture)
            worker.stop()
            try await eventually("all is committed") { try await fixture.committed()?.offset == 10 }
            #expect(try await outcomes(fixture)[0]?.completed() == OffsetSet(0..<10), "committed, and not marked")
        }
    }

    @Test(
        "a state topic that takes nothing stops no commit, is told of once, and gets the marks when it takes them",
        .enabled(if: EmbeddedBroker.survivesRequestsForNoLeader)
    )
    func refusal() async throws {
        let fixture = try WorkerFixture()
        let warnings = Mutex<[String]>([])
        let isAssigned = Atomic(false)
        let logger = Logger(minimumLevel: .info) { entry in
            if entry.message == "partitions assigned" { isAssigned.store(true, ordering: .relaxed) }
            if entry.message.hasPrefix("marks") { warnings.withLock { $0.append(entry.message) } }
        }
        let worker = try fixture.worker(logger: logger) { _, _ in }
        try await running(worker) {
            // Before that it asks for its topics; and once it has written there it asks about this one no more.
            try await eventually("it has begun") { isAssigned.load(ordering: .relaxed) }
            fixture.broker.setTopicError(fixture.queue.stateTopic, to: .topicAuthorizationFailed)
            for round in 1...3 {
                try await fixture.enqueue(5)
                try await eventually("what is completed is committed") {
                    try await fixture.committed()?.offset == Int64(round * 5)
                }
            }
            try await eventually("somebody is told") { warnings.withLock { !$0.isEmpty } }
            fixture.broker.setTopicError(fixture.queue.stateTopic, to: nil)
            try await eventually("the marks are written all the same", within: .seconds(60)) {
                try await outcomes(fixture)[0]?.completed() == OffsetSet(0..<15)
            }
        }
        let told = warnings.withLock { $0 }
        #expect(Set(told).count == told.count, "\(told)")
    }

    @Test("a job that stands in the main topic again is marked there, and where it stood first")
    func again() async throws {
        let fixture = try WorkerFixture(ladder: "1m")
        try await fixture.enqueue(3)
        let ledger = Ledger()
        let worker = try fixture.worker { job, context in
            try await ledger.run(job) {}
            // Shorter than the first rung: it waits in the main topic.
            if job == 1, context.attempt == 1 { throw JobError.retry(after: .milliseconds(100), "soon") }
        }
        try await running(worker) {
            try await eventually("all have ended") { try await fixture.committed()?.offset == 4 }
        }
        #expect(ledger.starts.count == 4)
        let found = try await outcomes(fixture)[0]
        #expect(found?.completed() == OffsetSet([0, 1, 2, 3]))
        #expect(found?.failed == OffsetSet([1]))
    }

    @Test("an origin that can't be the job's gets no mark")
    func forgedOrigins() async throws {
        let fixture = try WorkerFixture()
        let producer = try Producer(fixture.client)
        let origins = ["q/0/0", "q/0/5000", "q/1/0", "other/0/0", "q/0/1", "nonsense"]
        for (index, origin) in origins.enumerated() {
            let headers = [Header("kokanee-origin", Bytes(origin)), Header("kokanee-attempt", "2")]
            let record = ProducerRecord(topic: "q", partition: 0, value: Bytes("\(index)"), headers: headers)
            _ = try await producer.send(record)
        }
        await producer.close()
        let worker = try fixture.worker { job, _ in if job == 0 || job == 4 { throw JobError.deadLetter("never") } }
        try await running(worker) {
            try await eventually("all have ended") { try await fixture.committed()?.offset == 6 }
        }
        let found = try await outcomes(fixture)[0]
        #expect(found?.completed() == OffsetSet([1, 2, 3, 5]))
        #expect(found?.failed == OffsetSet([0, 1, 4]), "the one at 4 may have stood at 1")
    }

    @Test("what is no job is a dead letter, and marked as failed")
    func undecodable() async throws {
        let fixture = try WorkerFixture()
        let producer = try Producer(fixture.client)
        let headers = [Header("ce_specversion", "9"), Header("ce_type", "t")]
        _ = try await producer.send(ProducerRecord(topic: "q", partition: 0, value: "{}", headers: headers))
        await producer.close()
        let worker = try fixture.worker { _, _ in }
        try await running(worker) {
            try await eventually("it is a dead letter") { try await fixture.committed()?.offset == 1 }
        }
        let found = try await outcomes(fixture)[0]
        #expect(found?.failed == OffsetSet([0]) && found?.completed.isEmpty == true)
    }

    @Test("a replay's marks stand beside those of live work, and name it")
    func replay() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(4)
        let id = "20261125-214400-k3f9"
        let replay = try fixture.queue.replay(id)
        for topic in replay.allTopics where topic != replay.mainTopic {
            try fixture.broker.createTopic(topic, partitions: 1)
        }
        var jobs = JobRegistry()
        try jobs.register("default") { (_: Bytes, _) in }
        func worker(_ build: String, of replay: ReplayRecord? = nil) throws -> Worker {
            var configuration = WorkerConfiguration()
            configuration.build = build
            guard let replay else {
                return Worker(queues: [fixture.queue], jobs: jobs, configuration: configuration, client: fixture.client)
            }
            return try Worker(replaying: replay, jobs: jobs, configuration: configuration, client: fixture.client)
        }
        for worker in [try worker("old"), try worker("new", of: .side(id, of: fixture.queue, records: 4))] {
            try await running(worker) {
                try await eventually("all are completed") { worker.statistics.completed == 4 }
            }
        }
        let found = try #require(try await outcomes(fixture)[0])
        #expect(found.completed.map(\.build) == ["new", "old"] && found.completed.map(\.replay) == [id, nil])
        #expect(found.completed(in: .replay(id)) == OffsetSet(0..<4))
        #expect(try await fixture.records(of: replay.stateTopic).isEmpty)
    }

    @Test("what is marked behind somebody's open transaction is found: it is waited for")
    func behindTransaction() async throws {
        // A broker that isolates transactions.
        let place = try await OutputPlace()
        let (client, queue, topic) = (place.cluster.configuration, place.queue, place.queue.stateTopic)
        let transactions = try TransactionalProducer(client, transactionalID: place.topic)
        try await transactions.takeOver()
        try await transactions.begin()
        try await transactions.produce([ProducerRecord(topic: topic, partition: 0, key: "x", value: "y")])
        let state = TopicPartition(topic: topic, partition: 0)
        let uncommitted = try AdminClient(client.seeingUncommitted)
        try await eventually("the transaction's record stands") {
            try await uncommitted.extents(of: [state])[state]?.upperBound == 1
        }
        let chunk = OffsetSet([7]).chunks[0]!
        let mark = OutcomeRecord(kind: .completed, chunk: 0, series: "s", build: "1", replay: nil, words: chunk)
        let producer = try Producer(client)
        _ = try await producer.send(ProducerRecord(topic: topic, partition: 0, key: mark.key, value: mark.value))
        await producer.close()
        async let found = OutcomeReader(client).read(queue: queue)
        // Whoever does not wait has an end by then.
        let ends = try await TopicReader.read([state: 0..<2], configuration: client) { _ in true }
        #expect(ends == [state: 0])
        try await transactions.abort()
        #expect(try await found[0]?.completed() == OffsetSet([7]))
    }

    @Test("a worker that shall not mark marks nothing")
    func off() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(4)
        let worker = try fixture.worker(set(\.marksOutcomes, false)) { _, _ in }
        try await running(worker) {
            try await eventually("all is committed") { try await fixture.committed()?.offset == 4 }
        }
        #expect(try await fixture.records(of: fixture.queue.stateTopic).isEmpty)
        #expect(try await outcomes(fixture).isEmpty)
    }

    @Test("two workers that share a queue, and change it, leave together a mark of each job", arguments: [1, 2])
    func rebalance(seed: UInt64) async throws {
        let fixture = try WorkerFixture(partitions: 4)
        try await fixture.enqueue(2000, partition: { $0 % 4 })
        let perform: @Sendable (Int, JobContext) async throws -> Void = { _, _ in
            try await Task.sleep(for: .milliseconds(10))
        }
        let first = try fixture.worker(set(\.build, "1"), perform: perform)
        let second = try fixture.worker(set(\.build, "2"), perform: perform)
        let partitions = (Int32(0)..<4)
        try await running(first) {
            try await eventually("the first works") { first.statistics.completed > 100 }
            try await running(second) {
                try await eventually("all is committed", within: .seconds(60)) {
                    for partition in partitions where try await fixture.committed(partition)?.offset != 500 {
                        return false
                    }
                    return true
                }
                // Now, with both at work: nothing may be left for their ends.
                let found = try await outcomes(fixture)
                for partition in partitions { #expect(found[partition]?.completed() == OffsetSet(0..<500)) }
            }
        }
    }

    @Test("bounds that can't be calculated with are refused")
    func bounds() async throws {
        let fixture = try WorkerFixture()
        let settings: [(inout WorkerConfiguration) -> Void] = [
            set(\.maximumInFlight, .max), set(\.maximumInFlightBytes, .max), set(\.maximumGap, .max),
            set(\.resultRetention, .seconds(Int64.max)), set(\.resultRetention, .zero),
        ]
        for setting in settings {
            let worker = try fixture.worker(setting) { _, _ in }
            await #expect(throws: InputError.self) { try await worker.run() }
        }
    }

    @Test("a build that is too long, or would spoil a line, is refused")
    func build() async throws {
        let fixture = try WorkerFixture()
        for build in [String(repeating: "x", count: 201), "a\nb"] {
            let worker = try fixture.worker(set(\.build, build)) { _, _ in }
            await #expect(throws: InputError.self) { try await worker.run() }
        }
    }
}
