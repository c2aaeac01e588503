internal import CRdKafka
internal import Glibc
internal import Synchronization

/// A Kafka cluster inside this process, for development and tests: librdkafka's mock cluster, whose brokers listen on
/// local ports and keep everything in memory. It ends with the object.
///
/// It knows produce, fetch, groups, commits and transactions, but not all of Kafka. A partition keeps 5 MiB or
/// 100,000 batches and then drops the oldest, read or not; a group's first join takes 3 seconds. There are no admin
/// calls (topics are made here, or with 4 partitions when a client first names them), no offsets by time, no
/// transaction isolation, and once a group has had members it refuses commits of anyone else.
///
/// `@unchecked Sendable`: the cluster's pointer never changes until `deinit`. Its functions either send an operation
/// to the cluster's own thread and wait for the answer, or take the cluster's lock, so any thread may call them. They
/// take milliseconds, and never wait for a network.
public final class EmbeddedBroker: @unchecked Sendable {
    /// `HOST:PORT` of every broker, separated by commas. The brokers' ids are 1 and up, in this order.
    public let bootstrapServers: String
    /// How many brokers there are, whether up or down.
    public let brokers: Int

    private let cluster: OpaquePointer
    private let client: ClientHandle
    /// When the last operation was answered.
    private let lastOperation = Mutex<ContinuousClock.Instant>(.now)

    /// - Parameters:
    ///   - brokers: how many, at least 1.
    ///   - log: librdkafka's log lines about the cluster.
    /// - Throws: ``KafkaError`` where `brokers` is out of bounds or the cluster can't start.
    public init(
        brokers: Int = 1,
        log: @escaping @Sendable (ClientConfiguration.LogSeverity, String, String) -> Void = { _, _, _ in }
    ) throws(KafkaError) {
        let operation = "starting an embedded broker"
        // librdkafka's ids of brokers and its list of them are not made for more.
        guard (1...100).contains(brokers) else {
            throw KafkaError(code: .localInvalidArgument, operation: operation, message: "from 1 to 100 brokers")
        }
        var configuration = ClientConfiguration(bootstrapServers: "")
        configuration.properties = [:]
        configuration.log = log
        client = try ClientHandle(.producer, configuration)
        guard let cluster = rd_kafka_mock_cluster_new(client.pointer, Int32(brokers)) else {
            throw KafkaError(RD_KAFKA_RESP_ERR__FAIL, operation: operation)
        }
        self.cluster = cluster
        self.brokers = brokers
        bootstrapServers = String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
    }

    deinit {
        // It joins the cluster's thread, and the last owner may be on the Swift pool. The client is let go after it.
        OSThread.start(name: "rdk:embedded") { [cluster = UInt(bitPattern: cluster), client] in
            withExtendedLifetime(client) { rd_kafka_mock_cluster_destroy(OpaquePointer(bitPattern: cluster)) }
        }
    }

    /// Creates a topic. A replication factor above the number of brokers means all of them.
    ///
    /// - Throws: ``KafkaError`` with `topicAlreadyExists`, or `localInvalidArgument` for numbers out of bounds.
    public func createTopic(
        _ name: String,
        partitions: Int,
        replicationFactor: Int = 1
    ) throws(KafkaError) {
        guard !name.isEmpty, (1...10_000).contains(partitions), (1...100).contains(replicationFactor) else {
            throw KafkaError(
                code: .localInvalidArgument,
                operation: "creating topic \(name)",
                message: "it needs a name, from 1 to 10,000 partitions and a replication factor from 1 to 100"
            )
        }
        try KafkaError.check(
            operate { rd_kafka_mock_topic_create(cluster, name, Int32(partitions), Int32(replicationFactor)) },
            "creating topic \(name)"
        )
    }

    /// Runs an operation that the cluster's thread answers.
    ///
    /// That thread answers first and empties the pipe that wakes it after that: an operation sent in between would be
    /// noticed up to a second later. So they come one by one, and with time to get there between them.
    private func operate(_ operation: () -> rd_kafka_resp_err_t) -> rd_kafka_resp_err_t {
        lastOperation.withLock { last in
            if last.duration(to: .now) < .milliseconds(1) { usleep(1000) }
            defer { last = .now }
            return operation()
        }
    }
}

/// Faults, for tests.
extension EmbeddedBroker {
    /// A request of Kafka's protocol, by the number that it has there.
    public struct ApiKey: RawRepresentable, Hashable, Sendable {
        public let rawValue: Int16

        public init(rawValue: Int16) {
            self.rawValue = rawValue
        }

        public static let produce = Self(rawValue: 0)
        public static let fetch = Self(rawValue: 1)
        public static let listOffsets = Self(rawValue: 2)
        public static let metadata = Self(rawValue: 3)
        public static let offsetCommit = Self(rawValue: 8)
        public static let offsetFetch = Self(rawValue: 9)
        public static let findCoordinator = Self(rawValue: 10)
        public static let joinGroup = Self(rawValue: 11)
        public static let heartbeat = Self(rawValue: 12)
        public static let leaveGroup = Self(rawValue: 13)
        public static let syncGroup = Self(rawValue: 14)
        public static let initProducerID = Self(rawValue: 22)
    }

    /// Answers the next requests of a kind, on whichever broker they arrive, with these errors, one each and in order.
    ///
    /// `localTransport` closes the connection instead of answering.
    public func failNext(_ request: ApiKey, with errors: [KafkaError.Code]) {
        let codes = errors.map { rd_kafka_resp_err_t($0.rawValue) }
        rd_kafka_mock_push_request_errors_array(cluster, request.rawValue, codes.count, codes)
    }

    /// Forgets what ``failNext(_:with:)`` still has in store for a kind of request.
    public func stopFailing(_ request: ApiKey) {
        rd_kafka_mock_clear_request_errors(cluster, request.rawValue)
    }

    /// Answers one broker's next request of a kind late, and with an error where one is given.
    ///
    /// These go before those of ``failNext(_:with:)``, and queue up like them.
    ///
    /// - Throws: ``KafkaError`` where there is no such broker.
    public func delayNext(
        _ request: ApiKey,
        ofBroker broker: Int32,
        by delay: Duration,
        with error: KafkaError.Code? = nil
    ) throws(KafkaError) {
        let code = rd_kafka_resp_err_t(error?.rawValue ?? 0)
        try KafkaError.check(
            crdkafka_mock_push_broker_error(cluster, broker, request.rawValue, code, delay.wholeMilliseconds),
            "delaying requests of broker \(broker)"
        )
    }

    /// Closes a broker's connections and refuses new ones. Its partitions keep it as their leader.
    ///
    /// Not to be called while this process starts a child: librdkafka then may not get the broker's port again, and
    /// aborts.
    ///
    /// - Parameter broker: nil is all of them.
    /// - Throws: ``KafkaError`` where there is no such broker.
    public func setBrokerDown(_ broker: Int32? = nil) throws(KafkaError) {
        let code = DescriptorInheritance.withoutChildren {
            operate { rd_kafka_mock_broker_set_down(cluster, broker ?? -1) }
        }
        try KafkaError.check(code, "taking a broker down")
    }

    /// Takes a broker, or all, up again, on the port that it had.
    public func setBrokerUp(_ broker: Int32? = nil) throws(KafkaError) {
        try KafkaError.check(operate { rd_kafka_mock_broker_set_up(cluster, broker ?? -1) }, "taking a broker up")
    }

    /// Delays every answer of a broker, or of all, from now on.
    public func setRoundTripTime(_ delay: Duration, ofBroker broker: Int32? = nil) throws(KafkaError) {
        try KafkaError.check(
            operate { rd_kafka_mock_broker_set_rtt(cluster, broker ?? -1, delay.wholeMilliseconds) },
            "setting a broker's round-trip time"
        )
    }

    /// Whether clients may fetch from a partition, or produce to one, that has no leader, or whose topic has an error: from 2.5.0
    /// to 2.15.0, the newest as of this writing, librdkafka's mock cluster crashes on that.
    package static let survivesRequestsForNoLeader = rd_kafka_version() < 0x0205_0000

    /// Moves a partition to another leader; nil leaves it without one. A topic that is not there is created.
    public func setLeader(of partition: TopicPartition, to broker: Int32?) throws(KafkaError) {
        try KafkaError.check(
            operate { rd_kafka_mock_partition_set_leader(cluster, partition.topic, partition.partition, broker ?? -1) },
            "moving the leader of \(partition)"
        )
    }

    /// Moves a group to another coordinator, which need not be a broker that exists.
    public func setCoordinator(ofGroup group: String, to broker: Int32) throws(KafkaError) {
        try KafkaError.check(
            operate { rd_kafka_mock_coordinator_set(cluster, "group", group, broker) },
            "moving the coordinator of group \(group)"
        )
    }

    /// Answers metadata requests for a topic with an error; nil ends it. A topic that is not there is created.
    public func setTopicError(_ topic: String, to error: KafkaError.Code?) {
        _ = operate {
            rd_kafka_mock_topic_set_error(cluster, topic, rd_kafka_resp_err_t(error?.rawValue ?? 0))
            return RD_KAFKA_RESP_ERR_NO_ERROR
        }
    }
}
