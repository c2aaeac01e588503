public import RdKafka

/// What a handler knows of the attempt that it runs.
public struct JobContext: Sendable {
    public let queue: String
    public let envelope: Envelope
    /// The last attempt that the retry policy grants; the job is a dead letter if it fails.
    public let maximumAttempts: Int
    /// The ordering key; jobs of one key run one at a time in `.key` order.
    public let key: Bytes?
    /// Where the record stands that this attempt was read from: the queue's topic or a rung.
    public let source: Envelope.Origin
    public let logger: Logger

    public var id: String { envelope.id }
    public var type: String { envelope.type }
    public var version: Int { envelope.version }
    /// The first is 1. It comes from the record, so it counts right across workers, crashes and deploys.
    public var attempt: Int { envelope.attempt }
    public var isLastAttempt: Bool { attempt >= maximumAttempts }

    public init(
        queue: String,
        envelope: Envelope,
        maximumAttempts: Int,
        key: Bytes?,
        source: Envelope.Origin,
        logger: Logger = .disabled
    ) {
        self.queue = queue
        self.envelope = envelope
        self.maximumAttempts = maximumAttempts
        self.key = key
        self.source = source
        self.logger = logger
    }
}
