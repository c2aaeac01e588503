public import RdKafka

/// Moves a group's offsets in a queue's main topic while nobody works the queue. The rungs keep theirs: a job that
/// waits there is no part of what runs again.
public struct OffsetResetter: Sendable {
    private let configuration: ClientConfiguration
    private let admin: AdminClient
    private let logger: Logger

    /// - Throws: ``KafkaError`` where librdkafka refuses a property.
    public init(_ configuration: ClientConfiguration, logger: Logger = .disabled) throws(KafkaError) {
        self.configuration = configuration
        self.logger = logger
        admin = try AdminClient(configuration)
    }

    /// Plans a reset; changes nothing.
    ///
    /// - Throws: ``ResetError`` while the group has members, where the broker can tell, and for a target by time on a
    ///   broker that knows none; ``TopicError`` where there is no such queue; ``InputError``; ``KafkaError``.
    public func plan(_ target: OffsetReset.Target, of queue: Queue) async throws -> OffsetReset {
        try await plan(target, of: queue, isLive: false)
    }

    /// - Parameter isLive: the group may have members, because they are to move the offsets themselves.
    func plan(_ target: OffsetReset.Target, of queue: Queue, isLive: Bool) async throws -> OffsetReset {
        guard let partitions = try await admin.metadata(topics: [queue.mainTopic]).partitions(of: queue.mainTopic)
        else {
            throw TopicError.noQueue(queue)
        }
        if !isLive { try await refuseMembers(of: queue.group) }
        let committed = try await admin.committedOffsets(group: queue.group, partitions)
        let lows = try await admin.listOffsets(partitions, .earliest)
        let ends = try await admin.listOffsets(partitions, .latest)
        let times = try await offsets(partitions, at: target)
        var logs: [Int32: OffsetReset.Log] = [:]
        for partition in partitions {
            let low = lows[partition] ?? 0
            let old = committed[partition] ?? nil
            let metadata = old.flatMap { CommitMetadata(text: $0.metadata, above: $0.offset) }
            logs[partition.partition] = OffsetReset.Log(
                low: low,
                end: ends[partition] ?? low,
                old: old?.offset,
                completed: metadata?.completed ?? CompletionMap(),
                hadMetadata: old?.metadata.isEmpty == false,
                atTime: times[partition]
            )
        }
        return try OffsetReset(target, of: queue, logs)
    }

    /// Does what was planned. Commits get empty metadata: nothing counts as finished beyond the new offsets.
    ///
    /// Where the broker refuses a commit from outside the group, as the embedded one does once there has been a member,
    /// this joins the group to commit, and leaves it; that takes seconds, and is refused where somebody else is in it.
    /// There a partition can't be without an offset, and gets the log's start, where a worker would begin as well.
    ///
    /// - Throws: ``ResetError`` where the group has members, or its offsets have moved since the plan was made: nothing
    ///   is changed then; ``KafkaError``.
    public func execute(_ reset: OffsetReset) async throws {
        try await execute(reset) {}
    }

    /// - Parameter prepare: called once all is checked, right before the offsets are moved; where it fails nothing is.
    func execute(_ reset: OffsetReset, preparing prepare: () async throws -> Void) async throws {
        guard !reset.partitions.isEmpty else { return }
        let membership = try await refuseMembers(of: reset.queue.group)
        let partitions = reset.partitions.map { TopicPartition(topic: reset.queue.mainTopic, partition: $0.partition) }
        let committed = try await admin.committedOffsets(group: reset.queue.group, partitions)
        try Self.check(reset, unchangedIn: committed.compactMapValues { $0?.offset })
        var (offsets, removed) = Self.changes(reset)
        if membership == .unknown {
            // Such brokers can't delete offsets either.
            for (partition, low) in try await admin.listOffsets(removed, .earliest) {
                offsets[partition] = CommittedOffset(offset: low)
            }
            removed = []
        }
        try await prepare()
        if try await !commit(offsets, group: reset.queue.group) {
            guard membership == .unknown else { throw Self.refusal(reset.queue.group) }
            logger.log(
                .info,
                "this broker takes commits of the group's members only: joining it, which takes up to a minute",
                ["group": reset.queue.group]
            )
            try await JoiningReset(reset, offsets, configuration).run()
        }
        try Self.check(try await admin.deleteOffsets(group: reset.queue.group, removed))
    }

    /// Whether every offset is where it was when the plan was made; false where nobody can say.
    func isUnmoved(_ reset: OffsetReset) async -> Bool {
        let partitions = reset.partitions.map { TopicPartition(topic: reset.queue.mainTopic, partition: $0.partition) }
        guard let committed = try? await admin.committedOffsets(group: reset.queue.group, partitions) else {
            return false
        }
        return (try? Self.check(reset, unchangedIn: committed.compactMapValues { $0?.offset })) != nil
    }

    private static func changes(
        _ reset: OffsetReset
    ) -> (offsets: [TopicPartition: CommittedOffset], removed: [TopicPartition]) {
        var offsets: [TopicPartition: CommittedOffset] = [:]
        var removed: [TopicPartition] = []
        for plan in reset.partitions {
            let partition = TopicPartition(topic: reset.queue.mainTopic, partition: plan.partition)
            if let new = plan.new {
                offsets[partition] = CommittedOffset(offset: new)
            } else if plan.old != nil {
                removed.append(partition)
            }
        }
        return (offsets, removed)
    }

    /// False where the broker takes commits of the group's members only.
    private func commit(_ offsets: [TopicPartition: CommittedOffset], group: String) async throws -> Bool {
        do {
            try Self.check(try await admin.alterOffsets(group: group, offsets))
            return true
        } catch let error as KafkaError {
            guard error.code == .unknownMemberID else { throw error }
            return false
        }
    }

    /// - Throws: ``ResetError`` where the offsets are not the ones that the plan was made from.
    static func check(_ reset: OffsetReset, unchangedIn committed: [TopicPartition: Int64]) throws {
        for plan in reset.partitions {
            let partition = TopicPartition(topic: reset.queue.mainTopic, partition: plan.partition)
            guard committed[partition] == plan.old else {
                throw ResetError(
                    "the offset of partition \(plan.partition) has moved since it was looked at: somebody works "
                        + "queue \(reset.queue.name); nothing was changed"
                )
            }
        }
    }

    static func refusal(_ group: String, members: String = "") -> ResetError {
        ResetError(
            "group \(group) has members\(members), and offsets can only be reset while it has none: stop its workers, or "
                + "wait until those that died are taken out of it (session.timeout.ms); --live lets the workers do it"
        )
    }

    @discardableResult
    private func refuseMembers(of group: String) async throws -> GroupMembership {
        let membership = try await GroupMembership.read(group, admin)
        guard case .members(let members, _) = membership, !members.isEmpty else { return membership }
        // Java's brokers put a slash before an address without a host name.
        let names = zip(members, GroupMembership.names(of: members)).map { member, name in
            "\(name) at \(SafeText.line(member.host.drop { $0 == "/" }, limit: 128))"
        }.sorted()
        let more = names.count > 10 ? " and \(names.count - 10) more" : ""
        throw Self.refusal(group, members: " (\(names.prefix(10).joined(separator: ", "))\(more))")
    }

    private func offsets(
        _ partitions: [TopicPartition],
        at target: OffsetReset.Target
    ) async throws -> [TopicPartition: Int64] {
        guard case .time(let time) = target.kind else { return [:] }
        do {
            return try await admin.listOffsets(partitions, .timestamp(time))
        } catch {
            guard error.isUnsupported else { throw error }
            throw ResetError("\(error.message); name offsets instead: --to-offset, --shift-by, --to-earliest")
        }
    }

    private static func check(_ failures: [TopicPartition: KafkaError]) throws {
        guard let (partition, error) = failures.min(by: { $0.key < $1.key }) else { return }
        let others = failures.count > 1 ? ", and \(failures.count - 1) other partitions" : ""
        throw ResetError(
            "the offset of \(partition)\(others) can't be changed: \(error.message); the others were, run it again",
            mayHaveMoved: true
        )
    }
}
