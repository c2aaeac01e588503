/// What there is of a queue's topics, held against what there should be.
public struct TopicInspection: Sendable {
    public let queue: Queue
    /// Every topic of the layout, in its order, with what stands against it.
    public let findings: [(topic: TopicLayout.Topic, finding: TopicLayout.Finding)]
    /// How many partitions each topic has that is there.
    public let found: [String: Int]
    /// The topics that the call which returned this has made.
    public internal(set) var created: Set<String> = []
    /// The partitions that were asked for; nil is as many as the main topic has.
    let askedPartitions: Int?

    /// The partitions that each of the queue's topics should have.
    public var partitions: Int { findings.first?.topic.partitions ?? 0 }

    public var missing: [TopicLayout.Topic] {
        findings.filter { $0.finding == .missing }.map(\.topic)
    }

    public var fits: Bool {
        findings.allSatisfy { $0.finding == .fits }
    }

    /// The words that create, or complete, the queue's topics, as they were asked for.
    public var command: String {
        let names = Set(missing.map(\.name))
        // Without --ladder a queue that is there gets no rungs beside those that it has.
        let lacksRung = !names.contains(queue.mainTopic) && !names.isDisjoint(with: queue.retryTopics)
        return Self.words(
            "kokanee topics create \(queue.name)",
            partitions: askedPartitions,
            ladder: lacksRung ? queue.ladder : Self.ladderToName(queue),
            // Priorities that are there need not be asked for again.
            hasPriorities: !names.isDisjoint(with: queue.priorityTopics.keys)
        )
    }

    /// The words that start an embedded broker with the queue's topics.
    var brokerCommand: String {
        Self.words(
            "kokanee broker --queue \(queue.name)",
            partitions: partitions,
            ladder: Self.ladderToName(queue),
            hasPriorities: findings.contains { queue.priorityTopics[$0.topic.name] != nil }
        )
    }

    static func command(for queue: Queue) -> String {
        words("kokanee topics create \(queue.name)", ladder: ladderToName(queue))
    }

    private static func ladderToName(_ queue: Queue) -> Ladder? { queue.ladder == .standard ? nil : queue.ladder }

    private static func words(
        _ command: String,
        partitions: Int? = nil,
        ladder: Ladder?,
        hasPriorities: Bool = false
    ) -> String {
        var words = [command]
        if let partitions { words.append("--partitions \(partitions)") }
        if let ladder { words.append("--ladder \(ladder)") }
        if hasPriorities { words.append("--priorities") }
        return words.joined(separator: " ")
    }
}
