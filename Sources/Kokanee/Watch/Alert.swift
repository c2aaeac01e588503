/// Something that is wrong with a worker, for as long as it is.
public struct Alert: Sendable, Hashable {
    /// What kind of thing is wrong. There may be more in time.
    public struct Kind: Sendable, Hashable, CustomStringConvertible {
        /// For programs: lower case, with hyphens.
        public let name: String

        /// A partition has work and its watermark does not move.
        public static let stalled = Kind(name: "stalled")
        /// A partition is not at its end, as far as is known, and nothing is read.
        public static let notRead = Kind(name: "not-read")
        /// A rung's record is due and has not been taken in.
        public static let overdue = Kind(name: "overdue")
        /// Attempts that were given up still run.
        public static let ignoredCancellation = Kind(name: "ignored-cancellation")
        /// The queue's group gives the worker no partitions.
        public static let notAssigned = Kind(name: "not-assigned")
        /// A queue's thread does not poll Kafka.
        public static let notPolling = Kind(name: "not-polling")
        /// The producer's thread does not poll Kafka.
        public static let producerNotPolling = Kind(name: "producer-not-polling")
        /// Hops are not acknowledged.
        public static let notDelivering = Kind(name: "not-delivering")
        /// A queue's circuit is not closed.
        public static let circuit = Kind(name: "circuit")

        public var description: String { name }
    }

    public let kind: Kind
    /// How bad it is: ``Health/Level/degraded`` or ``Health/Level/failing``.
    public let level: Health.Level
    /// Nil where it is the whole worker that suffers.
    public let queue: String?
    /// `topic/partition` or `topic/partition/offset`; nil where it is of no one place.
    public let place: String?
    /// In milliseconds since the epoch.
    public let since: Int64
    /// What is wrong, in a line.
    public let text: String
    /// What to do about it, in a line.
    public let advice: String

    public init(
        kind: Kind,
        level: Health.Level = .degraded,
        queue: String?,
        place: String? = nil,
        since: Int64,
        text: String,
        advice: String
    ) {
        self.kind = kind
        self.level = level
        self.queue = queue
        self.place = place
        self.since = since
        self.text = text
        self.advice = advice
    }
}
