/// The topics that a queue should have, and how they should be set.
public struct TopicLayout: Sendable, Hashable {
    /// Partitions of a queue's topics unless said otherwise, and of topics that a broker makes when they are named.
    public static let defaultPartitions = 4
    /// How long a rung keeps its jobs beyond its delay, for workers that are away: 7 days.
    public static let rungMargin: Duration = .seconds(7 * 86_400)
    /// How long dead letters are kept: a year. Jobs in them wait for people.
    public static let deadLetterRetention: Duration = .seconds(365 * 86_400)

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

    /// The queue's topics: main, rungs from the shortest, dead letters, state; then the control topic of all queues.
    public let topics: [Topic]

    public init(queue: Queue, partitions: Int = Self.defaultPartitions) {
        let rungs = zip(queue.retryTopics, queue.ladder.rungs).map { name, rung in
            Topic(
                name: name,
                partitions: partitions,
                settings: [
                    "cleanup.policy": "delete",
                    "retention.ms": String(rung.milliseconds + Self.rungMargin.milliseconds),
                    // A rung's due times come from its records' timestamps: they must be the broker's, and rise.
                    "message.timestamp.type": "LogAppendTime",
                ]
            )
        }
        let deadLetters = Topic(
            name: queue.deadLetterTopic,
            partitions: partitions,
            settings: ["cleanup.policy": "delete", "retention.ms": String(Self.deadLetterRetention.milliseconds)]
        )
        topics =
            [Topic(name: queue.mainTopic, partitions: partitions, settings: ["cleanup.policy": "delete"])] + rungs + [
                deadLetters,
                Topic(name: queue.stateTopic, partitions: partitions, settings: ["cleanup.policy": "compact"]),
                Topic(name: Queue.controlTopic, partitions: 1, settings: ["cleanup.policy": "compact"]),
            ]
    }

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
            guard let value = found.settings[name], !suffices(value, for: wanted, name) else { continue }
            let bound = name == "retention.ms" ? "at least \(wanted)" : wanted
            differences.append("\(name) is \(value), should be \(bound)")
        }
        return differences
    }

    private static func suffices(_ value: String, for wanted: String, _ name: String) -> Bool {
        guard name == "retention.ms", let value = Int64(value), let wanted = Int64(wanted) else {
            return value == wanted
        }
        return value < 0 || value >= wanted
    }
}
