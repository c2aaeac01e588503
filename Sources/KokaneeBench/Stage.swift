internal import Kokanee

/// Where an experiment takes place: a broker, queues on it, and parts that run against them.
///
/// Unless the user named a Kafka, the broker is the embedded one, in a process of its own that ends with the stage.
final class Stage {
    /// A queue of the experiment's own, with all its topics.
    struct StageQueue: Sendable {
        let name: String
        let partitions: Int
        let ladder: String?

        var parameters: [String: String] {
            ["queue": name, "topic": name, "partitions": "\(partitions)"].merging(
                ladder.map { ["ladder": $0] } ?? [:]
            ) { $1 }
        }
    }

    let settings: Bench.Settings
    private let family: Family
    private let label: String
    private var broker: ChildProcess?
    private let properties: [String: String]
    private var queues: [(queue: StageQueue, madeControl: Bool)] = []
    private var groups: [String: Int] = [:]
    /// The ids of queues' replays, by the queue's name.
    private var replays: [String: [String]] = [:]

    /// - Parameter label: tells this stage's topics from others' on a Kafka of the user's.
    init(_ settings: Bench.Settings, family: Family, label: String) throws {
        self.settings = settings
        self.family = family
        self.label = label
        if let cluster = settings.cluster {
            properties = cluster
        } else {
            let broker = try family.start("broker", [:], properties: [:])
            guard let line = broker.line() else {
                _ = family.end(broker, isKilled: true)
                if family.isCancelled { throw CancellationError() }
                throw BenchError("the embedded broker did not start")
            }
            self.broker = broker
            properties = ["bootstrap.servers": String(decoding: line, as: UTF8.self)]
        }
    }

    /// A count as the scale has it, and no fewer than `least`.
    func scaled(_ count: Int, least: Int = 200) -> Int {
        min(count, max(least, Int((Double(count) * settings.scale).rounded())))
    }

    // MARK: - Queues

    /// Makes a queue's topics.
    func queue(partitions: Int = 64, ladder: String? = nil) throws -> StageQueue {
        let queue = StageQueue(name: "\(label).\(queues.count)", partitions: partitions, ladder: ladder)
        guard broker == nil else {
            let rungs = try ladder.map { try Ladder(text: $0) } ?? .standard
            for topic in TopicLayout(queue: try Queue(queue.name, ladder: rungs), partitions: partitions).topics {
                try makeTopic(topic.name, partitions: topic.partitions)
            }
            queues.append((queue, false))
            return queue
        }
        let made = try family.run("topics-create", queue.parameters, properties: properties)
        queues.append((queue, made["control"] == 1))
        return queue
    }

    /// Makes the topics of a replay of a queue, which take the embedded broker's word for it; returns the replay's id.
    func replay(of queue: StageQueue) throws -> String {
        let id = ReplayID.make(at: Timestamp.now)
        replays[queue.name, default: []].append(id)
        guard broker != nil else { return id }
        let rungs = try queue.ladder.map { try Ladder(text: $0) } ?? .standard
        let replay = try Queue(queue.name, ladder: rungs).replay(id)
        for topic in replay.retryTopics + [replay.deadLetterTopic, replay.stateTopic] {
            try makeTopic(topic, partitions: queue.partitions)
        }
        return id
    }

    private func makeTopic(_ name: String, partitions: Int) throws {
        guard let broker, ChildProcess.write(Array("\(name) \(partitions)\n".utf8), to: broker.input),
            broker.line() != nil
        else {
            if family.isCancelled { throw CancellationError() }
            throw BenchError("the embedded broker has ended")
        }
    }

    /// Fills a queue with jobs, in a process of its own and by the C loop.
    ///
    /// - Parameters:
    ///   - keys: see ``KeySequence``.
    ///   - isRoundRobin: spreads the jobs over the partitions whatever their keys, so that few keys don't fill one.
    ///   - isCompressed: for more jobs in a partition than the embedded broker's 5 MiB hold.
    ///   - batchBytes: the most that one batch of the log holds before it is compressed; a consumer gets batches whole. Nil is
    ///     librdkafka's bound, of 1 MB.
    func fill(
        _ queue: StageQueue,
        jobs: Int,
        keys: String = "distinct",
        payload: Payload = .raw,
        isRoundRobin: Bool = false,
        isCompressed: Bool = false,
        batchBytes: Int? = nil
    ) throws {
        var parameters = ["topic": queue.name, "jobs": "\(jobs)", "keys": keys, "payload": payload.rawValue]
        if isRoundRobin { parameters["partitions"] = "\(queue.partitions)" }
        if isCompressed { parameters["compression"] = "zstd" }
        if let batchBytes { parameters["batch"] = "\(batchBytes)" }
        _ = try part("produce", parameters)
    }

    /// A new queue, filled with so many jobs, as the scale has it, and no fewer than `least`.
    ///
    /// - Parameter keys: see ``KeySequence``.
    func backlog(
        of count: Int,
        least: Int,
        keys: String = "distinct",
        payload: Payload = .raw
    ) throws -> (queue: StageQueue, jobs: Int) {
        let (queue, jobs) = (try queue(), scaled(count, least: least))
        try fill(queue, jobs: jobs, keys: keys, payload: payload)
        return (queue, jobs)
    }

    /// Seconds that the embedded broker has been at work so far; 0 where it is not ours.
    var brokerSeconds: Double { broker.flatMap { ProcessorTime.seconds(of: $0.pid) } ?? 0 }

    // MARK: - Parts

    func part(_ name: String, _ parameters: [String: String]) throws -> Metrics {
        try family.run(name, parameters, properties: properties)
    }

    /// A part on a queue, in a consumer group that nobody was in before.
    func part(_ name: String, on queue: StageQueue, _ parameters: [String: String]) throws -> Metrics {
        groups[queue.name, default: 0] += 1
        let group = ["group": "\(queue.name).\(groups[queue.name]!)"]
        return try part(name, queue.parameters.merging(group) { $1 }.merging(parameters) { $1 })
    }

    /// Works all of a queue's jobs.
    func work(
        _ queue: StageQueue,
        jobs: Int,
        _ handler: WorkHandler,
        _ parameters: [String: String] = [:]
    ) throws -> Metrics {
        let words = ["jobs": "\(jobs)", "handler": handler.rawValue]
        return try part("work", on: queue, words.merging(parameters) { $1 })
    }

    /// Decodes as many JSON payloads on bare threads, one a processor.
    func decode(jobs: Int) throws -> Metrics {
        try part("decode", ["jobs": "\(jobs)", "threads": "\(settings.cores)", "codec": "ours"])
    }

    /// So many bare tasks sleep, for two seconds.
    func sleep(microseconds: Int, tasks: Int) throws -> Metrics {
        let length = "\(scaled(2000, least: 100))"
        return try part(
            "sleep",
            ["microseconds": "\(microseconds)", "concurrency": "\(tasks)", "milliseconds": length]
        )
    }

    /// Ends the broker; on a Kafka of the user's, takes the topics and groups away.
    ///
    /// - Throws: ``BenchError`` with what is left behind.
    func close() throws {
        if let broker {
            _ = family.end(broker, isKilled: true)
            return
        }
        var failure: (any Error)?
        for (queue, madeControl) in queues.reversed() {
            let parameters = queue.parameters.merging([
                "groups": "\(groups[queue.name] ?? 0)", "control": madeControl ? "1" : "0",
                "replays": (replays[queue.name] ?? []).joined(separator: ","),
            ]) { $1 }
            do {
                _ = try family.run("topics-delete", parameters, properties: properties, isCleanUp: true)
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }
}
