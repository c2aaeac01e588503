import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("A worker when things fail")
struct WorkerFaultTests {
    private struct Broken: Error {}

    @Test(
        "an attempt that ignores its cancellation loses its slot to the next job, and its late result counts for nothing"
    )
    func stuck() async throws {
        let fixture = try WorkerFixture(ladder: "1s")
        try await fixture.enqueue(3)
        let ledger = Ledger()
        let gate = Gate()
        let configure: (inout WorkerConfiguration) -> Void = {
            $0.concurrency = 1
            $0.attemptTimeout = .milliseconds(300)
            $0.cancellationGrace = .milliseconds(100)
        }
        let worker = try fixture.worker(configure) { job, context in
            try await ledger.run(job) {
                if job == 0, context.attempt == 1 { await gate.passStubbornly() }
            }
        }
        try await running(worker) {
            try await eventually("the others run, and the stuck one's next attempt") { ledger.ends.count == 3 }
            #expect(ledger.starts == [0, 1, 2, 0])
            let statistics = worker.statistics
            #expect(statistics.stuck == 1 && statistics.retried == 1)
            try await eventually("all is committed") { try await fixture.committed()?.offset == 3 }
            gate.open()
            try await eventually("the stuck attempt returns") { ledger.ends.count == 4 }
        }
        #expect(worker.statistics.completed == 3, "two jobs, and the stuck one's second attempt")
        #expect(try await fixture.records(of: fixture.queue.retryTopics[0]).count == 1)
    }

    @Test("an attempt over its time that heeds its cancellation is a failed one")
    func timeout() async throws {
        let fixture = try WorkerFixture(ladder: "1s")
        try await fixture.enqueue(1)
        let ledger = Ledger()
        let worker = try fixture.worker(set(\.attemptTimeout, .milliseconds(200))) { job, context in
            try await ledger.run(job) { if context.attempt == 1 { try await Task.sleep(for: .seconds(60)) } }
        }
        try await running(worker) {
            try await eventually("the second attempt ends") { ledger.ends == [0] }
        }
        #expect(ledger.starts == [0, 0])
        #expect(worker.statistics.stuck == 0 && worker.statistics.failedAttempts == 1)
        let retried = try await fixture.records(of: fixture.queue.retryTopics[0])
        let error = retried.first?.headers.first { $0.name == "kokanee-error" }?.value?.text
        #expect(error?.hasPrefix("Timeout: ") == true)
    }

    @Test("a hop that the broker refuses leaves its source unfinished until one is acknowledged")
    func hops() async throws {
        let fixture = try WorkerFixture(ladder: "1s")
        try await fixture.enqueue(3)
        fixture.broker.failNext(.produce, with: Array(repeating: .topicAuthorizationFailed, count: 1000))
        let worker = try fixture.worker { job, context in
            if job == 0, context.attempt == 1 { throw Broken() }
        }
        try await running(worker) {
            try await eventually("the others are finished, and the hop has failed again") {
                worker.statistics.completed == 2 && worker.statistics.failedHops >= 2
            }
            try await eventually("the commit says so") {
                guard let committed = try await fixture.committed() else { return false }
                let metadata = CommitMetadata(text: committed.metadata, above: committed.offset)
                return committed.offset == 0 && metadata?.completed.runs == [1..<3]
            }
            fixture.broker.stopFailing(.produce)
            try await eventually("the job runs from the rung") { worker.statistics.completed == 3 }
            try await eventually("its source is finished") { try await fixture.committed()?.offset == 3 }
        }
        #expect(try await fixture.records(of: fixture.queue.retryTopics[0]).count == 1)
    }

    @Test("hops beyond what the producer's queue holds wait for room, and none is lost")
    func narrowProducer() async throws {
        let fixture = try WorkerFixture(properties: ["queue.buffering.max.messages": "3"])
        try await fixture.enqueue(200)
        let worker = try fixture.worker(set(\.circuit, nil)) { _, _ in throw JobError.deadLetter("never") }
        try await running(worker) {
            try await eventually("all are dead letters, and finished") {
                try await fixture.committed()?.offset == 200
            }
        }
        let dead = try await fixture.records(of: fixture.queue.deadLetterTopic).compactMap { Int($0.value?.text ?? "") }
        #expect(dead.sorted() == Array(0..<200))
        #expect(worker.inFlight == 0)
    }

    @Test(
        "a job that no other topic takes whole is a dead letter all the same, without as little of it as can be",
        arguments: [
            // Payload, foreign headers, and what the letter lacks: the rung, and the dead letters, take 20,000 bytes.
            (19_800, 0, nil, true), (19_800, 0, nil, false), (19_000, 30_000, "headers", true),
            (100, 30_000, "headers", false), (30_000, 30_000, "payload", true), (30_000, 0, "payload", false),
        ] as [(Int, Int, String?, Bool)]
    )
    func tooLarge(payload size: Int, headers headerSize: Int, cut: String?, isRetried: Bool) async throws {
        let fixture = try WorkerFixture()
        let producer = try Producer(ClientConfiguration(bootstrapServers: fixture.broker.bootstrapServers))
        let headers = (0..<headerSize / 1000).map { Header("x\($0)", Bytes([UInt8](repeating: 0x78, count: 990))) }
        let payload = Bytes([UInt8](repeating: 0x20, count: size))
        let large = ProducerRecord(topic: "q", partition: 0, key: "k", value: payload, headers: headers)
        _ = try await producer.send(large).offset
        _ = try await producer.send(ProducerRecord(topic: "q", partition: 0, value: "1", headers: [])).offset
        var narrow = fixture.client
        narrow.properties["message.max.bytes"] = "20000"
        let worker = try fixture.worker(client: narrow) { job, _ in
            guard job == 1 else { throw isRetried ? JobError.retry("no luck") : JobError.deadLetter("never") }
        }
        try await running(worker) {
            try await eventually("both are finished") { try await fixture.committed()?.offset == 2 }
        }
        let letters = try await fixture.records(of: fixture.queue.deadLetterTopic)
        if cut == nil, isRetried { return #expect(letters.isEmpty, "it fits on the rung without its errors") }
        let letter = try #require(letters.first)
        #expect(letters.count == 1)
        func header(_ name: String) -> String? { letter.headers.last { $0.name == name }?.value?.text }
        #expect(header("kokanee-cut") == cut)
        #expect(header("kokanee-reason") == (isRetried ? "too-large" : "rejected"))
        #expect(header("kokanee-origin") == "q/0/0")
        #expect(letter.key == "k")
        #expect(letter.value == (cut == "payload" ? nil : payload))
        #expect(letter.headers.count { $0.name.hasPrefix("x") } == (cut == nil ? headers.count : 0))
        #expect(worker.inFlight == 0)
    }

    @Test(
        "commits that are refused are made up for",
        arguments: [KafkaError.Code.illegalGeneration, .unknownMemberID, .unknown, .offsetMetadataTooLarge]
    )
    func commits(code: KafkaError.Code) async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(50)
        fixture.broker.failNext(.offsetCommit, with: Array(repeating: code, count: 3))
        let worker = try fixture.worker { _, _ in }
        try await running(worker) {
            try await eventually("all is committed", within: .seconds(30)) {
                try await fixture.committed()?.offset == 50
            }
        }
        // Where the refusal means that the group went on without this member, it begins anew.
        #expect(worker.statistics.completed >= 50)
    }

    @Test("what a broker's absence interrupts goes on when it is back")
    func brokerDown() async throws {
        let fixture = try WorkerFixture(brokers: 3)
        try await fixture.enqueue(300)
        let ledger = Ledger()
        let gate = Gate()
        let worker = try fixture.worker { job, context in
            try await ledger.run(job) {
                if job == 150 { try await gate.pass() }
                if job % 50 == 7, context.attempt == 1 { throw Broken() }
            }
        }
        try await running(worker) {
            try await eventually("work is under way") { ledger.ends.count > 100 }
            try fixture.broker.setBrokerDown()
            gate.open()
            try await eventually("what was read is finished") { ledger.ends.contains(150) }
            try fixture.broker.setBrokerUp()
            try await eventually("all have run, and all is committed", within: .seconds(40)) {
                let committed = try await fixture.committed()?.offset
                return Set(ledger.ends).count == 300 && committed == 300
            }
        }
    }

    @Test("a producer's fatal error costs no hop")
    func fatalProducer() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(20)
        let worker = try fixture.worker { _, _ in throw JobError.deadLetter("never") }
        // CLUSTER_AUTHORIZATION_FAILED while it asks for its id.
        fixture.broker.failNext(.initProducerID, with: [KafkaError.Code(rawValue: 31)])
        try await running(worker) {
            try await eventually("all is finished") { try await fixture.committed()?.offset == 20 }
        }
        let dead = try await fixture.records(of: fixture.queue.deadLetterTopic).compactMap { Int($0.value?.text ?? "") }
        #expect(Set(dead) == Set(0..<20))
    }
}
