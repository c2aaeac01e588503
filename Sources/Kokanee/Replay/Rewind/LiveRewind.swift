public import RdKafka

/// Moves the offsets of a group at work: its workers seek their partitions, each under a new epoch, and go on there.
///
/// What ran of them is cancelled and runs again; the rungs keep their jobs and offsets. It rests on all workers being of a
/// release that knows rewinds: an older one goes on as if nothing had been said.
public struct LiveRewind: Sendable {
    private let resetter: OffsetResetter
    private let admin: AdminClient
    private let book: ReplayBook
    private let desk: RewindDesk
    private static let pollInterval = Duration.milliseconds(200)
    /// How long after its withdrawal a rewind may still come to be seen applied: an owner's look and its commit, a second
    /// each unless configured.
    private static let withdrawalTime = Duration.seconds(3)

    /// - Throws: ``KafkaError`` where librdkafka refuses a property.
    public init(_ configuration: ClientConfiguration, logger: Logger = .disabled) throws(KafkaError) {
        resetter = try OffsetResetter(configuration, logger: logger)
        admin = try AdminClient(configuration)
        book = try ReplayBook(configuration)
        desk = try RewindDesk(configuration)
    }

    /// Plans a rewind; changes nothing. The group goes on meanwhile: what runs again is at least what the plan says.
    ///
    /// - Throws: ``ResetError`` where the queue is a replay's, or where the group has no members, as far as the broker can
    ///   tell; and else as ``OffsetResetter/plan(_:of:)``.
    public func plan(_ target: OffsetReset.Target, of queue: Queue) async throws -> OffsetReset {
        guard queue.replay == nil else {
            throw ResetError(
                "\(queue.name) is a replay, which covers its plan and nothing else: begin another one of \(queue.mainTopic)"
            )
        }
        try await requireMembers(of: queue.group)
        return try await resetter.plan(target, of: queue, isLive: true)
    }

    /// Has the workers do what was planned, and waits until each partition's owner has committed that it did.
    ///
    /// A partition that is to have no offset at all gets its log's start, where a worker would begin as well.
    ///
    /// - Parameters:
    ///   - by: who does it, for the record.
    ///   - words: the command line's, or a program's.
    ///   - undoes: the id of the rewind that this one takes back.
    ///   - limit: how long to wait for the owners.
    ///   - progress: called now and then with how far the partitions are.
    /// - Returns: the record as it was written, and the partitions' answers.
    /// - Throws: ``RewindUnanswered`` where owners did not answer in time: the command stands, and is applied by whoever
    ///   owns the partitions next, unless it is withdrawn. ``ResetError`` where the group has no members, or another
    ///   rewind of it stands; ``KafkaError``; `CancellationError`, after which the command stands, too.
    public func execute(
        _ reset: OffsetReset,
        by: String,
        words: String,
        undoes: String? = nil,
        limit: Duration = .seconds(30),
        progress: @Sendable ([RewindAnswer]) -> Void = { _ in }
    ) async throws -> (record: ReplayRecord, answers: [RewindAnswer]) {
        try await requireMembers(of: reset.queue.group)
        try await refuseStanding(reset.queue)
        let now = Timestamp.now
        let rewind = Rewind(
            id: ReplayID.make(at: now),
            queue: reset.queue.name,
            group: reset.queue.group,
            at: now,
            by: by,
            targets: try await targets(of: reset)
        )
        let beginning = ReplayRecord.Beginning(
            id: rewind.id,
            kind: .rewind,
            queue: rewind.queue,
            group: rewind.group,
            at: now,
            by: by,
            words: words,
            moves: rewind.targets.map { .init(partition: $0.partition, old: $0.old, new: $0.offset) },
            undoes: undoes
        )
        try await book.begin(beginning)
        try await desk.write(rewind)
        let answers = try await wait(for: rewind, topic: reset.queue.mainTopic, limit, progress)
        return (try await finish(rewind, ReplayRecord(beginning: beginning)), answers)
    }

    /// Looks whether a rewind that was not answered in time has been applied since, and writes it down if so.
    ///
    /// - Returns: the record as it is now, and the partitions' answers.
    /// - Throws: ``ResetError`` for a record of something else.
    public func settle(_ record: ReplayRecord) async throws -> (record: ReplayRecord, answers: [RewindAnswer]) {
        let rewind = try Self.rewind(record)
        let topic = try Queue(rewind.queue, group: rewind.group).mainTopic
        let answers = try await desk.answers(to: rewind, topic: topic).values.sorted { $0.partition < $1.partition }
        guard record.result == nil, answers.allSatisfy(\.isApplied) else { return (record, answers) }
        return (try await finish(rewind, record), answers)
    }

    /// Takes back a rewind that not all owners have applied: those that have not, will not. It takes some seconds, until
    /// what owners did before they heard of it can be seen; a cancelled task goes on with it.
    ///
    /// - Returns: the record as it is now.
    /// - Throws: ``ResetError`` where it is finished, or turns out to be, or is no rewind.
    public func withdraw(_ record: ReplayRecord, by: String) async throws -> ReplayRecord {
        let known = try await settle(record).record
        let ended = known.result == nil ? try await Task { try await close(known, by: by) }.value : known
        guard known.result == nil, ended.result?.state != .finished else {
            throw ResetError(
                "rewind \(record.id) waits for nobody any more: kokanee replay undo \(record.id) takes it back"
            )
        }
        return ended
    }

    private func close(_ record: ReplayRecord, by: String) async throws -> ReplayRecord {
        let rewind = try Self.rewind(record)
        try await desk.close(rewind, as: .withdrawn)
        // Owners hear of it within a second, and what they did until then stands in the commit that follows.
        try await Task.sleep(for: Self.withdrawalTime)
        let topic = try Queue(rewind.queue, group: rewind.group).mainTopic
        let answers = try await desk.answers(to: rewind, topic: topic).values
        guard !answers.allSatisfy(\.isApplied) else { return try await finish(rewind, record) }
        let applied = answers.filter(\.isApplied).map(\.partition).sorted()
        let extent = applied.isEmpty ? "in no partition" : "only in partitions \(PartitionRanges.text(applied))"
        let notes = ["withdrawn by \(by) when it had been applied \(extent)"]
        let result = ReplayRecord.Result(state: .cancelled, at: Timestamp.now, notes: notes)
        try await book.end(result, of: record)
        var ended = record
        ended.result = result
        return ended
    }

    // MARK: - Steps

    private func finish(_ rewind: Rewind, _ record: ReplayRecord) async throws -> ReplayRecord {
        // As the book's own: a cancelled task is not to leave it unsaid.
        try await Task {
            try await desk.close(rewind, as: .done)
            return try await book.finish(record, counts: ["partitions": Int64(rewind.targets.count)])
        }.value
    }

    private func wait(
        for rewind: Rewind,
        topic: String,
        _ limit: Duration,
        _ progress: @Sendable ([RewindAnswer]) -> Void
    ) async throws -> [RewindAnswer] {
        let deadline = ContinuousClock.now + limit
        while true {
            // A coordinator that does not answer for a moment is no reason to leave a command that stands.
            let answers = try? await desk.answers(to: rewind, topic: topic)
            let sorted = (answers ?? [:]).values.sorted { $0.partition < $1.partition }
            if answers != nil {
                progress(sorted)
                if sorted.allSatisfy(\.isApplied) { return sorted }
            }
            guard ContinuousClock.now < deadline else { throw try await unanswered(rewind, sorted, topic, limit) }
            try await Task.sleep(for: Self.pollInterval)
        }
    }

    private func unanswered(
        _ rewind: Rewind,
        _ answers: [RewindAnswer],
        _ topic: String,
        _ limit: Duration
    ) async throws -> RewindUnanswered {
        if let known = try await desk.rewind(queue: rewind.queue, group: rewind.group), known.id != rewind.id {
            throw ResetError("rewind \(rewind.id) was replaced by \(known.id) of \(known.by) before all had applied it")
        }
        let applied = Set(answers.filter(\.isApplied).map(\.partition))
        let owners = (try? await GroupMembership.read(rewind.group, admin))?.owners ?? [:]
        let missing = rewind.targets.map(\.partition).filter { !applied.contains($0) }.sorted()
        return RewindUnanswered(
            id: rewind.id,
            queue: rewind.queue,
            missing: missing,
            owners: Dictionary(
                missing.compactMap { partition in
                    owners[TopicPartition(topic: topic, partition: partition)].map { (partition, $0) }
                },
                uniquingKeysWith: { first, _ in first }
            ),
            limit: limit
        )
    }

    /// Where the partitions are to be, and where they are right now, which is what an undo brings back.
    private func targets(of reset: OffsetReset) async throws -> [Rewind.Target] {
        let topic = reset.queue.mainTopic
        func place(_ partition: Int32) -> TopicPartition { TopicPartition(topic: topic, partition: partition) }
        let committed = try await admin.committedOffsets(
            group: reset.queue.group,
            reset.partitions.map { place($0.partition) }
        )
        let unset = reset.partitions.filter { $0.new == nil }.map { place($0.partition) }
        let lows = try await admin.listOffsets(unset, .earliest)
        return reset.partitions.map { plan in
            let place = place(plan.partition)
            return .init(
                partition: plan.partition,
                offset: plan.new ?? lows[place] ?? 0,
                old: (committed[place] ?? nil)?.offset
            )
        }
    }

    private func requireMembers(of group: String) async throws {
        guard case .members(let members, _) = try await GroupMembership.read(group, admin), members.isEmpty else {
            return
        }
        throw ResetError(
            "group \(group) has no members, and nobody would move the offsets: without --live they are reset at once"
        )
    }

    /// Two commands at a time would be one too many for an owner that has seen neither.
    private func refuseStanding(_ queue: Queue) async throws {
        guard let standing = try await desk.rewind(queue: queue.name, group: queue.group), standing.state == .standing
        else { return }
        let answers = try await desk.answers(to: standing, topic: queue.mainTopic).values
        let missing = answers.filter { !$0.isApplied }.map(\.partition).sorted()
        if missing.isEmpty {
            // Its command line ended before it could say so.
            if let record = try await book.records(queue: queue.name).first(where: { $0.id == standing.id }) {
                _ = try await finish(standing, record)
            } else {
                try await desk.close(standing, as: .done)
            }
            return
        }
        throw ResetError(
            """
            rewind \(standing.id) of \(standing.by) still waits for the owners of partitions \
            \(PartitionRanges.text(missing)); wait for it, or take it back by `kokanee replay cancel \(standing.id)`
            """
        )
    }

    private static func rewind(_ record: ReplayRecord) throws -> Rewind {
        guard record.beginning.kind == .rewind, let moves = record.beginning.moves else {
            throw ResetError("replay \(record.id) is no live rewind")
        }
        return Rewind(
            id: record.id,
            queue: record.beginning.queue,
            group: record.beginning.group,
            at: record.beginning.at,
            by: record.beginning.by,
            targets: moves.map { .init(partition: $0.partition, offset: $0.new ?? 0, old: $0.old) }
        )
    }
}

/// Owners of partitions have not said in time that they have applied a rewind. The command stands: whoever owns the
/// partitions applies it, unless it is withdrawn.
public struct RewindUnanswered: Error, Hashable, Sendable, CustomStringConvertible {
    /// Of the rewind and its record.
    public let id: String
    public let queue: String
    /// The partitions, in their order.
    public let missing: [Int32]
    /// Who owns them, where the broker tells.
    public let owners: [Int32: String]
    public let limit: Duration

    public var description: String {
        let named = missing.prefix(10).map { partition in
            "\(partition) (\(owners[partition] ?? "nobody known"))"
        }.joined(separator: ", ")
        let more = missing.count > 10 ? " and \(missing.count - 10) more" : ""
        return """
            the owners of partitions \(named)\(more) have not applied rewind \(id) within \(limit.text): it stands, and \
            whoever owns them next applies it. `kokanee replay show \(id)` tells how far it is, and \
            `kokanee replay cancel \(id)` takes it back where it is not applied
            """
    }
}
