public import RdKafka

/// Compares, creates and completes the topics of queues.
public struct TopicAdministrator: Sendable {
    private let admin: AdminClient
    private let clock = ContinuousClock()

    public init(_ admin: AdminClient) {
        self.admin = admin
    }

    /// Holds the topics that are there against the queue's layout; makes none, on any broker.
    ///
    /// - Parameters:
    ///   - partitions: how many each topic should have; nil is as many as the main topic has.
    ///   - priorities: those that the queue should have beside the normal one. Topics of others are compared where they
    ///     are there.
    ///   - includingSettings: ask for the topics' settings too, where the broker tells them.
    /// - Throws: ``KafkaError``.
    public func inspect(
        _ queue: Queue,
        partitions: Int? = nil,
        priorities: Set<Priority> = [],
        includingSettings: Bool = true
    ) async throws -> TopicInspection {
        let names = TopicLayout(queue: queue).topics.map(\.name) + queue.priorityTopics.keys
        var counts: [String: Int] = [:]
        for (name, result) in try await admin.metadata(topics: names).topics {
            counts[name] = try Self.count(result)
        }
        let settings = includingSettings ? try await self.settings(of: counts.keys.sorted()) : [:]
        let observed = counts.map { name, count in
            (name, TopicLayout.Observed(partitions: count, settings: settings[name] ?? [:]))
        }
        let wanted = partitions ?? counts[queue.mainTopic] ?? TopicLayout.defaultPartitions
        let layout = TopicLayout(
            queue: queue,
            partitions: wanted,
            priorities: priorities.union(queue.priorityTopics.filter { counts[$0.key] != nil }.values),
            messageLimit: settings[queue.mainTopic]?["max.message.bytes"].flatMap { Int($0) }
                ?? TopicLayout.defaultMessageLimit
        )
        return TopicInspection(
            queue: queue,
            findings: layout.compare(with: Dictionary(uniqueKeysWithValues: observed)),
            found: counts,
            askedPartitions: partitions
        )
    }

    /// Checks that all of the queue's topics are there, with the same number of partitions.
    ///
    /// The main topic of a replay's queue may have got more of them since the replay began: they are none of its plan.
    ///
    /// - Returns: that number, of a replay's queue that of its own topics.
    /// - Throws: ``TopicError`` that names what is wrong and the command that mends it; ``KafkaError``.
    @discardableResult
    public func require(_ queue: Queue) async throws -> Int {
        let own = queue.replay == nil ? nil : try await partitions(of: queue.deadLetterTopic)
        let inspection = try await inspect(queue, partitions: own, includingSettings: false)
        let missing = inspection.missing.map(\.name)
        guard missing.isEmpty else {
            guard !missing.contains(queue.mainTopic) else { throw TopicError.noQueue(queue) }
            let lacking = missing.joined(separator: ", ")
            throw TopicError("queue \(queue.name) lacks \(lacking); create it with: \(inspection.command)")
        }
        let differences = inspection.findings.compactMap { topic, finding -> String? in
            guard case .differs(let differences) = finding, own == nil || topic.name != queue.mainTopic else {
                return nil
            }
            return "\(topic.name) \(differences.joined(separator: " and "))"
        }
        guard differences.isEmpty else {
            throw TopicError("all topics of a queue have the same partitions: \(differences.joined(separator: "; "))")
        }
        return inspection.partitions
    }

    private func partitions(of topic: String) async throws -> Int? {
        try await admin.metadata(topics: [topic]).topics[topic].flatMap(Self.count)
    }

    /// The ladder that a queue's rungs on the broker make; nil where it has none.
    ///
    /// - Throws: ``KafkaError``.
    public func ladder(of queue: Queue) async throws -> Ladder? {
        let prefix = "\(queue.name).retry."
        let delays = try await admin.metadata().topics.keys.compactMap { topic -> Duration? in
            guard topic.hasPrefix(prefix) else { return nil }
            return try? Duration(text: String(topic.dropFirst(prefix.count)))
        }
        return try? Ladder(delays.sorted())
    }

    /// The queue's main topic's `max.message.bytes`; Kafka's default where the broker does not tell.
    ///
    /// - Throws: ``KafkaError``.
    public func messageLimit(of queue: Queue) async throws -> Int {
        let settings = try await settings(of: [queue.mainTopic])[queue.mainTopic]
        return settings?["max.message.bytes"].flatMap { Int($0) } ?? TopicLayout.defaultMessageLimit
    }

    /// Creates the topics that are missing, and leaves alone those that are there.
    ///
    /// A broker without CreateTopics, such as the embedded one, makes topics of 4 partitions when they are named. That
    /// is used where 4 are wanted.
    ///
    /// - Parameters:
    ///   - partitions: of each topic; nil is as many as the main topic has, else 4.
    ///   - priorities: those that the queue is to have beside the normal one.
    ///   - replicationFactor: nil is the broker's default.
    /// - Returns: the topics as they are after it, with those that it made; some may differ from the layout.
    /// - Throws: ``TopicError`` where a topic can't be made; ``KafkaError``.
    public func create(
        _ queue: Queue,
        partitions: Int? = nil,
        priorities: Set<Priority> = [],
        replicationFactor: Int? = nil
    ) async throws -> TopicInspection {
        var inspection = try await inspect(queue, partitions: partitions, priorities: priorities)
        let partitions = inspection.partitions
        var created: Set<String> = []
        while !inspection.missing.isEmpty {
            // The main topic first: what its broker gives it by itself, the others are measured by.
            let main = inspection.missing.filter { $0.name == queue.mainTopic }
            let topics = main.isEmpty ? inspection.missing : main
            do {
                try await create(topics, replicationFactor: replicationFactor)
            } catch let error as KafkaError where error.isUnsupported {
                try await createByNaming(topics, of: inspection)
            }
            inspection = try await appearance(of: topics, queue, partitions: partitions, priorities: priorities)
            created.formUnion(topics.map(\.name))
        }
        inspection.created = created
        return inspection
    }

    /// Creates the control topic where there is none: one that a broker makes by itself would not be compacted.
    ///
    /// A broker without CreateTopics is left to make it when something is written there.
    ///
    /// - Throws: ``TopicError`` where it can't be made; ``KafkaError``.
    func createControlTopic() async throws {
        let topic = TopicLayout.control
        let found = try await admin.metadata(topics: [topic.name]).topics[topic.name]
        guard try found.flatMap(Self.count) == nil else { return }
        do {
            try await create([topic], replicationFactor: nil)
        } catch let error as KafkaError where error.isUnsupported {
            return
        }
        let deadline = clock.now + .seconds(10)
        while try await admin.metadata(topics: [topic.name]).partitions(of: topic.name) == nil, clock.now < deadline {
            try await Task.sleep(for: .milliseconds(50), clock: clock)
        }
    }

    private func create(_ topics: [TopicLayout.Topic], replicationFactor: Int?) async throws {
        let failures = try await admin.createTopics(
            topics.map {
                NewTopic(
                    name: $0.name,
                    partitions: $0.partitions,
                    replicationFactor: replicationFactor,
                    configs: $0.settings
                )
            }
        )
        // Somebody else may be creating the same queue at this moment.
        let failed = failures.filter { $0.value.code != .topicAlreadyExists }.sorted { $0.key < $1.key }
        guard let first = failed.first else { return }
        if failed.allSatisfy({ $0.value.isUnsupported }) { throw first.value }
        let others = failed.count > 1 ? " (and \(failed.count - 1) more)" : ""
        throw TopicError("can't create topic \(first.key): \(first.value.message)\(others)")
    }

    private func createByNaming(_ topics: [TopicLayout.Topic], of inspection: TopicInspection) async throws {
        let made = TopicLayout.defaultPartitions
        guard inspection.partitions == made else {
            throw TopicError(
                """
                this broker does not create topics on request, and the topics that it makes when they are named have \
                \(made) partitions, not \(inspection.partitions); ask for \(made), or, if it is the embedded broker, \
                start it with: \(inspection.brokerCommand)
                """
            )
        }
        _ = try await admin.metadata(topics: topics.map(\.name), allowAutoCreate: true)
    }

    /// The queue's topics once those that were made can be seen, which takes brokers a moment.
    private func appearance(
        of topics: [TopicLayout.Topic],
        _ queue: Queue,
        partitions: Int,
        priorities: Set<Priority>
    ) async throws -> TopicInspection {
        let deadline = clock.now + .seconds(10)
        while true {
            let inspection = try await inspect(queue, partitions: partitions, priorities: priorities)
            guard let late = inspection.missing.first(where: topics.contains) else { return inspection }
            guard clock.now < deadline else {
                throw TopicError("topic \(late.name) was created and does not appear; look at the broker's log")
            }
            try await Task.sleep(for: .milliseconds(50), clock: clock)
        }
    }

    /// The topic's partitions; nil where it is on its way to being deleted, which is as good as gone.
    private static func count(_ result: Result<Int, KafkaError>) throws -> Int? {
        do {
            return try result.get()
        } catch {
            guard error.code == .unknownTopicOrPartition else { throw error }
            return nil
        }
    }

    /// Settings by topic; empty where the broker does not tell them, or not to us.
    private func settings(of topics: [String]) async throws -> [String: [String: String]] {
        var settings: [String: [String: String]] = [:]
        for topic in topics {
            do {
                settings[topic] = try await admin.describeConfigs(topic: topic).compactMapValues(\.value)
            } catch {
                // The broker that is asked may not have heard of a new topic yet.
                if error.code == .unknownTopicOrPartition { continue }
                guard error.isUnsupported || error.code == .topicAuthorizationFailed else { throw error }
                return settings
            }
        }
        return settings
    }

    /// The smallest `max.message.bytes` of topics; nil where the broker does not tell it, or not to us.
    static func smallestBatchLimit(of topics: [String], _ client: ClientConfiguration) async -> Int? {
        guard let admin = try? AdminClient(client) else { return nil }
        return await withTaskGroup(of: Int?.self) { group in
            for topic in topics {
                group.addTask {
                    let configs = try? await admin.describeConfigs(topic: topic, timeout: .seconds(5))
                    return configs?["max.message.bytes"]?.value.flatMap { Int($0) }
                }
            }
            return await group.reduce(nil) { least, limit in [least, limit].compactMap(\.self).min() }
        }
    }
}
