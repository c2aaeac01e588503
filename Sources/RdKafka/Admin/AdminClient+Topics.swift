internal import CRdKafka

extension AdminClient {
    /// Creates topics, each by itself: some may fail while others are there.
    ///
    /// A topic may take a moment to show in ``metadata(topics:allowAutoCreate:timeout:)`` after that.
    ///
    /// - Returns: the topics that failed, by name, with why: `topicAlreadyExists` for one. Empty is success.
    /// - Throws: ``KafkaError`` where the request as a whole failed, or can't be made (`localInvalidArgument`).
    public func createTopics(
        _ topics: [NewTopic],
        timeout: Duration = .seconds(30)
    ) async throws(KafkaError) -> [String: KafkaError] {
        guard !topics.isEmpty else { return [:] }
        let deadline = Deadline(after: timeout)
        return try await session.run { session throws(KafkaError) in
            var failures: [String: KafkaError]
            do throws(KafkaError) {
                failures = try Self.create(topics, session, deadline)
            } catch {
                // librdkafka refuses it by itself where the broker is older than KIP-464.
                let leavesReplication = topics.contains { $0.replicationFactor == nil }
                guard error.isUnsupported, leavesReplication else { throw error }
                return try Self.create(try Self.replicated(topics, session, deadline), session, deadline)
            }
            let refused = topics.filter {
                $0.replicationFactor == nil && failures[$0.name]?.code == .invalidReplicationFactor
            }
            guard !refused.isEmpty else { return failures }
            let second = try Self.create(try Self.replicated(refused, session, deadline), session, deadline)
            for topic in refused { failures[topic.name] = second[topic.name] }
            return failures
        }
    }

    /// Deletes topics, each by itself, as ``createTopics(_:timeout:)`` creates them.
    public func deleteTopics(
        _ names: [String],
        timeout: Duration = .seconds(30)
    ) async throws(KafkaError) -> [String: KafkaError] {
        guard !names.isEmpty else { return [:] }
        let deadline = Deadline(after: timeout)
        return try await session.run { session throws(KafkaError) in
            let operation = Self.operation("deleting", topics: names)
            var deletions = names.map { rd_kafka_DeleteTopic_new($0) }
            defer { rd_kafka_DeleteTopic_destroy_array(&deletions, deletions.count) }
            return try session.request(
                RD_KAFKA_ADMIN_OP_DELETETOPICS,
                operation,
                deadline,
                send: { rd_kafka_DeleteTopics($0, &deletions, deletions.count, $1, $2) },
                read: { event in
                    var count = 0
                    let results = rd_kafka_DeleteTopics_result_topics(event, &count)
                    return Self.failures(results, count, "deleting")
                }
            )
        }
    }

    /// The configs of a topic by name, those with the broker's default too.
    ///
    /// - Throws: ``KafkaError`` with `unknownTopicOrPartition` where there is no such topic.
    public func describeConfigs(
        topic: String,
        timeout: Duration = .seconds(10)
    ) async throws(KafkaError) -> [String: TopicConfig] {
        let deadline = Deadline(after: timeout)
        return try await session.run { session throws(KafkaError) in
            let operation = "describing the configs of topic \(topic)"
            var resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic)
            defer { rd_kafka_ConfigResource_destroy(resource) }
            return try session.request(
                RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
                operation,
                deadline,
                send: { rd_kafka_DescribeConfigs($0, &resource, 1, $1, $2) },
                read: { event throws(KafkaError) in
                    var count = 0
                    guard let described = rd_kafka_DescribeConfigs_result_resources(event, &count)?.pointee else {
                        return [:]
                    }
                    let code = rd_kafka_ConfigResource_error(described)
                    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
                        let message = rd_kafka_ConfigResource_error_string(described).map { String(cString: $0) }
                        throw KafkaError(code, operation: operation, message: message)
                    }
                    return Self.configs(described)
                }
            )
        }
    }

    /// Deletes the records below the given offsets; -1 is all that is there.
    ///
    /// - Returns: for each partition its first offset now, or why nothing was deleted.
    public func deleteRecords(
        before offsets: [TopicPartition: Int64],
        timeout: Duration = .seconds(30)
    ) async throws(KafkaError) -> [TopicPartition: Result<Int64, KafkaError>] {
        guard !offsets.isEmpty else { return [:] }
        let deadline = Deadline(after: timeout)
        return try await session.run { session throws(KafkaError) in
            let operation = "deleting records of \(offsets.count) partitions"
            let list = TopicPartitionList(capacity: offsets.count)
            for (partition, offset) in offsets { list.add(partition, offset: offset) }
            var deletion = rd_kafka_DeleteRecords_new(list.pointer)
            defer { rd_kafka_DeleteRecords_destroy(deletion) }
            return try session.request(
                RD_KAFKA_ADMIN_OP_DELETERECORDS,
                operation,
                deadline,
                send: { rd_kafka_DeleteRecords($0, &deletion, 1, $1, $2) },
                read: { event in
                    var results: [TopicPartition: Result<Int64, KafkaError>] = [:]
                    for element in TopicPartitionList.elements(of: rd_kafka_DeleteRecords_result_offsets(event)) {
                        results[element.partition] =
                            element.error == RD_KAFKA_RESP_ERR_NO_ERROR
                            ? .success(element.offset)
                            : .failure(KafkaError(element.error, operation: "deleting records of \(element.partition)"))
                    }
                    return results
                }
            )
        }
    }

    private static func create(
        _ topics: [NewTopic],
        _ session: AdminSession,
        _ deadline: Deadline
    ) throws(KafkaError) -> [String: KafkaError] {
        let operation = operation("creating", topics: topics.map(\.name))
        var handles: [OpaquePointer?] = []
        defer { rd_kafka_NewTopic_destroy_array(&handles, handles.count) }
        for topic in topics {
            // librdkafka would take an empty name, and -1 for the broker's own choice of partitions.
            guard !topic.name.isEmpty, topic.partitions >= 1, topic.replicationFactor ?? 1 >= 1 else {
                throw KafkaError(
                    code: .localInvalidArgument,
                    operation: operation,
                    message: "topic \"\(topic.name)\" needs a name, a partition and a replica at least"
                )
            }
            var message = [CChar](repeating: 0, count: 512)
            guard
                let handle = rd_kafka_NewTopic_new(
                    topic.name,
                    Int32(clamping: topic.partitions),
                    Int32(clamping: topic.replicationFactor ?? -1),
                    &message,
                    message.count
                )
            else {
                throw KafkaError(
                    code: .localInvalidArgument,
                    operation: operation,
                    message: String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
                )
            }
            handles.append(handle)
            for (name, value) in topic.configs {
                try KafkaError.check(
                    rd_kafka_NewTopic_set_config(handle, name, value),
                    "setting \(name) of topic \(topic.name)"
                )
            }
        }
        return try session.request(
            RD_KAFKA_ADMIN_OP_CREATETOPICS,
            operation,
            deadline,
            send: { rd_kafka_CreateTopics($0, &handles, handles.count, $1, $2) },
            read: { event in
                var count = 0
                let results = rd_kafka_CreateTopics_result_topics(event, &count)
                return failures(results, count, "creating")
            }
        )
    }

    /// The topics with a replication factor chosen here, for brokers that have no default.
    private static func replicated(
        _ topics: [NewTopic],
        _ session: AdminSession,
        _ deadline: Deadline
    ) throws(KafkaError) -> [NewTopic] {
        let brokers = try brokerCount(session, deadline)
        return topics.map { topic in
            var topic = topic
            topic.replicationFactor = topic.replicationFactor ?? min(3, max(1, brokers))
            return topic
        }
    }

    private static func failures(
        _ results: UnsafeMutablePointer<OpaquePointer?>?,
        _ count: Int,
        _ verb: String
    ) -> [String: KafkaError] {
        var failures: [String: KafkaError] = [:]
        for result in UnsafeBufferPointer(start: results, count: count) {
            let code = rd_kafka_topic_result_error(result)
            guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { continue }
            let name = String(cString: rd_kafka_topic_result_name(result))
            failures[name] = KafkaError(
                code,
                operation: "\(verb) topic \(name)",
                message: rd_kafka_topic_result_error_string(result).map { String(cString: $0) }
            )
        }
        return failures
    }

    private static func configs(_ resource: OpaquePointer) -> [String: TopicConfig] {
        var count = 0
        let entries = rd_kafka_ConfigResource_configs(resource, &count)
        var configs: [String: TopicConfig] = [:]
        for entry in UnsafeBufferPointer(start: entries, count: count) {
            configs[String(cString: rd_kafka_ConfigEntry_name(entry))] = TopicConfig(
                value: rd_kafka_ConfigEntry_value(entry).map { String(cString: $0) },
                isDefault: rd_kafka_ConfigEntry_is_default(entry) == 1
            )
        }
        return configs
    }

    private static func operation(_ verb: String, topics: [String]) -> String {
        topics.count == 1 ? "\(verb) topic \(topics[0])" : "\(verb) \(topics.count) topics, \(topics[0]) first"
    }
}
