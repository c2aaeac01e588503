public import RdKafka

/// How far a side replay is, as its group's committed offsets tell.
public struct ReplayProgress: Sendable, Hashable {
    /// One partition of the main topic, of those that the plan covers.
    public struct Partition: Sendable, Hashable {
        /// Its number in the topic.
        public var partition: Int32
        /// The plan's first offset.
        public var from: Int64
        /// The offset behind the plan's last one.
        public var to: Int64
        /// All below it is done; `from` before anything is committed.
        public var committed: Int64
    }

    /// Those that the plan covers, in their order.
    public var partitions: [Partition]
    /// Jobs that wait on the replay's ladder, at most: what a transaction's markers take up counts as well.
    public var retrying: Int64
    /// The replay's dead letters, with those that have a verdict.
    public var dead: Int64

    /// Offsets of the plan.
    public var records: Int64 { partitions.reduce(0) { $0 + $1.to - $1.from } }
    /// Offsets of the plan that are done, or were passed over.
    public var done: Int64 { partitions.reduce(0) { $0 + $1.committed - $1.from } }
    /// The share of the plan that is done, from 0 to 1.
    public var fraction: Double { records == 0 ? 1 : Double(done) / Double(records) }
    /// Whether nothing of the plan is left to do, on the replay's ladder neither.
    public var isCovered: Bool { partitions.allSatisfy { $0.committed >= $0.to } && retrying == 0 }
}

extension SideReplay {
    /// How far a replay is.
    ///
    /// - Throws: ``InputError`` where the record is not a side replay's; ``KafkaError``.
    public static func progress(of replay: ReplayRecord, _ client: ClientConfiguration) async throws -> ReplayProgress {
        try await progress(of: replay, AdminClient(client))
    }

    /// As ``progress(of:_:)-(_,ClientConfiguration)``, for who asks again and again.
    public static func progress(of replay: ReplayRecord, _ admin: AdminClient) async throws -> ReplayProgress {
        let queue = try queue(of: replay)
        let plan = (replay.beginning.plan?.partitions ?? []).filter { $0.records > 0 }
        let main = plan.map { TopicPartition(topic: queue.mainTopic, partition: $0.partition) }
        let metadata = try await admin.metadata(topics: queue.retryTopics + [queue.deadLetterTopic])
        let rungs = queue.retryTopics.flatMap { metadata.partitions(of: $0) ?? [] }
        let letters = metadata.partitions(of: queue.deadLetterTopic) ?? []
        let committed = try await admin.committedOffsets(group: queue.group, main + rungs)
        let ends = try await admin.listOffsets(rungs + letters, .latest)
        let lows = try await admin.listOffsets(rungs + letters, .earliest)
        func waiting(_ partition: TopicPartition) -> Int64 {
            let start = (committed[partition] ?? nil)?.offset ?? lows[partition] ?? 0
            return max(0, (ends[partition] ?? start) - start)
        }
        return ReplayProgress(
            partitions: plan.map { part in
                let place = TopicPartition(topic: queue.mainTopic, partition: part.partition)
                let offset = (committed[place] ?? nil)?.offset ?? part.from
                return .init(
                    partition: part.partition,
                    from: part.from,
                    to: part.to,
                    committed: min(max(offset, part.from), part.to)
                )
            },
            retrying: rungs.reduce(0) { $0 + waiting($1) },
            dead: letters.reduce(0) { $0 + (ends[$1] ?? 0) - (lows[$1] ?? 0) }
        )
    }

    /// Writes the result of a replay whose plan is covered. Several workers may see that, and write the same: the counts are
    /// from what the broker keeps, and not from what this worker has done. What was lost only they can tell: each adds its
    /// own to what the others have told.
    ///
    /// - Parameter lost: records of the plan that this worker missed because retention was faster.
    static func conclude(_ run: ReplayRun, _ queue: Queue, lost: Int64, _ client: ClientConfiguration) async throws {
        let replay = run.record
        let book = try ReplayBook(client)
        func known() async throws -> ReplayRecord.Result? {
            try await book.records(queue: replay.beginning.queue).first { $0.id == replay.id }?.result
        }
        guard try await known()?.state != .cancelled else { return }
        let progress = try await progress(of: replay, client)
        let marks = try await OutcomeReader(client).read(queue: queue, within: run.ranges)
        var completed: Int64 = 0
        for (partition, outcomes) in marks {
            guard let range = run.ranges[partition] else { continue }
            completed += outcomes.completed(in: .replay(replay.id)).count(in: range)
        }
        // Right before it is written: the marks of a large topic take their time, and an operator's word stands.
        let last = try await known()
        guard last?.state != .cancelled else { return }
        let lost = lost + (last?.counts["lostToRetention"] ?? 0)
        var notes: [String] = []
        if lost > 0 { notes.append("retention took \(lost) records of the plan before a worker read them") }
        try await book.end(
            ReplayRecord.Result(
                state: .finished,
                at: Timestamp.now,
                counts: [
                    "covered": progress.records, "completed": completed, "dead": progress.dead,
                    "lostToRetention": lost,
                ],
                notes: notes
            ),
            of: replay
        )
    }
}
