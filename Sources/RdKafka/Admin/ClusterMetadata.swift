/// What a broker says of its cluster.
public struct ClusterMetadata: Sendable {
    public struct Broker: Sendable, Hashable {
        public let id: Int32
        public let host: String
        public let port: Int
    }

    public let brokers: [Broker]
    /// The number of partitions of each topic, or why the broker won't say.
    public let topics: [String: Result<Int, KafkaError>]

    public init(brokers: [Broker], topics: [String: Result<Int, KafkaError>]) {
        self.brokers = brokers
        self.topics = topics
    }

    /// The partitions of a topic, nil where it is missing or in error.
    public func partitions(of topic: String) -> [TopicPartition]? {
        guard case .success(let count)? = topics[topic] else { return nil }
        return (0..<Int32(clamping: count)).map { TopicPartition(topic: topic, partition: $0) }
    }
}

/// A topic to be created.
public struct NewTopic: Sendable {
    public var name: String
    /// At least 1.
    public var partitions: Int
    /// At least 1; nil is the broker's default, and min(3, brokers) where the broker is too old to have one.
    public var replicationFactor: Int?
    /// Topic configs by their Kafka names, such as `cleanup.policy`.
    public var configs: [String: String]

    public init(name: String, partitions: Int, replicationFactor: Int? = nil, configs: [String: String] = [:]) {
        self.name = name
        self.partitions = partitions
        self.replicationFactor = replicationFactor
        self.configs = configs
    }
}

/// The value of a topic's config.
public struct TopicConfig: Sendable, Hashable {
    /// Nil where the broker keeps it secret.
    public let value: String?
    /// It is the broker's default, not set on the topic.
    public let isDefault: Bool

    public init(value: String?, isDefault: Bool) {
        self.value = value
        self.isDefault = isDefault
    }
}
