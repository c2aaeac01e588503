public import RdKafka
internal import Synchronization

extension Worker {
    /// Works a replay that has begun, beside others that do, until its plan is covered; see ``SideReplay``.
    ///
    /// It is a worker as any other, in a group of the replay's own: jobs that fail climb the replay's ladder and become
    /// its dead letters. Where the replay goes on after a crash, or after a worker was stopped, it goes on from the
    /// committed offsets.
    ///
    /// - Parameter configuration: as for live work; ``WorkerConfiguration/stopsWhenIdle`` always holds.
    /// - Throws: ``InputError`` where the record is not a side replay's.
    public convenience init(
        replaying replay: ReplayRecord,
        jobs: JobRegistry,
        configuration: WorkerConfiguration = WorkerConfiguration(),
        client: ClientConfiguration,
        logger: Logger = .disabled
    ) throws {
        let queue = try SideReplay.queue(of: replay)
        var configuration = configuration
        configuration.stopsWhenIdle = true
        // Offsets that are passed over count in it, and cost nothing.
        configuration.maximumGap = max(configuration.maximumGap, 1_000_000)
        self.init([queue], replay, jobs, configuration, client, logger)
    }

    /// How far this worker is with its part of the plan, in records read and in jobs that were selected; nil before
    /// ``run()``, and where it works no replay.
    public var replayed: (scanned: Int, matched: Int)? {
        replayRun.withLock { $0 }.map { ($0.count.scanned, $0.count.matched) }
    }

    /// Whether the worker works a replay at present.
    var isReplaying: Bool { replayRun.withLock { $0 } != nil && !control.isStopping }

    /// Reads what belongs to the replay's plan.
    func prepare(_ replay: ReplayRecord) async throws -> ReplayRun {
        guard let plan = replay.beginning.plan else {
            throw InputError("\(replay.id) is no side replay: there is nothing for a worker to do")
        }
        if let result = replay.result {
            throw InputError("replay \(replay.id) has ended: it is \(result.state.rawValue)")
        }
        let run = ReplayRun(replay, plan: plan, try await SideReplay.selector(of: plan, queues[0], client))
        replayRun.withLock { $0 = run }
        return run
    }

    /// Works a replay, does what operators wish meanwhile, and writes its result where its plan is covered.
    func following(_ run: ReplayRun, _ work: () async throws -> Void) async throws {
        let follower = try SideReplay.follow(run, client, logger)
        defer { follower.stop() }
        // Whoever joins a paused replay must not start.
        guard await follower.catchUp(within: .seconds(10)) else {
            throw InputError("replay \(run.record.id): kokanee.control can't be read, which says whether it is paused")
        }
        try await work()
        guard control.foundIdle else { return }
        try await SideReplay.conclude(run, queues[0], lost: statistics.lostToRetention, client)
    }
}
