internal import CRdKafka

/// Looks after topics, groups and offsets.
///
/// Every call has a timeout, runs on a thread of its own and may run beside others. Cancelling the surrounding task
/// does not cut a call short: its timeout does. Errors say what was being done, and where a broker did not answer,
/// why the last connection failed. What a broker is unable to do fails with an error whose
/// ``KafkaError/isUnsupported`` is true: the embedded broker lacks most of it, and says so here.
public final class AdminClient: Sendable {
    let session: AdminSession

    /// - Throws: ``KafkaError`` with `localInvalidArgument` where librdkafka refuses a property.
    public init(_ configuration: ClientConfiguration) throws(KafkaError) {
        session = try AdminSession(configuration)
    }

    /// Returns once any broker has answered.
    ///
    /// - Throws: ``KafkaError`` after `timeout`; it names the addresses and the last connection's error, whose code it has.
    public func reachable(timeout: Duration = .seconds(10)) async throws(KafkaError) {
        let deadline = Deadline(after: timeout)
        _ = try await session.run { session throws(KafkaError) in
            do throws(KafkaError) {
                _ = try session.retrying(until: deadline) { session, attempt throws(KafkaError) in
                    try Self.metadata(session.main, naming: nil, attempt, "")
                }
            } catch {
                session.serveCallbacks()
                let last = session.lastTrouble
                throw KafkaError(
                    code: last?.code ?? error.code,
                    operation: "reaching a broker at \(session.bootstrapServers)",
                    message: last?.message ?? "no answer within \(timeout)",
                    isRetriable: true
                )
            }
        }
    }

    /// Describes the brokers and topics of the cluster.
    ///
    /// - Parameters:
    ///   - topics: which to describe, or nil for all. One that is not there is missing from the answer.
    ///   - allowAutoCreate: names the topics to the broker, which creates those that are not there if it is configured
    ///     to (the embedded one always does); they need a moment to appear and are in error until then. Without it
    ///     all topics are listed, because there are brokers that create whatever is named.
    /// - Throws: ``KafkaError`` where no broker answers in time.
    public func metadata(
        topics: [String]? = nil,
        allowAutoCreate: Bool = false,
        timeout: Duration = .seconds(10)
    ) async throws(KafkaError) -> ClusterMetadata {
        let deadline = Deadline(after: timeout)
        return try await session.run { session throws(KafkaError) in
            let operation = "asking for the cluster's metadata"
            guard allowAutoCreate, let topics, !topics.isEmpty else {
                let all = try session.retrying(until: deadline) { session, attempt throws(KafkaError) in
                    try Self.metadata(session.main, naming: nil, attempt, operation)
                }
                guard let topics else { return all }
                let wanted = Set(topics)
                return ClusterMetadata(brokers: all.brokers, topics: all.topics.filter { wanted.contains($0.key) })
            }
            let client = try session.creatingClient()
            defer { rd_kafka_poll(client.pointer, 0) }
            var brokers: [ClusterMetadata.Broker] = []
            var found: [String: Result<Int, KafkaError>] = [:]
            for topic in topics {
                let answer = try session.retrying(until: deadline) { _, attempt throws(KafkaError) in
                    try Self.metadata(client, naming: topic, attempt, operation)
                }
                brokers = answer.brokers
                found[topic] = answer.topics[topic]
            }
            return ClusterMetadata(brokers: brokers, topics: found)
        }
    }

    static func brokerCount(_ session: AdminSession, _ deadline: Deadline) throws(KafkaError) -> Int {
        try session.retrying(until: deadline) { session, attempt throws(KafkaError) in
            try metadata(session.main, naming: nil, attempt, "counting the brokers").brokers.count
        }
    }

    private static func metadata(
        _ client: ClientHandle,
        naming topic: String?,
        _ deadline: Deadline,
        _ operation: String
    ) throws(KafkaError) -> ClusterMetadata {
        let topicHandle = topic.flatMap { rd_kafka_topic_new(client.pointer, $0, nil) }
        defer { topicHandle.map(rd_kafka_topic_destroy) }
        if let topic, topicHandle == nil {
            throw KafkaError(rd_kafka_last_error(), operation: "\(operation) of topic \(topic)")
        }
        var metadata: UnsafePointer<rd_kafka_metadata>?
        let all: Int32 = topic == nil ? 1 : 0
        let limit = max(deadline.remaining.wholeMilliseconds, 1)
        try KafkaError.check(rd_kafka_metadata(client.pointer, all, topicHandle, &metadata, limit), operation)
        defer { rd_kafka_metadata_destroy(metadata) }
        return ClusterMetadata(metadata!.pointee)
    }
}

extension ClusterMetadata {
    fileprivate init(_ metadata: rd_kafka_metadata) {
        let brokers = UnsafeBufferPointer(start: metadata.brokers, count: Int(metadata.broker_cnt))
        let topics = UnsafeBufferPointer(start: metadata.topics, count: Int(metadata.topic_cnt))
        self.init(
            brokers: brokers.map { Broker(id: $0.id, host: String(cString: $0.host), port: Int($0.port)) },
            topics: Dictionary(
                topics.map { topic in
                    let name = String(cString: topic.topic)
                    guard topic.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
                        return (name, .failure(KafkaError(topic.err, operation: "describing topic \(name)")))
                    }
                    return (name, .success(Int(topic.partition_cnt)))
                },
                uniquingKeysWith: { first, _ in first }
            )
        )
    }
}

extension KafkaError {
    /// The broker, or a setting of it, does not know how to do what was asked: no use in trying again.
    public var isUnsupported: Bool {
        code == .localUnsupportedFeature || code == .unsupportedVersion
    }
}
