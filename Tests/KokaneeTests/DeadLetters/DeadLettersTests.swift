import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("Dead letters", .timeLimit(.minutes(3)))
struct DeadLettersTests {
    @Test("all letters are listed, the last one last, with what they died of", arguments: TestCluster.Kind.allCases)
    func list(kind: TestCluster.Kind) async throws {
        let yard = try await Graveyard(kind)
        #expect(try await yard.ids() == [])
        try await yard.bury([
            .init(id: "b", partition: 1, diedAt: 2000), .init(id: "a", diedAt: 1000), .init(id: "c", diedAt: 3000),
        ])
        let letters = try await yard.list()
        #expect(letters.map(\.envelope.id) == ["a", "b", "c"])
        let letter = try #require(letters.first)
        #expect(letter.envelope.type == "mail.send")
        #expect(letter.envelope.version == 2)
        #expect(letter.key?.text == "key of a")
        #expect(letter.attempts == 2)
        #expect(letter.reason == .attemptsExhausted)
        #expect(letter.envelope.firstError == "Error: first")
        #expect(letter.envelope.lastError == "Timeout: no answer")
        #expect(letter.diedAt == 1000)
        #expect(letter.envelope.origin?.description == "\(yard.queue.name)/0/5")
        #expect(letter.place.description == "\(yard.queue.name).dlq/0/0")
        #expect(letter.verdict == nil)
    }

    @Test("filters hold together: type, errors in any case, time, and the last so many")
    func filters() async throws {
        let yard = try await Graveyard(.embedded)
        try await yard.bury([
            .init(id: "a", error: "SQL: no such TABLE", diedAt: 1000),
            .init(id: "b", type: "other", partition: 1, firstError: "no such table", diedAt: 2000),
            .init(id: "c", diedAt: 3000), .init(id: "d", partition: 1, diedAt: 4000),
        ])
        #expect(try await yard.ids(.init(type: "other")) == ["b"])
        #expect(try await yard.ids(.init(error: "No Such Table")) == ["a", "b"])
        #expect(try await yard.ids(.init(type: "mail.send", error: "table")) == ["a"])
        #expect(try await yard.ids(.init(since: 2000)) == ["b", "c", "d"])
        #expect(try await yard.ids(.init(limit: 2)) == ["c", "d"])
        #expect(try await yard.ids(.init(type: "mail.send", since: 1, limit: 1)) == ["d"])
        #expect(try await yard.ids(.init(ids: ["c", "b", "x"])) == ["b", "c"])
    }

    @Test("a retried job stands in its partition as attempt 1, with all its own", arguments: TestCluster.Kind.allCases)
    func retried(kind: TestCluster.Kind) async throws {
        let yard = try await Graveyard(kind)
        try await yard.bury([.init(id: "a", partition: 1), .init(id: "b")])
        let settlement = try await yard.letters.retry(.init(ids: ["a"]))
        #expect(settlement.letters == 1)
        #expect(try await yard.jobsInMain() == ["a"])
        let jobs = Mutex<[Record]>([])
        let partition = TopicPartition(topic: yard.queue.mainTopic, partition: 1)
        try await TopicReader.read([partition: 0..<100], configuration: yard.cluster.configuration) { record in
            jobs.withLock { $0.append(record) }
            return true
        }
        let first = jobs.withLock(\.first)
        let record = try #require(first)
        let job = try Envelope.decode(record, defaultType: "default").get()
        #expect(job.envelope.id == "a")
        #expect(job.envelope.attempt == 1)
        #expect(job.envelope.lastError == nil)
        #expect(job.payload == "{\"n\":1}")
        #expect(record.headers.filter { $0.name == "trace" }.map { $0.value?.text } == ["abc", "def"])
        #expect(try await yard.ids(.init(isOpenOnly: true)) == ["b"])
        #expect(try await yard.list().map(\.verdict).contains(.retried))
    }

    @Test("retrying again and again puts a job into the queue once", arguments: TestCluster.Kind.allCases)
    func twice(kind: TestCluster.Kind) async throws {
        let yard = try await Graveyard(kind)
        try await yard.bury((0..<30).map { .init(id: "job\($0)", partition: Int32($0 % 2)) })
        #expect(try await yard.letters.retry(.init(ids: ["job3"])).letters == 1)
        #expect(try await yard.letters.retry(.init()).letters == 29)
        let again = try await yard.letters.retry(.init())
        #expect(again.letters == 0)
        let known = try await yard.colleague("bob").retry(.init(ids: ["job3", "nobody"]))
        #expect(known.findings.settledIDs == ["job3"])
        #expect(known.findings.unknownIDs == ["nobody"])
        #expect(try await yard.jobsInMain() == (0..<30).map { "job\($0)" }.sorted())
    }

    @Test("a job that died again after its retry can be retried again, once", arguments: TestCluster.Kind.allCases)
    func diedAgain(kind: TestCluster.Kind) async throws {
        let yard = try await Graveyard(kind)
        try await yard.bury([.init(id: "a", diedAt: 1000)])
        #expect(try await yard.letters.retry(.init(ids: ["a"])).letters == 1)
        try await yard.bury([.init(id: "a", diedAt: 2000)])
        #expect(try await yard.list().map(\.verdict) == [.retried, nil])
        #expect(try await yard.letters.retry(.init(ids: ["a"])).letters == 1)
        #expect(try await yard.letters.retry(.init(ids: ["a"])).letters == 0)
        #expect(try await yard.jobsInMain() == ["a", "a"])
    }

    @Test("a discarded job is not run again, and it is known who said so and why", arguments: TestCluster.Kind.allCases)
    func discarded(kind: TestCluster.Kind) async throws {
        let yard = try await Graveyard(kind)
        try await yard.bury([.init(id: "a"), .init(id: "b")])
        #expect(try await yard.letters.discard(.init(ids: ["a"]), reason: "sent by hand").letters == 1)
        #expect(try await yard.letters.retry(.init()).letters == 1)
        #expect(try await yard.jobsInMain() == ["b"])
        var shown: [WholeDeadLetter] = []
        _ = try await yard.letters.show(.init(ids: ["a"])) { shown.append($0) }
        let whole = try #require(shown.first)
        #expect(whole.letter.verdict == .discarded)
        #expect(whole.settlement?.by == "ann")
        #expect(whole.settlement?.reason == "sent by hand")
        #expect(whole.settlement?.job == "a")
        #expect(whole.payload == "{\"n\":1}")
    }

    @Test("two who retry the same letters at the same time put each job into the queue once")
    func atTheSameTime() async throws {
        let yard = try await Graveyard(.server)
        let ids = (0..<3000).map { "job\($0)" }
        try await yard.bury(ids.enumerated().map { .init(id: $1, partition: Int32($0 % 2)) })
        let outcomes = try await withThrowingTaskGroup(of: Int.self) { group in
            for name in ["ann", "bob"] {
                let letters = try yard.colleague(name)
                group.addTask {
                    do {
                        return try await letters.retry(.init()).letters
                    } catch let error as SettlementError {
                        // The one who came first was shut out by the other; what had been done stays done.
                        #expect((error.cause as? KafkaError)?.isFenced == true, "\(error)")
                        return error.settlement.letters
                    } catch let error as KafkaError {
                        #expect(error.isFenced, "\(error)")
                        return 0
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.reduce(0, +) == 3000)
        #expect(try await yard.jobsInMain() == ids.sorted())
        #expect(try await yard.ids(.init(isOpenOnly: true)).isEmpty)
    }

    @Test("a retry that dies in the middle leaves each letter either retried or not, and the next does the rest")
    func dyingInTheMiddle() async throws {
        let yard = try await Graveyard(.server)
        try await yard.bury([.init(id: "a"), .init(id: "b", diedAt: 2000)])
        #expect(try await yard.letters.retry(.init(ids: ["a"])).letters == 1)
        // As far as a retry of b gets before its commit.
        let dying = try TransactionalProducer(
            yard.cluster.configuration,
            transactionalID: "kokanee.\(yard.queue.name).dlq"
        )
        try await dying.takeOver()
        try await dying.begin()
        var job = yard.record(.init(id: "b"))
        job.topic = yard.queue.mainTopic
        let verdict = VerdictRecord(.retried, at: 1, by: "ann", job: "b", letterTimestamp: 2000)
        let state = ProducerRecord(
            topic: yard.queue.stateTopic,
            partition: 0,
            key: VerdictRecord.key(partition: 0, offset: 1),
            value: verdict.value
        )
        try await dying.produce([job, state])
        #expect(try await yard.ids(.init(isOpenOnly: true)) == ["b"])
        #expect(try await yard.letters.retry(.init()).letters == 1)
        #expect(try await yard.jobsInMain() == ["a", "b"])
        await #expect(throws: KafkaError.self) { try await dying.commit() }
        #expect(try await yard.jobsInMain() == ["a", "b"])
    }

    @Test("a retry that is cancelled ends between two transactions, and the next does the rest")
    func cancelled() async throws {
        let yard = try await Graveyard(.server)
        try await yard.bury((0..<2500).map { .init(id: "job\($0)") })
        let letters = yard.letters
        let task = Task {
            try await letters.retry(.init()) { _, _ in withUnsafeCurrentTask { $0?.cancel() } }
        }
        let error = await #expect(throws: SettlementError.self) { try await task.value }
        #expect(error?.settlement.letters == 1000)
        #expect(error?.cause is CancellationError)
        #expect(try await yard.letters.retry(.init()).letters == 1500)
        #expect(try await yard.jobsInMain().count == 2500)
    }

    @Test("a letter that lacks its job's payload stays open and is named; one that lacks headers goes")
    func cutLetters() async throws {
        let yard = try await Graveyard(.server)
        try await yard.bury([
            .init(id: "whole"), .init(id: "shorn", cut: "headers"), .init(id: "empty", value: nil, cut: "payload"),
        ])
        let settlement = try await yard.letters.retry(.init())
        #expect(settlement.letters == 2)
        #expect(settlement.refusals.map(\.id) == ["empty"])
        #expect(try await yard.jobsInMain() == ["shorn", "whole"])
        #expect(try await yard.ids(.init(isOpenOnly: true)) == ["empty"])
        #expect(try await yard.letters.discard(.init(ids: ["empty"])).letters == 1)
    }

    @Test("a letter that the main topic does not take stays open and is named; the others go")
    func tooLarge() async throws {
        let yard = try await Graveyard(.server, mainConfigs: ["max.message.bytes": "20000"])
        let large = Bytes(String(repeating: "x", count: 30_000))
        try await yard.bury((0..<20).map { .init(id: "job\($0)", value: $0 == 7 ? large : "{}") })
        let settlement = try await yard.letters.retry(.init())
        #expect(settlement.letters == 19)
        #expect(settlement.refusals.map(\.id) == ["job7"])
        #expect(try await yard.ids(.init(isOpenOnly: true)) == ["job7"])
        #expect(try await yard.jobsInMain().count == 19)
    }

    @Test("ten thousand letters are listed, filtered and retried in seconds", arguments: TestCluster.Kind.allCases)
    func tenThousand(kind: TestCluster.Kind) async throws {
        let yard = try await Graveyard(kind)
        try await yard.bury(
            (0..<10_000).map { number in
                .init(id: "job\(number)", type: "type\(number % 10)", partition: Int32(number % 2))
            }
        )
        let start = ContinuousClock.now
        #expect(try await yard.list().count == 10_000)
        #expect(try await yard.list(.init(type: "type3", error: "NO ANSWER")).count == 1000)
        #expect(try await yard.letters.retry(.init(type: "type3")).letters == 1000)
        #expect(try await yard.letters.retry(.init()).letters == 9000)
        #expect(try await yard.letters.retry(.init()).letters == 0)
        let elapsed = ContinuousClock.now - start
        #expect(Sanitizer.isOn || elapsed < .seconds(30), "\(elapsed)")
        let jobs = try await yard.jobsInMain()
        #expect(jobs.count == 10_000)
        #expect(Set(jobs).count == 10_000)
    }

    @Test("a queue that is not there is an error that names the command to make it")
    func missing() async throws {
        let cluster = try await TestCluster.shared(.embedded)
        let letters = try DeadLetters(Queue("nowhere"), configuration: cluster.configuration)
        let error = await #expect(throws: TopicError.self) { _ = try await letters.list { _ in } }
        #expect(error?.message == "there is no queue nowhere; create it with: kokanee topics create nowhere")
    }
}
