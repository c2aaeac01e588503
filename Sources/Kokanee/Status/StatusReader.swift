public import RdKafka

/// Finds out how queues stand. It only reads, and joins no group.
///
/// A status costs a handful of requests whatever the number of partitions; beyond those it reads the oldest waiting
/// record of each partition that has one, and, where there are dead letters, the queue's state topic.
public struct StatusReader: Sendable {
    private let configuration: ClientConfiguration
    private let admin: AdminClient

    /// - Throws: ``KafkaError`` where librdkafka refuses a property.
    public init(_ configuration: ClientConfiguration) throws(KafkaError) {
        self.configuration = configuration
        admin = try AdminClient(configuration)
    }

    /// The names of the queues on the cluster: topics beside which there is a dead-letter and a state topic.
    public func queues() async throws -> [String] {
        let topics = Set(try await admin.metadata().topics.keys)
        return topics.filter { topic in
            guard let queue = try? Queue(topic) else { return false }
            return topics.contains(queue.deadLetterTopic) && topics.contains(queue.stateTopic)
        }.sorted()
    }

    /// How a queue stands.
    ///
    /// - Parameters:
    ///   - queue: its ladder does not matter: the rungs that the cluster has are counted.
    ///   - stalledAfter: for how long a watermark may stand still while there is work.
    /// - Throws: ``TopicError`` where there is no such queue, with the command that creates it; ``KafkaError``.
    public func status(of queue: Queue, stalledAfter: Duration = .seconds(60)) async throws -> QueueStatus {
        let topics = try await admin.metadata().topics
        guard let main = try Self.partitions(of: queue.mainTopic, topics) else {
            throw TopicError.noQueue(queue)
        }
        let rungs = Self.rungs(of: queue, topics)
        let urgent = try queue.priorityTopics.keys.sorted().flatMap { try Self.partitions(of: $0, topics) ?? [] }
        let worked = try main + urgent + rungs.keys.sorted().flatMap { try Self.partitions(of: $0, topics) ?? [] }
        let deadLetters = try Self.partitions(of: queue.deadLetterTopic, topics) ?? []
        let state = try Self.partitions(of: queue.stateTopic, topics) ?? []

        // In this order: what is worked meanwhile makes a count too high, never below zero.
        let membership = try await GroupMembership.read(queue.group, admin)
        let committed = try await admin.committedOffsets(group: queue.group, worked)
        let extents = try await admin.extents(of: worked + deadLetters + state)
        func range(_ partition: TopicPartition) -> Range<Int64> { extents[partition] ?? 0..<0 }

        var snapshot = QueueSnapshot(queue: queue, takenAt: Timestamp.now, membership: membership)
        snapshot.rungs = rungs
        for partition in worked {
            let range = range(partition)
            snapshot.logs[partition] = .init(
                low: range.lowerBound,
                end: range.upperBound,
                committed: committed[partition] ?? nil
            )
        }
        snapshot.dead = try await DeadLetterCount(configuration).count(
            letters: Dictionary(uniqueKeysWithValues: deadLetters.map { ($0.partition, range($0)) }),
            state: Dictionary(uniqueKeysWithValues: state.map { ($0, range($0)) })
        )
        let unfinished = (main + urgent).compactMap { partition in
            snapshot.logs[partition]?.unfinished.map { (partition, $0) }
        }
        snapshot.oldest = try await OldestJobs(configuration, defaultType: queue.defaultType).read(
            Dictionary(uniqueKeysWithValues: unfinished)
        )
        do {
            let control = try Self.partitions(of: Queue.controlTopic, topics) ?? []
            let reports = try await ReportReader(configuration: configuration, admin: admin)
                .read(control, group: nil, now: Timestamp.now)
            snapshot.reports = reports.filter { $0.report.group == queue.group }
            snapshot.otherReports = reports.filter {
                $0.report.queue == queue.name && $0.report.group != queue.group
            }
            let entries = try await ControlTopic(configuration).read(prefixes: QueueOrders.prefixes(queue: queue.name))
            snapshot.orders = QueueOrders(entries, queue: queue.name, now: Timestamp.now)
        } catch let error as KafkaError {
            // The queue's own numbers don't depend on it, and this client may lack the right to read the topic.
            snapshot.reportFailure = "\(error)"
        }
        return snapshot.status(stalledAfter: stalledAfter.milliseconds)
    }

    /// Nil for a topic that is missing, or on its way to being deleted.
    private static func partitions(
        of topic: String,
        _ topics: [String: Result<Int, KafkaError>]
    ) throws(KafkaError) -> [TopicPartition]? {
        guard let found = topics[topic] else { return nil }
        do {
            return (0..<Int32(clamping: try found.get())).map { TopicPartition(topic: topic, partition: $0) }
        } catch {
            guard error.code == .unknownTopicOrPartition else { throw error }
            return nil
        }
    }

    /// The topics of the queue's rungs, of whichever ladder, with their delays in milliseconds.
    private static func rungs(of queue: Queue, _ topics: [String: Result<Int, KafkaError>]) -> [String: Int64] {
        let prefix = "\(queue.name).retry."
        var rungs: [String: Int64] = [:]
        for topic in topics.keys where topic.hasPrefix(prefix) {
            rungs[topic] = (try? Duration(text: String(topic.dropFirst(prefix.count))))?.milliseconds
        }
        return rungs
    }
}
