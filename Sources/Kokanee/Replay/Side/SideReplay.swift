public import RdKafka

/// Runs a part of a queue's history again, beside live work: under a group, a ladder and dead letters of its own.
///
///     let words = "after the fix of #4711"
///     let (plan, listed) = (planned.plan, planned.listed)
///     let replay = try await SideReplay.begin(plan, listed: listed, of: queue, by: "ann", words: words, client: client)
///     try await Worker(replaying: replay, jobs: jobs, client: client).run()
///
/// What is covered is fixed by the plan. Any number of workers may join, leave and die; the replay is at its end when
/// the group has committed the plan's end in every partition and its ladder is empty, and whoever sees that writes the
/// result.
public enum SideReplay {
    /// Begins a replay: makes its topics and records it. Nothing runs before a worker joins.
    ///
    /// - Parameters:
    ///   - plan: of this queue; its id becomes the replay's.
    ///   - listed: the selected offsets, where the plan has them listed; they are written to the replay's state topic.
    ///   - rate: jobs a second over all workers; nil is without limit.
    ///   - by: who begins it.
    ///   - words: why, or by which command.
    /// - Throws: ``InputError`` where the plan's offsets are listed and the list is missing; ``TopicError`` where its topics
    ///   can't be made; ``KafkaError``.
    public static func begin(
        _ plan: ReplayPlan,
        listed: ListedOffsets? = nil,
        of queue: Queue,
        rate: Double? = nil,
        by: String,
        words: String,
        client: ClientConfiguration
    ) async throws -> ReplayRecord {
        guard !plan.hasListedOffsets || listed != nil else {
            throw InputError("plan \(plan.id) lists the offsets that it selects: give their list as `listed`")
        }
        let book = try ReplayBook(client)
        _ = try await TopicAdministrator(AdminClient(client)).create(queue.replay(plan.id))
        try await listed?.write(to: queue.replay(plan.id), client)
        let now = Timestamp.now
        var replay = ReplayRecord(
            beginning: ReplayRecord.Beginning(
                id: plan.id,
                kind: .side,
                queue: queue.mainTopic,
                group: try queue.replay(plan.id).group,
                at: now,
                by: by,
                words: words,
                plan: plan,
                ladder: queue.ladder.description,
                defaultType: queue.defaultType
            )
        )
        // The wish first: a worker that sees the beginning must not start at full speed.
        if let rate {
            let wish = ReplayRecord.Wish(mode: .run, rate: rate, at: now, by: by)
            replay.wish = wish
            try await book.wish(wish, of: replay)
        }
        try await book.begin(replay.beginning)
        return replay
    }

    /// The queue as the replay works it.
    ///
    /// - Throws: ``InputError`` where the record is not a side replay's.
    public static func queue(of replay: ReplayRecord) throws -> Queue {
        guard replay.beginning.kind == .side else {
            throw InputError("\(replay.id) is no side replay: there is nothing for a worker to do")
        }
        return try Queue(
            replay.beginning.queue,
            ladder: replay.beginning.ladder.map { try Ladder(text: $0) } ?? .standard,
            defaultType: replay.beginning.defaultType ?? "default"
        ).replay(replay.id)
    }

    // MARK: - For the replay's workers

    static func selector(
        of plan: ReplayPlan,
        _ queue: Queue,
        _ client: ClientConfiguration
    ) async throws -> RecordSelector {
        var listed: [Int32: OffsetSet]?
        if plan.hasListedOffsets {
            let partitions = plan.partitions.map(\.partition)
            listed = try await ListedOffsets.read(of: queue, partitions: partitions, client).partitions
        }
        return try RecordSelector(plan.selection, defaultType: queue.defaultType, listed: listed)
    }

    /// Follows what operators wish until it is stopped.
    static func follow(
        _ run: ReplayRun,
        _ client: ClientConfiguration,
        _ logger: Logger
    ) throws(KafkaError) -> ControlFollower {
        let key = ReplayRecord.key(run.record.beginning.queue, run.record.id, .wish)
        return try ControlFollower(
            prefixes: [key],
            configuration: client,
            logger: logger,
            changed: { change in
                // What is taken away, or can't be read, leaves things as they are.
                guard let bytes = change.entry?.value,
                    let wish = try? JSONCodec().decode(ReplayRecord.Wish.self, from: Bytes(bytes))
                else { return }
                let news = ReplayRun.Wish(mode: wish.mode, rate: wish.rate)
                guard run.wish != news else { return }
                run.wish = news
                logger.log(
                    .info,
                    "an operator's word for the replay",
                    ["replay": run.record.id, "mode": wish.mode.rawValue, "by": wish.by]
                )
            }
        )
    }
}
