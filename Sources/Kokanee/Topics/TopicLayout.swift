/// The topics that a queue should have, and how they should be set.
public struct TopicLayout: Sendable, Hashable {
    /// Partitions of a queue's topics unless said otherwise, and of topics that a broker makes when they are named.
    public static let defaultPartitions = 4
    /// How long a rung keeps its jobs beyond its delay, for workers that are away: 7 days.
    public static let rungMargin: Duration = .seconds(7 * 86_400)
    /// How long dead letters are kept: a year. Jobs in them wait for people.
    public static let deadLetterRetention: Duration = .seconds(365 * 86_400)
    /// `max.message.bytes` of a topic that nobody has set, in bytes: Kafka's default.
    public static let defaultMessageLimit = 1_048_588
    /// How much larger than the main topic's a record of a rung, or of the dead letters, may be, in bytes. Hops add
    /// headers, and a job that just fitted must fit there too.
    public static let hopMargin = 65_536

    /// One topic as it should be.
    public struct Topic: Sendable, Hashable {
        public let name: String
        public let partitions: Int
        /// The topic's settings, by Kafka's names; what is not here is left to the broker.
        public let settings: [String: String]

        public init(name: String, partitions: Int, settings: [String: String]) {
            self.name = name
            self.partitions = partitions
            self.settings = settings
        }
    }

    /// One topic as a broker has it.
    public struct Observed: Sendable, Hashable {
        public let partitions: Int
        /// Empty where the broker does not tell, as the embedded one.
        public let settings: [String: String]

        public init(partitions: Int, settings: [String: String] = [:]) {
            self.partitions = partitions
            self.settings = settings
        }
    }

    /// What stands against a topic.
    public enum Finding: Sendable, Hashable {
        case fits
        case missing
        /// It is there, and not as it should be; a sentence for each difference.
        case differs([String])
    }

    /// The queue's topics: main, priorities, rungs from the shortest, dead letters, state; then the control topic of all queues.
    public let topics: [Topic]

    /// - Parameters:
    ///   - partitions: of each topic.
    ///   - priorities: those beside the normal one, each of which has a topic like the main topic.
    ///   - messageLimit: the main topic's `max.message.bytes`.
    public init(
        queue: Queue,
        partitions: Int = Self.defaultPartitions,
        priorities: Set<Priority> = [],
        messageLimit: Int = Self.defaultMessageLimit
    ) {
        // A broker may have its limit at the largest number that Kafka's 32 bits hold.
        let hopLimit = String(min(messageLimit, Int(Int32.max) - Self.hopMargin) + Self.hopMargin)
        let rungs = zip(queue.retryTopics, queue.ladder.rungs).map { name, rung in
            Topic(
                name: name,
                partitions: partitions,
                settings: [
                    "cleanup.policy": "delete",
                    "retention.ms": String(rung.milliseconds + Self.rungMargin.milliseconds),
                    // A rung's due times come from its records' timestamps: they must be the broker's, and rise.
                    "message.timestamp.type": "LogAppendTime",
                    "max.message.bytes": hopLimit,
                ]
            )
        }
        let deadLetters = Topic(
            name: queue.deadLetterTopic,
            partitions: partitions,
            settings: [
                "cleanup.policy": "delete",
                "retention.ms": String(Self.deadLetterRetention.milliseconds),
                "max.message.bytes": hopLimit,
            ]
        )
        let worked = [Priority.normal, .high, .low].filter { $0 == .normal || priorities.contains($0) }.map {
            Topic(name: queue.topic(of: $0), partitions: partitions, settings: ["cleanup.policy": "delete"])
        }
        topics =
            worked + rungs + [
                deadLetters,
                Topic(name: queue.stateTopic, partitions: partitions, settings: ["cleanup.policy": "compact"]),
                Self.control,
            ]
    }

    /// The control topic of all queues.
    static let control = Topic(name: Queue.controlTopic, partitions: 1, settings: controlSettings)

    /// Every worker renews its report each 10 seconds, and only the last is of use: segments are short, and compacted
    /// as soon as a tenth of a log is stale, so that the topic stays near a segment's size. A tombstone outlives by far
    /// the seconds that reading the topic takes. The time is the broker's, by which reports are told old from new
    /// whatever the workers' clocks say.
    private static let controlSettings = [
        "cleanup.policy": "compact",
        "message.timestamp.type": "LogAppendTime",
        "segment.ms": "600000",
        "min.cleanable.dirty.ratio": "0.1",
        "delete.retention.ms": "3600000",
    ]

    /// Holds what a broker has against what should be there, in the layout's order.
    public func compare(with observed: [String: Observed]) -> [(topic: Topic, finding: Finding)] {
        topics.map { topic in
            guard let found = observed[topic.name] else { return (topic, .missing) }
            let differences = Self.differences(topic, found)
            return (topic, differences.isEmpty ? .fits : .differs(differences))
        }
    }

    private static func differences(_ topic: Topic, _ found: Observed) -> [String] {
        var differences: [String] = []
        // The control topic is read whole, by key, so that more partitions do it no harm; brokers that make topics
        // when they are named don't ask how many.
        if topic.name == Queue.controlTopic ? found.partitions < 1 : found.partitions != topic.partitions {
            differences.append("has \(found.partitions) partitions, not \(topic.partitions)")
        }
        for (name, wanted) in topic.settings.sorted(by: { $0.key < $1.key }) {
            // A control topic of an earlier release, or of somebody's own settings, does its work as long as it is
            // compacted.
            if topic.name == Queue.controlTopic, name != "cleanup.policy" { continue }
            guard let value = found.settings[name], !suffices(value, for: wanted, name) else { continue }
            let bound = Self.minima.contains(name) ? "at least \(wanted)" : wanted
            differences.append("\(name) is \(value), should be \(bound)")
        }
        return differences
    }

    /// Settings of which more does no harm.
    private static let minima: Set<String> = ["retention.ms", "max.message.bytes"]

    private static func suffices(_ value: String, for wanted: String, _ name: String) -> Bool {
        guard minima.contains(name), let value = Int64(value), let wanted = Int64(wanted) else {
            return value == wanted
        }
        // -1 is retention for ever.
        return value < 0 || value >= wanted
    }
}
