/// A named stream of jobs, and the topics that it is made of.
public struct Queue: Sendable, Hashable {
    /// The topic of schedules, pauses and cancellations, which all queues share.
    public static let controlTopic = "kokanee.control"
    /// Kafka's limit for a topic's name, in bytes.
    static let longestTopicName = 249

    public let name: String
    public let ladder: Ladder
    /// The type of jobs that don't say theirs: records without CloudEvents headers.
    public let defaultType: String
    /// The consumer group that works the queue.
    public let group: String
    /// The queue whose history this one runs again, if it is a replay's: `orders` of `orders.replay.20261125-214400-k3f9`.
    /// Its main topic is that queue's; rungs, dead letters and state are its own.
    public let replayed: String?
    /// The replay that this queue is of; nil for one that is worked live.
    public let replay: String?

    public let deadLetterTopic: String
    public let stateTopic: String
    /// The rungs' topics, in the ladder's order.
    public let retryTopics: [String]

    static func defaultGroup(of name: String) -> String { "kokanee.\(name)" }

    /// - Parameters:
    ///   - name: letters, digits, `.`, `_` and `-`; short enough that the longest topic derived from it has at most 249.
    ///   - defaultType: at most 1024 bytes without control characters.
    ///   - group: nil is `kokanee.NAME`.
    /// - Throws: ``InputError``.
    public init(
        _ name: String,
        ladder: Ladder = .standard,
        defaultType: String = "default",
        group: String? = nil
    ) throws {
        try Self.validate(name)
        guard !defaultType.isEmpty, SafeText.line(defaultType, limit: Envelope.longestName) == defaultType else {
            throw InputError(
                "a queue's default type has 1 to \(Envelope.longestName) bytes and no control characters, "
                    + "not \(SafeText.quoted(defaultType))"
            )
        }
        if let group, group.isEmpty || group.utf8.count > Self.longestTopicName {
            throw InputError("a consumer group's name has 1 to \(Self.longestTopicName) bytes")
        }
        self.name = name
        (replayed, replay) = Self.replay(in: name) ?? (nil, nil)
        self.ladder = ladder
        self.defaultType = defaultType
        self.group = group ?? Self.defaultGroup(of: name)
        deadLetterTopic = "\(name).dlq"
        stateTopic = "\(name).state"
        retryTopics = ladder.rungs.map { Self.retryTopic(name, $0) }
        for topic in [stateTopic] + retryTopics where topic.utf8.count > Self.longestTopicName {
            throw InputError(
                "the queue name \(SafeText.quoted(name)) is \(topic.utf8.count - Self.longestTopicName) bytes too long: "
                    + "with \(topic.dropFirst(name.count)) it passes Kafka's \(Self.longestTopicName) for a topic"
            )
        }
    }

    /// Where the queue's jobs are enqueued and read; of a replay's queue the replayed one's.
    public var mainTopic: String { replayed ?? name }

    /// Where marks of what became of the main topic's jobs are written.
    var outcomeTopic: String { "\(mainTopic).state" }

    /// The queue as a replay works it: the same jobs under a group, a ladder and dead letters of its own.
    ///
    /// - Throws: ``InputError`` for a text that is no ``ReplayID``, or where the names become too long.
    public func replay(_ id: String) throws -> Queue {
        guard ReplayID.isValid(id) else { throw InputError("\(SafeText.quoted(id)) is not the id of a replay") }
        return try Queue("\(mainTopic).replay.\(id)", ladder: ladder, defaultType: defaultType)
    }

    private static func replay(in name: String) -> (queue: String?, id: String?)? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count > 2, parts[parts.count - 2] == "replay", let id = parts.last, ReplayID.isValid(id) else {
            return nil
        }
        return (parts.dropLast(2).joined(separator: "."), String(id))
    }

    /// Every topic of the queue: main, rungs, dead letters, state.
    public var allTopics: [String] {
        [mainTopic] + retryTopics + [deadLetterTopic, stateTopic]
    }

    /// Where jobs of a priority are enqueued. The topics of `.high` and `.low` are there only where the queue was given
    /// them.
    public func topic(of priority: Priority) -> String {
        switch priority {
        case .normal: mainTopic
        case .high, .low: "\(mainTopic).\(priority.rawValue)"
        }
    }

    /// The topics of the priorities beside the normal one, whether they are there or not; none for a replay's queue,
    /// which works the main topic's history only.
    package var priorityTopics: [String: Priority] {
        guard replay == nil else { return [:] }
        return [topic(of: .high): .high, topic(of: .low): .low]
    }

    /// The priority of a topic's jobs; nil where that is none of the queue's for jobs to run.
    func priority(of topic: String) -> Priority? {
        guard topic.utf8.starts(with: mainTopic.utf8) else { return nil }
        return switch topic.utf8.count - mainTopic.utf8.count {
        case 0: .normal
        case 5 where topic.hasSuffix(".high"): .high
        case 4 where topic.hasSuffix(".low"): .low
        default: nil
        }
    }

    /// The state topic of the queue that keeps jobs of some priority in `topic`. No queue's name ends like a priority's topic.
    static func stateTopic(ofJobsIn topic: String) -> String {
        let suffix = [".high", ".low"].first { topic.hasSuffix($0) } ?? ""
        return "\(topic.dropLast(suffix.count)).state"
    }

    public func retryTopic(_ rung: Ladder.Rung) -> String {
        // A name that is at hand is not put together again: every retry asks.
        let known = ladder.rungs.firstIndex { $0.milliseconds == rung.milliseconds }
        return known.map { retryTopics[$0] } ?? Self.retryTopic(name, rung)
    }

    private static func retryTopic(_ name: String, _ rung: Ladder.Rung) -> String {
        "\(name).retry.\(rung.name)"
    }

    private static func validate(_ name: String) throws {
        let quoted = SafeText.quoted(name)
        guard !name.isEmpty else { throw InputError("a queue's name is missing") }
        guard name.utf8.allSatisfy(isAllowed) else {
            throw InputError(
                "the queue name \(quoted) may only have letters, digits, '.', '_' and '-', as Kafka's topics"
            )
        }
        guard name != ".", name != ".." else { throw InputError("\(quoted) is not a name that Kafka allows a topic") }
        guard name != controlTopic else { throw InputError("\(quoted) is the topic of Kokanee's own schedules") }
        // Working a queue's own dead letters or rungs as jobs would take them away unseen.
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        let isDerived =
            parts.count > 1 && ["dlq", "state", "high", "low"].contains(parts.last)
            || parts.count > 2 && parts[parts.count - 2] == "retry"
                && (try? Duration(text: String(parts.last ?? ""))) != nil
        guard !isDerived else {
            throw InputError("\(quoted) is the name of a topic that belongs to another queue; name that queue")
        }
    }

    /// Kafka's characters for topics.
    static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
