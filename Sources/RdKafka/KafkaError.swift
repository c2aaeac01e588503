internal import CRdKafka

/// An error of Kafka or of librdkafka, with what was being done when it happened.
public struct KafkaError: Error, Hashable, CustomStringConvertible {
    /// The raw code: positive ones are the broker's (Kafka's protocol error codes), negative ones librdkafka's own.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: Int32

        public init(rawValue: Int32) {
            self.rawValue = rawValue
        }

        /// The symbolic name without its prefix, such as `UNKNOWN_MEMBER_ID` or `_TIMED_OUT`.
        public var name: String {
            String(cString: rd_kafka_err2name(rd_kafka_resp_err_t(rawValue)))
        }
    }

    public let code: Code
    /// What was being done, in a few words: `committing offsets of group kokanee.orders`.
    public let operation: String
    /// What went wrong, from librdkafka, the broker or the wrapper.
    public let message: String
    /// The client instance can't go on after it: it has to be closed and made anew.
    public let isFatal: Bool
    /// Doing the same thing again may succeed.
    public let isRetriable: Bool

    public init(
        code: Code,
        operation: String,
        message: String? = nil,
        isFatal: Bool = false,
        isRetriable: Bool? = nil
    ) {
        self.code = code
        self.operation = operation
        self.message = message ?? String(cString: rd_kafka_err2str(rd_kafka_resp_err_t(code.rawValue)))
        self.isFatal = isFatal
        self.isRetriable = isRetriable ?? Self.retriableCodes.contains(code)
    }

    public var description: String {
        "\(operation): \(message) (\(code.name))"
    }
}

extension KafkaError.Code {
    /// Kafka's protocol error codes, and librdkafka's, that this package or its users ask for by name.
    public static let unknown = Self(RD_KAFKA_RESP_ERR_UNKNOWN)
    public static let unknownTopicOrPartition = Self(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
    public static let messageTooLarge = Self(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
    public static let notLeader = Self(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION)
    public static let requestTimedOut = Self(RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT)
    public static let offsetMetadataTooLarge = Self(RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE)
    public static let coordinatorLoading = Self(RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS)
    public static let coordinatorNotAvailable = Self(RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE)
    public static let notCoordinator = Self(RD_KAFKA_RESP_ERR_NOT_COORDINATOR)
    public static let illegalGeneration = Self(RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION)
    public static let unknownMemberID = Self(RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID)
    public static let rebalanceInProgress = Self(RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS)
    public static let topicAuthorizationFailed = Self(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
    public static let groupAuthorizationFailed = Self(RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
    public static let transactionalIDAuthorizationFailed = Self(RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    public static let topicAlreadyExists = Self(RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
    public static let invalidReplicationFactor = Self(RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR)
    public static let groupIDNotFound = Self(RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
    public static let nonEmptyGroup = Self(RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP)
    public static let unsupportedVersion = Self(RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION)
    public static let producerFenced = Self(RD_KAFKA_RESP_ERR_PRODUCER_FENCED)
    public static let recordListTooLarge = Self(RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE)

    public static let localTransport = Self(RD_KAFKA_RESP_ERR__TRANSPORT)
    public static let localAllBrokersDown = Self(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
    public static let localResolve = Self(RD_KAFKA_RESP_ERR__RESOLVE)
    public static let localTimedOut = Self(RD_KAFKA_RESP_ERR__TIMED_OUT)
    public static let localMessageTimedOut = Self(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT)
    public static let localQueueFull = Self(RD_KAFKA_RESP_ERR__QUEUE_FULL)
    public static let localFatal = Self(RD_KAFKA_RESP_ERR__FATAL)
    public static let localFenced = Self(RD_KAFKA_RESP_ERR__FENCED)
    public static let localPurgedFromQueue = Self(RD_KAFKA_RESP_ERR__PURGE_QUEUE)
    public static let localPurgedInFlight = Self(RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
    public static let localUnknownTopic = Self(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
    public static let localUnknownPartition = Self(RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
    public static let localPartitionEOF = Self(RD_KAFKA_RESP_ERR__PARTITION_EOF)
    public static let localNoOffset = Self(RD_KAFKA_RESP_ERR__NO_OFFSET)
    public static let localInvalidArgument = Self(RD_KAFKA_RESP_ERR__INVALID_ARG)
    public static let localUnsupportedFeature = Self(RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE)
    public static let localState = Self(RD_KAFKA_RESP_ERR__STATE)
    public static let localDestroyed = Self(RD_KAFKA_RESP_ERR__DESTROY)
    public static let localAuthentication = Self(RD_KAFKA_RESP_ERR__AUTHENTICATION)
    public static let localSSL = Self(RD_KAFKA_RESP_ERR__SSL)

    init(_ code: rd_kafka_resp_err_t) {
        self.init(rawValue: code.rawValue)
    }
}

extension KafkaError {
    /// After Kafka's `org.apache.kafka.common.errors.RetriableException` and librdkafka's transient local errors.
    private static let retriableCodes: Set<Code> = [
        .localTransport, .localAllBrokersDown, .localTimedOut, .localMessageTimedOut, .localQueueFull,
        .requestTimedOut, .notLeader, .coordinatorLoading, .coordinatorNotAvailable, .notCoordinator,
        .rebalanceInProgress, .unknownTopicOrPartition, .localPurgedFromQueue, .localPurgedInFlight,
        Code(RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE), Code(RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION),
        Code(RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS), Code(RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND),
        Code(RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR), Code(RD_KAFKA_RESP_ERR__WAIT_COORD),
        Code(RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT), Code(RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE),
        Code(RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE), Code(RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE),
        Code(RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH), Code(RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH),
    ]

    init(_ code: rd_kafka_resp_err_t, operation: String, message: String? = nil) {
        self.init(
            code: Code(code),
            operation: operation,
            message: message,
            isFatal: code == RD_KAFKA_RESP_ERR__FATAL || code == RD_KAFKA_RESP_ERR__FENCED
        )
    }

    /// Takes over librdkafka's error object, whose own word on fatal and retriable goes first; nil for no error.
    init?(consuming error: OpaquePointer?, operation: String) {
        guard let error else { return nil }
        defer { rd_kafka_error_destroy(error) }
        let code = Code(rd_kafka_error_code(error))
        self.init(
            code: code,
            operation: operation,
            message: String(cString: rd_kafka_error_string(error)),
            isFatal: rd_kafka_error_is_fatal(error) != 0,
            isRetriable: rd_kafka_error_is_retriable(error) != 0 || Self.retriableCodes.contains(code)
        )
    }

    /// Throws unless `code` is success.
    static func check(_ code: rd_kafka_resp_err_t, _ operation: @autoclosure () -> String) throws(KafkaError) {
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        throw KafkaError(code, operation: operation())
    }
}
