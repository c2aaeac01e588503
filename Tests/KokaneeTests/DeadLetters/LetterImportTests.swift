import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("Importing dead letters", .timeLimit(.minutes(3)))
struct LetterImportTests {
    private static func export(_ yard: Graveyard, _ filter: DeadLetterFilter = .init()) async throws -> [String] {
        var lines: [String] = []
        _ = try await yard.letters.export(filter) { lines.append(String(decoding: $0, as: UTF8.self)) }
        return lines
    }

    private static func run(
        _ letters: DeadLetters,
        _ lines: [String],
        executes: Bool = true,
        keepsGoing: Bool = false,
        rate: Rate? = nil
    ) async throws -> (tally: LetterImport.Tally, refusals: [LetterImport.Refusal], hasEnded: Bool) {
        var work = try await letters.beginImport(executes: executes, keepsGoing: keepsGoing, reason: "why", rate: rate)
        var refusals: [LetterImport.Refusal] = []
        try await work.take(
            lines.enumerated().map { .init(number: $0 + 1, bytes: Array($1.utf8)) },
            report: { refusals.append($0) }
        )
        return (work.tally, refusals, work.hasEnded)
    }

    private static func tally(same: Int = 0, edited: Int = 0, rekeyed: Int = 0, settled: Int = 0, refused: Int = 0)
        -> LetterImport.Tally
    {
        var tally = LetterImport.Tally()
        tally.same = same
        tally.edited = edited
        tally.rekeyed = rekeyed
        tally.settled = settled
        tally.refused = refused
        return tally
    }

    private static func records(_ yard: Graveyard) async throws -> [Record] {
        let records = Mutex<[Record]>([])
        let ranges = (0..<yard.partitions).map { partition in
            (TopicPartition(topic: yard.queue.mainTopic, partition: Int32(partition)), Int64(0)..<1000)
        }
        try await TopicReader.read(
            Dictionary(uniqueKeysWithValues: ranges),
            configuration: yard.cluster.configuration
        ) { record in
            records.withLock { $0.append(record) }
            return true
        }
        return records.withLock { $0 }
    }

    @Test("edited letters go back once each, with their ids, to their partitions", arguments: TestCluster.Kind.allCases)
    func edited(kind: TestCluster.Kind) async throws {
        let yard = try await Graveyard(kind)
        try await yard.bury([
            .init(id: "a", partition: 1), .init(id: "b"), .init(id: "c", partition: 1), .init(id: "d"),
        ])
        _ = try await yard.letters.discard(.init(ids: ["d"]))
        var lines = try await Self.export(yard, .init(isOpenOnly: true))
        #expect(lines.count == 3)
        lines = lines.map { line in
            line.contains(#""id":"a""#)
                ? line.replacing(#""data":{"n":1}"#, with: #""data":{"n": 2}"#)
                    .replacing(#""type":"mail.send""#, with: #""type":"mail.again""#) : line
        }
        let dry = try await Self.run(yard.letters, lines, executes: false)
        #expect(dry.tally == Self.tally(same: 2, edited: 1))
        #expect(try await yard.jobsInMain().isEmpty)
        let done = try await Self.run(yard.letters, lines)
        #expect(done.tally == dry.tally)
        #expect(done.refusals.isEmpty)
        #expect(try await yard.jobsInMain() == ["a", "b", "c"])
        let records = try await Self.records(yard)
        #expect(records.map(\.partition).sorted() == [0, 1, 1])
        for record in records {
            let job = try Envelope.decode(record, defaultType: "default").get()
            let isEdited = job.envelope.id == "a"
            #expect(record.partition == (job.envelope.id == "b" ? 0 : 1))
            #expect(job.payload == (isEdited ? "{\"n\": 2}" : "{\"n\":1}"))
            #expect(job.envelope.type == (isEdited ? "mail.again" : "mail.send"))
            #expect(job.envelope.version == 2)
            #expect(job.envelope.attempt == 1)
            #expect(job.envelope.lastError == nil)
            #expect(record.headers.filter { $0.name == "trace" }.map { $0.value?.text } == ["abc", "def"])
            let from = record.headers.filter { $0.name == "kokanee-retried-from" }.map { $0.value?.text ?? "" }
            #expect(from.count == 1)
            #expect(from.first?.hasPrefix("\(yard.queue.deadLetterTopic)/\(record.partition)/") == true)
        }
        let letters = try await yard.list()
        #expect(letters.allSatisfy { $0.verdict == ($0.envelope.id == "d" ? .discarded : .retried) })
        #expect(
            letters.filter { $0.verdict == .retried }.allSatisfy { $0.verdictReason == "why" && $0.verdictBy == "ann" }
        )
        // The same file again.
        let again = try await Self.run(yard.letters, lines)
        #expect(again.tally == Self.tally(settled: 3))
        #expect(again.refusals.map(\.isSettled) == [true, true, true])
        #expect(again.refusals.first?.reason == "its letter has the verdict retried already")
        #expect(!again.hasEnded)
        #expect(try await yard.jobsInMain() == ["a", "b", "c"])
    }

    @Test("a job with another key goes where other producers put that key")
    func rekeyed() async throws {
        let yard = try await Graveyard(.server, partitions: 4)
        try await yard.bury((0..<8).map { .init(id: "job\($0)", partition: Int32($0 % 4)) })
        let lines = try await Self.export(yard).map { $0.replacing("key of job", with: "key of new") }
        #expect(try await Self.run(yard.letters, lines).tally == Self.tally(edited: 8, rekeyed: 8))
        let records = try await Self.records(yard)
        #expect(records.count == 8)
        let producer = try Producer(yard.cluster.configuration)
        for record in records {
            let delivery = try await producer.send(
                ProducerRecord(topic: yard.queue.mainTopic, key: record.key, value: nil)
            )
            #expect(delivery.topicPartition.partition == record.partition)
        }
        await producer.close()
    }

    @Test("nothing after a wrong line is sent, unless it keeps going; a dry run names all of them")
    func wrongLines() async throws {
        let yard = try await Graveyard(.server)
        try await yard.bury((0..<4).map { .init(id: "job\($0)") })
        var lines = try await Self.export(yard)
        lines.insert("{", at: 2)
        lines.insert(#"{"letter":"\#(yard.queue.deadLetterTopic)/0/99","id":"x"}"#, at: 4)
        let dry = try await Self.run(yard.letters, lines, executes: false)
        #expect(dry.tally == Self.tally(same: 4, refused: 2))
        #expect(dry.refusals.map(\.line) == [3, 5])
        let ended = try await Self.run(yard.letters, lines)
        #expect(ended.tally == Self.tally(same: 2, refused: 1))
        #expect(ended.hasEnded)
        #expect(try await yard.jobsInMain() == ["job0", "job1"])
        let rest = try await Self.run(yard.letters, lines, keepsGoing: true)
        #expect(rest.tally == Self.tally(same: 2, settled: 2, refused: 2))
        #expect(try await yard.jobsInMain() == ["job0", "job1", "job2", "job3"])
    }

    @Test(
        "a line for no letter of this queue is refused",
        arguments: [
            (#"{"letter":"DLQ/0/77","id":"a"}"#, "there is no letter"),
            (#"{"letter":"DLQ/7/0","id":"a"}"#, "there is no letter"),
            (#"{"letter":"DLQ/2147483647/9223372036854775806","id":"a"}"#, "there is no letter"),
            (#"{"letter":"other.dlq/0/0","id":"a"}"#, "other.dlq/0/0 is not a letter of"),
            (#"{"letter":"DLQ/0/0","id":"b"}"#, "is the letter of job \"a\", not of \"b\""),
        ]
    )
    func unknown(line: String, reason: String) async throws {
        let yard = try await Graveyard(.embedded)
        try await yard.bury([.init(id: "a")])
        let run = try await Self.run(yard.letters, [line.replacing("DLQ", with: yard.queue.deadLetterTopic)])
        #expect(run.tally == Self.tally(refused: 1))
        #expect(run.refusals.first?.reason.contains(reason) == true, "\(run.refusals)")
        #expect(try await yard.ids(.init(isOpenOnly: true)) == ["a"])
    }

    @Test("the same letter twice in a file goes back once")
    func twiceInOneFile() async throws {
        let yard = try await Graveyard(.server)
        try await yard.bury([.init(id: "a")])
        let lines = try await Self.export(yard)
        let run = try await Self.run(yard.letters, lines + lines, keepsGoing: true)
        #expect(run.tally == Self.tally(same: 1, refused: 1))
        #expect(run.refusals.first?.reason.hasSuffix("is the letter of line 1, too") == true)
        #expect(try await yard.jobsInMain() == ["a"])
    }

    @Test("a job that the topic does not take ends it there, and what stands before it has gone")
    func tooLarge() async throws {
        let yard = try await Graveyard(.server, mainConfigs: ["max.message.bytes": "20000"])
        try await yard.bury((0..<9).map { .init(id: "job\($0)") })
        let large = "\"data\":\"\(String(repeating: "x", count: 30_000))\""
        let lines = try await Self.export(yard).enumerated().map {
            $0 == 6 ? $1.replacing("\"data\":{\"n\":1}", with: large) : $1
        }
        let ended = try await Self.run(yard.letters, lines)
        #expect(ended.tally == Self.tally(same: 6, refused: 1))
        #expect(ended.refusals.map(\.line) == [7])
        #expect(ended.hasEnded)
        #expect(try await yard.jobsInMain() == (0..<6).map { "job\($0)" })
        let rest = try await Self.run(yard.letters, lines, keepsGoing: true)
        #expect(rest.tally == Self.tally(same: 2, settled: 6, refused: 1))
        #expect(try await yard.ids(.init(isOpenOnly: true)) == ["job6"])
    }

    @Test("an import and a retry at the same time put each job back once")
    func together() async throws {
        let yard = try await Graveyard(.server)
        try await yard.bury((0..<1500).map { .init(id: "job\($0)", partition: Int32($0 % 2)) })
        let lines = try await Self.export(yard)
        let (ann, bob) = (yard.letters, try yard.colleague("bob"))
        async let retry = try? await ann.retry(.init())
        async let imported = try? await Self.run(bob, lines)
        _ = await (retry, imported)
        // Whoever came last shut the other out, and may have been shut out itself before it began.
        _ = try await Self.run(yard.letters, lines)
        #expect(try await yard.jobsInMain() == (0..<1500).map { "job\($0)" }.sorted())
    }

    @Test("an import that dies before its commit has done nothing, and the next does it")
    func dying() async throws {
        let yard = try await Graveyard(.server)
        try await yard.bury([.init(id: "a")])
        let lines = try await Self.export(yard)
        let dying = try TransactionalProducer(
            yard.cluster.configuration,
            transactionalID: "kokanee.\(yard.queue.name).dlq"
        )
        try await dying.takeOver()
        try await dying.begin()
        var job = yard.record(.init(id: "a"))
        job.topic = yard.queue.mainTopic
        let letter = try #require(try await yard.list().first)
        let verdict = VerdictRecord(.retried, at: 1, by: "ann", job: "a", letterTimestamp: 1_700_000_000_000)
        let place = LetterPlace(partition: letter.place.partition, offset: letter.place.offset)
        try await dying.produce([job, verdict.record(in: yard.queue, on: place)])
        #expect(try await Self.run(yard.letters, lines).tally == Self.tally(same: 1))
        await #expect(throws: KafkaError.self) { try await dying.commit() }
        #expect(try await yard.jobsInMain() == ["a"])
    }

    @Test(
        "a replay's letters go back into live work, and say of which replay they are",
        arguments: TestCluster.Kind.allCases
    )
    func replay(kind: TestCluster.Kind) async throws {
        let yard = try await Graveyard(kind, replay: "20261125-214400-k3f9", grownTo: 4)
        try await yard.bury([.init(id: "a", partition: 1), .init(id: "b")])
        #expect(try await yard.letters.retry(.init(ids: ["a"])).letters == 1)
        #expect(try await Self.run(yard.letters, try await Self.export(yard, .init(isOpenOnly: true))).tally.same == 1)
        #expect(try await yard.jobsInMain() == ["a", "b"])
        for record in try await Self.records(yard) {
            let replays = record.headers.filter { $0.name == "kokanee-replay" }.map { $0.value?.text }
            #expect(replays == ["20261125-214400-k3f9"])
            let job = try Envelope.decode(record, defaultType: "default").get()
            #expect(record.partition == (job.envelope.id == "a" ? 1 : 0))
        }
        #expect(try await yard.letters.retry(.init()).letters == 0)
    }

    @Test("a replay that is not there is an error that says so")
    func noReplay() async throws {
        let cluster = try await TestCluster.shared(.embedded)
        let yard = try await Graveyard(.embedded)
        let queue = try yard.queue.replay("20261125-214400-k3f9")
        let letters = try DeadLetters(queue, configuration: cluster.configuration)
        let error = await #expect(throws: TopicError.self) { _ = try await letters.list { _ in } }
        #expect(error?.message.contains("there is no replay 20261125-214400-k3f9 of \(yard.queue.name)") == true)
    }
}
