internal import RdKafka

/// What the command line knows of the rewind that stands for a group, and how it is taken back.
struct RewindDesk: Sendable {
    private let control: ControlTopic
    private let admin: AdminClient

    init(_ configuration: ClientConfiguration) throws(KafkaError) {
        control = try ControlTopic(configuration)
        admin = try AdminClient(configuration)
    }

    /// The newest command for a group, whatever its state; nil where there is none.
    func rewind(queue: String, group: String) async throws -> Rewind? {
        let key = Rewind.key(queue: queue, group: group)
        return try await control.read(prefix: key).first { $0.key == key }.flatMap(Rewind.init)
    }

    func write(_ rewind: Rewind) async throws {
        try await control.write([(rewind.key, JSONCodec().encode(rewind).array)])
    }

    /// Writes that a command is done, or withdrawn, unless another has taken its place.
    func close(_ rewind: Rewind, as state: Rewind.State) async throws {
        guard var known = try await self.rewind(queue: rewind.queue, group: rewind.group), known.id == rewind.id,
            known.state == .standing
        else { return }
        known.state = state
        try await write(known)
    }

    /// What the group has committed of the partitions that a command is about: what of it is settled, and where it is.
    func answers(to rewind: Rewind, topic: String) async throws -> [Int32: RewindAnswer] {
        let partitions = rewind.targets.map { TopicPartition(topic: topic, partition: $0.partition) }
        let committed = try await admin.committedOffsets(group: rewind.group, partitions)
        var answers: [Int32: RewindAnswer] = [:]
        for target in rewind.targets {
            let offset = committed[TopicPartition(topic: topic, partition: target.partition)] ?? nil
            let metadata = offset.flatMap { CommitMetadata(text: $0.metadata, above: $0.offset) }
            answers[target.partition] = RewindAnswer(
                partition: target.partition,
                old: target.old,
                new: target.offset,
                isApplied: metadata?.rewind == rewind.id,
                owner: metadata?.owner,
                committed: offset?.offset
            )
        }
        return answers
    }

    /// Makes partitions forget a command that stands: their offsets are about to be moved by other means.
    ///
    /// - Returns: the command as it stood; nil where none did.
    func release(_ partitions: [Int32], queue: String, group: String) async throws -> Rewind? {
        guard var rewind = try await rewind(queue: queue, group: group), rewind.state == .standing else { return nil }
        let before = rewind
        let moved = Set(partitions)
        rewind.targets.removeAll { moved.contains($0.partition) }
        if rewind.targets.isEmpty { rewind.state = .withdrawn }
        try await write(rewind)
        return before
    }
}

/// How far a partition is with a rewind.
public struct RewindAnswer: Sendable, Hashable {
    public let partition: Int32
    /// What was committed when the command was given; nil for nothing.
    public let old: Int64?
    /// Where the rewind sends it.
    public let new: Int64
    /// Its owner has committed that it has obeyed.
    public let isApplied: Bool
    /// Who committed last, as `host:pid`; nil where nobody knows.
    public let owner: String?
    /// What is committed now: `new`, or beyond it where work has gone on.
    public let committed: Int64?
}
