public import RdKafka

/// Brings back the offsets that a reset or a live rewind has moved, if nothing has moved since.
///
/// It restores the offsets exactly. What the group had finished beyond them runs again.
public struct ReplayUndo: Sendable {
    private let configuration: ClientConfiguration
    private let admin: AdminClient
    private let logger: Logger

    /// - Throws: ``KafkaError`` where librdkafka refuses a property.
    public init(_ configuration: ClientConfiguration, logger: Logger = .disabled) throws(KafkaError) {
        self.configuration = configuration
        self.logger = logger
        admin = try AdminClient(configuration)
    }

    /// Finds out whether a record can be undone; changes nothing.
    ///
    /// - Throws: ``ResetError`` that says why not, and which partitions have moved; ``KafkaError``.
    public func check(_ record: ReplayRecord) async throws {
        let moves = try Self.moves(of: record)
        let queue = try Self.queue(of: record)
        let partitions = moves.map { TopicPartition(topic: queue.mainTopic, partition: $0.partition) }
        let committed = try await admin.committedOffsets(group: queue.group, partitions)
        let lows = try await admin.listOffsets(partitions, .earliest)
        let movements = zip(moves, partitions).compactMap { move, place in
            Self.movement(since: move, committed[place] ?? nil, low: lows[place])
        }
        guard movements.isEmpty else {
            let named = movements.prefix(10).joined(separator: "; ")
            let more = movements.count > 10 ? "; and \(movements.count - 10) more" : ""
            throw ResetError(
                """
                \(record.id) can't be undone: the group has worked, or its offsets were moved, since: \(named)\(more). \
                To set offsets all the same: kokanee replay \(queue.name) --reset --offsets LIST
                """
            )
        }
    }

    /// Undoes a reset or a rewind, and writes both that it did and that the record is undone.
    ///
    /// What a group without members had is reset; a rewind of one at work is undone by another rewind.
    ///
    /// - Parameters:
    ///   - by: who does it, for the record.
    ///   - words: the command line's, or a program's.
    ///   - limit: how long to wait for the owners of a group at work.
    /// - Returns: the record of the undo itself.
    /// - Throws: as ``check(_:)``, ``RecordedReset/execute(_:by:words:undoes:)`` and
    ///   ``LiveRewind/execute(_:by:words:undoes:limit:progress:)``.
    public func perform(
        _ record: ReplayRecord,
        by: String,
        words: String = "",
        limit: Duration = .seconds(30)
    ) async throws -> ReplayRecord {
        try await check(record)
        let queue = try Self.queue(of: record)
        let moves = try Self.moves(of: record)
        let target = OffsetReset.Target.exactly(
            Dictionary(moves.map { ($0.partition, $0.old) }, uniquingKeysWith: { first, _ in first })
        )
        if try await isLive(record, queue) {
            let rewind = try LiveRewind(configuration, logger: logger)
            let plan = try await rewind.plan(target, of: queue)
            return try await rewind.execute(plan, by: by, words: words, undoes: record.id, limit: limit).record
        }
        let plan = try await OffsetResetter(configuration, logger: logger).plan(target, of: queue)
        return try await RecordedReset(configuration, logger: logger)
            .execute(plan, by: by, words: words, undoes: record.id)
    }

    private func isLive(_ record: ReplayRecord, _ queue: Queue) async throws -> Bool {
        guard record.beginning.kind == .rewind else { return false }
        guard case .members(let members, _) = try await GroupMembership.read(queue.group, admin) else { return true }
        return !members.isEmpty
    }

    // MARK: - Decisions

    /// What a record has moved.
    ///
    /// - Throws: ``ResetError`` where there is nothing to undo.
    static func moves(of record: ReplayRecord) throws -> [ReplayRecord.Move] {
        let id = record.id
        guard record.beginning.kind != .side, let moves = record.beginning.moves, !moves.isEmpty else {
            let why = record.beginning.kind == .side ? ": a side replay leaves the queue's own offsets alone" : ""
            throw ResetError("\(id) can't be undone: nothing was moved\(why)")
        }
        switch record.result?.state {
        case .finished: return moves
        case .undone: throw ResetError("\(id) was undone already: \(record.result?.notes.last ?? "")")
        case .cancelled:
            let note = record.result?.notes.last.map { ": \($0)" } ?? ""
            throw ResetError("\(id) can't be undone: it was not finished\(note)")
        case nil:
            throw ResetError(
                """
                \(id) can't be undone: it is not finished. It is still being done, or who did it ended before its end; \
                kokanee replay show \(id) says where the offsets are
                """
            )
        }
    }

    private static func queue(of record: ReplayRecord) throws -> Queue {
        try Queue(record.beginning.queue, group: record.beginning.group)
    }

    /// What has become of a partition since it was moved, in words; nil where it is still there.
    ///
    /// - Parameter low: the log's start. A broker that can't forget an offset was given it instead of none.
    static func movement(since move: ReplayRecord.Move, _ committed: CommittedOffset?, low: Int64?) -> String? {
        func text(_ offset: Int64?) -> String { offset.map { "\($0)" } ?? "none" }
        let metadata = committed.flatMap { CommitMetadata(text: $0.metadata, above: $0.offset) }
        if let done = metadata?.completed, !done.isEmpty {
            return "partition \(move.partition) has \(done.count) jobs finished beyond \(text(committed?.offset))"
        }
        let isThere = committed?.offset == move.new || move.new == nil && committed?.offset == low
        guard !isThere else { return nil }
        return "partition \(move.partition) is at \(text(committed?.offset)), not at \(text(move.new))"
    }
}

extension ReplayBook {
    /// Writes that a reset or a rewind is finished, and, where it is an undo, that what it undoes is undone.
    ///
    /// The offsets have moved by then: a cancelled task writes it down all the same.
    func finish(_ record: ReplayRecord, counts: [String: Int64]) async throws -> ReplayRecord {
        try await Task {
            var ended = record
            let result = ReplayRecord.Result(state: .finished, at: Timestamp.now, counts: counts)
            try await end(result, of: record)
            ended.result = result
            guard let id = record.beginning.undoes else { return ended }
            let undone = try await self.record(id)
            let note = "undone by \(record.beginning.by) in \(record.id)"
            try await end(
                .init(
                    state: .undone,
                    at: Timestamp.now,
                    counts: undone.result?.counts ?? [:],
                    notes: (undone.result?.notes ?? []) + [note]
                ),
                of: undone
            )
            return ended
        }.value
    }
}
