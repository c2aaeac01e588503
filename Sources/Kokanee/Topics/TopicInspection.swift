/// What there is of a queue's topics, held against what there should be.
public struct TopicInspection: Sendable {
    public let queue: Queue
    /// Every topic of the layout, in its order, with what stands against it.
    public let findings: [(topic: TopicLayout.Topic, finding: TopicLayout.Finding)]
    /// The topics that the call which returned this has made.
    public internal(set) var created: Set<String> = []

    /// The partitions that each of the queue's topics should have.
    public var partitions: Int { findings.first?.topic.partitions ?? 0 }

    public var missing: [TopicLayout.Topic] {
        findings.filter { $0.finding == .missing }.map(\.topic)
    }

    public var fits: Bool {
        findings.allSatisfy { $0.finding == .fits }
    }

    /// The words that create, or complete, the queue's topics.
    public var command: String { Self.command(for: queue) }

    static func command(for queue: Queue) -> String {
        let ladder = queue.ladder == .standard ? "" : " --ladder \(queue.ladder)"
        return "kokanee topics create \(queue.name)\(ladder)"
    }
}
