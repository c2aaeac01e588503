import Kokanee
import RdKafka
import TestSupport

/// A queue of a test's own with its topics, and ways to fill and to count them.
struct Graveyard {
    let cluster: TestCluster
    let queue: Queue
    let letters: DeadLetters
    let partitions: Int

    /// - Parameters:
    ///   - replay: the queue is that of a replay, whose main topic has grown to as many partitions as `grownTo`.
    init(
        _ kind: TestCluster.Kind,
        partitions: Int = 2,
        mainConfigs: [String: String] = [:],
        replay: String? = nil,
        grownTo: Int? = nil
    ) async throws {
        cluster = try await TestCluster.shared(kind)
        let live = try Queue(TestCluster.uniqueName("dead"))
        queue = try replay.map { try live.replay($0) } ?? live
        self.partitions = partitions
        try await cluster.makeTopic(named: queue.mainTopic, partitions: grownTo ?? partitions, configs: mainConfigs)
        // The letters that tests write are old.
        let forEver = ["retention.ms": "-1"]
        try await cluster.makeTopic(named: queue.deadLetterTopic, partitions: partitions, configs: forEver)
        try await cluster.makeTopic(
            named: queue.stateTopic,
            partitions: partitions,
            configs: ["cleanup.policy": "compact"]
        )
        letters = try DeadLetters(queue, configuration: cluster.configuration, operatorName: "ann")
    }

    /// Somebody else who looks after the same queue.
    func colleague(_ name: String, clock: PacingClock = .continuous) throws -> DeadLetters {
        try DeadLetters(queue, configuration: cluster.configuration, operatorName: name, clock: clock)
    }

    struct Job {
        var id: String
        var type = "mail.send"
        var partition: Int32 = 0
        var error = "Timeout: no answer"
        var firstError: String?
        var diedAt: Int64 = 1_700_000_000_000
        var value: Bytes? = "{\"n\":1}"
        /// What the letter lacks of its job.
        var cut: String?
    }

    /// A dead letter as a worker writes it.
    func record(_ job: Job) -> ProducerRecord {
        let origin = Envelope.Origin(topic: queue.mainTopic, partition: job.partition, offset: 5)
        let born = Envelope(id: job.id, type: job.type, version: 2).newJobHeaders(
            source: "test",
            at: job.diedAt - 1000,
            contentType: "application/json",
            extra: [Header("trace", "abc"), Header("trace", "def")]
        )
        let climbed = Envelope.rungHeaders(
            copying: born,
            from: origin,
            attempt: 2,
            dueAt: nil,
            failure: Envelope.Failure(type: "Error", message: job.firstError ?? "first", at: job.diedAt - 500)
        )
        let parts = job.error.split(separator: ": ", maxSplits: 1).map(String.init)
        let headers = Envelope.deadLetterHeaders(
            copying: climbed,
            from: origin,
            attempt: 2,
            reason: .attemptsExhausted,
            failure: Envelope.Failure(type: parts[0], message: parts.count > 1 ? parts[1] : "", at: job.diedAt),
            at: job.diedAt
        )
        return ProducerRecord(
            topic: queue.deadLetterTopic,
            partition: job.partition,
            key: Bytes("key of \(job.id)"),
            value: job.value,
            headers: headers + (job.cut.map { [Header("kokanee-cut", Bytes($0))] } ?? []),
            timestamp: job.diedAt
        )
    }

    func bury(_ jobs: [Job]) async throws {
        let producer = try Producer(cluster.configuration)
        for result in await producer.send(jobs.map(record)) { _ = try result.get() }
        await producer.close()
    }

    func list(_ filter: DeadLetterFilter = DeadLetterFilter()) async throws -> [DeadLetter] {
        var found: [DeadLetter] = []
        _ = try await letters.list(filter) { found.append($0) }
        return found
    }

    func ids(_ filter: DeadLetterFilter = DeadLetterFilter()) async throws -> [String] {
        try await list(filter).map(\.envelope.id)
    }

    /// The keys of the jobs in the main topic, as another client reads them: committed ones only.
    func jobsInMain() async throws -> [String] {
        let output = try await Oracle.kcat([
            "-C", "-b", cluster.bootstrapServers, "-t", queue.mainTopic, "-o", "beginning", "-e", "-q", "-f", "%k\n",
        ])
        return output.split(separator: "\n").map { String($0.dropFirst("key of ".count)) }.sorted()
    }
}
