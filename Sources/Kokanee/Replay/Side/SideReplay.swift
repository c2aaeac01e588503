public import RdKafka
internal import Synchronization

/// Runs a part of a queue's history again, beside live work: under a group, a ladder and dead letters of its own.
///
///     let replay = try await SideReplay.begin(plan, of: queue, by: "ann", words: "after the fix of #4711", client: client)
///     try await Worker(replaying: replay, jobs: jobs, client: client).run()
///
/// What is covered is fixed by the plan. Any number of workers may join, leave and die; the replay is at its end when
/// the group has committed the plan's end in every partition and its ladder is empty, and whoever sees that writes the
/// result.
public enum SideReplay {
    /// Begins a replay: makes its topics and records it. Nothing runs before a worker joins.
    ///
    /// - Parameters:
    ///   - rate: jobs a second over all workers; nil is without limit.
    ///   - by: who begins it.
    ///   - words: why, or by which command.
    /// - Throws: ``TopicError`` where its topics can't be made; ``KafkaError``.
    public static func begin(
        _ plan: ReplayPlan,
        of queue: Queue,
        rate: Double? = nil,
        by: String,
        words: String,
        client: ClientConfiguration
    ) async throws -> ReplayRecord {
        let book = try ReplayBook(client)
        try await makeTopics(of: plan.id, queue, client)
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

    /// Makes the topics of a replay that are missing; those that are there are left alone.
    public static func makeTopics(of id: String, _ queue: Queue, _ client: ClientConfiguration) async throws {
        _ = try await TopicAdministrator(AdminClient(client)).create(queue.replay(id))
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

    static func test(
        of plan: ReplayPlan,
        _ queue: Queue,
        _ client: ClientConfiguration
    ) async throws -> ReplayRun.Test {
        let keys = Set(plan.selection.keys)
        return { message in
            keys.isEmpty || message.key.map { keys.contains(String(decoding: $0, as: UTF8.self)) } ?? false
        }
    }

    /// Follows what operators wish until the task is cancelled.
    static func follow(_ run: ReplayRun, _ client: ClientConfiguration, _ logger: Logger) async {
        let prefix = ReplayRecord.keyPrefix(queue: run.record.beginning.queue)
        var isTold = false
        while !Task.isCancelled {
            do {
                let entries = try await ControlTopic(client).read(prefix: prefix)
                if let wish = ReplayRecord.records(entries).first(where: { $0.id == run.record.id })?.wish {
                    run.wish = ReplayRun.Wish(mode: wish.mode, rate: wish.rate)
                }
                isTold = false
            } catch {
                if !isTold, !Task.isCancelled {
                    logger.log(.warning, "can't see what operators want of the replay", ["error": "\(error)"])
                }
                isTold = true
            }
            try? await Task.sleep(for: .milliseconds(500))
        }
    }
}
