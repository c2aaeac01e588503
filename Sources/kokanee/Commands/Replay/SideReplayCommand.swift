internal import Kokanee
internal import RdKafka

extension Command {
    static let sideReplayOptions: [Option] = [
        .value("rate", "N/s", "start at most so many jobs a second, over all processes; also N/m, N/h"),
        .flag("rehearse", "run the jobs with effects off and report what would happen"),
        .value("sample", "N", "rehearse about N jobs, spread over all that are selected", default: "all"),
        .value("report", "FILE", "also write the rehearsal's report as an HTML page"),
        .flag("no-scan", "don't count what matches: the plan alone"),
    ]

    static var sideReplayFlags: [String] { sideReplayOptions.map(\.long) }

    static let replayWork = Command(
        name: "work",
        summary: "Joins a side replay, or goes on with one, until its plan is covered.",
        discussion: "Any number of processes may work one replay. What was committed is not run again.",
        examples: [
            .init("kokanee replay work 20260709-101500-k3f9 --handler ./fixed.py", "here, and on other machines")
        ],
        arguments: [Argument("ID", "the replay, as `replay list` has it")],
        options: handlerOptions,
        exclusive: [["handler", "exec"], ["write-ahead", "exec"]],
        interruption: .isHandled,
        run: { context in
            guard context.values.isSet("handler") || context.values.isSet("exec") else {
                throw context.values.error("--handler or --exec is missing: what is to run the jobs?")
            }
            let (replay, cluster) = try await context.untilInterrupted {
                let cluster = try await context.connect()
                return (try await ReplayBook(cluster.configuration).record(context.arguments[0]), cluster)
            }
            if let result = replay.result {
                return context.console.say("replay \(replay.id) has ended: it is \(result.state.rawValue)")
            }
            try await work(on: replay, StartedHandlers(context), context, cluster)
        }
    )

    /// Plans a side replay, and with `--execute` begins it and runs it.
    static func runSideReplay(_ context: Context) async throws {
        let values = context.values
        if let flag = ["sample", "report"].first(where: values.isSet) {
            throw values.error("--\(flag) goes with --rehearse")
        }
        let isExecuted = values.isSet("execute")
        let rate = try values.parsed("rate") { try Rate(text: $0).perSecond }
        let hasHandler = values.isSet("handler") || values.isSet("exec")
        // Whatever is wrong with these has to be told before anything has begun.
        _ = try values.workerConfiguration(environment: context.environment)
        _ = try values.writeAhead()
        let (by, words) = (try context.operatorName, try context.reason(selectionOptions + sideReplayOptions))
        // What outcomes select is looked up anyway; else counting would read all of the range once more.
        let hasOutcomes = ["only-failed", "only-completed-by", "skip-done"].contains(where: values.isSet)
        let (cluster, queue, planned) = try await context.untilInterrupted {
            try await makePlan(context, scans: (!isExecuted || hasOutcomes) && !values.isSet("no-scan"))
        }
        let plan = planned.plan
        let isEmpty = plan.records == 0 || plan.count?.matched == 0 || planned.listed?.count == 0
        try context.console.printBeside { try show(plan, isEmpty: isEmpty, isExecuted: isExecuted, context) }
        guard isExecuted, !isEmpty else { return }
        let handlers = hasHandler ? try await StartedHandlers(context) : nil
        let replay: ReplayRecord
        do {
            replay = try await SideReplay.begin(
                plan,
                listed: planned.listed,
                of: queue,
                rate: rate,
                by: by,
                words: words,
                client: cluster.configuration
            )
        } catch {
            await handlers?.handlers.close()
            throw error
        }
        guard let handlers else {
            return context.console.say(
                "replay \(replay.id) has begun; run it with: \(Program.name) replay work \(replay.id) --handler CMD"
            )
        }
        context.console.say("replay \(replay.id) has begun")
        try await work(on: replay, handlers, context, cluster)
    }

    /// - Parameter scans: count what matches.
    static func makePlan(
        _ context: Context,
        scans: Bool
    ) async throws -> (cluster: Cluster, queue: Queue, planned: ReplayPlanner.Planned) {
        let values = context.values
        var selection = try values.selection()
        if let file = values.string("ids") { selection.ids = try await ids(file, context) }
        let asked = try values.queue(context.arguments[0])
        let cluster = try await context.connect()
        let queue = try await cluster.queue(asked, values)
        let id = ReplayID.make(at: Timestamp.now)
        let progress = Progress("records looked at", console: context.console)
        defer { progress.finish() }
        let planner = try ReplayPlanner(cluster.configuration)
        let planned = try await planner.plan(selection, of: queue, id: id, scans: scans) { now in
            progress.update(
                count: Int(now.scanned),
                fraction: now.total > 0 ? Double(now.scanned) / Double(now.total) : nil
            )
        }
        return (cluster, queue, planned)
    }

    private static func ids(_ file: String, _ context: Context) async throws -> Set<String> {
        var ids: Set<String> = []
        let lines = LineFeed(try await context.opening { try LineReader(path: file) })
        while let batch = try await lines.next() {
            for line in batch.lines { ids.insert(String(String(decoding: line.bytes, as: UTF8.self).trimmed)) }
        }
        guard !ids.isEmpty else { throw InputError("\(file) has no ids; one stands on each line") }
        return ids
    }

    private static func show(_ plan: ReplayPlan, isEmpty: Bool, isExecuted: Bool, _ context: Context) throws {
        let report = PlanReport(plan)
        if context.console.isJSON {
            try context.console.print(report.json)
        } else {
            try context.console.print(report.table)
        }
        for note in report.notes { context.console.say(note) }
        if isEmpty {
            context.console.say("nothing to do: the plan covers no job")
        } else if !isExecuted {
            context.console.say("nothing was run; with --execute it is")
        }
    }

    // MARK: - Work

    /// What runs the jobs, started before anything is written: what can't be started leaves nothing behind.
    private struct StartedHandlers {
        let handlers: Handlers
        let configuration: WorkerConfiguration

        init(_ context: Context) async throws {
            var configuration = try context.values.workerConfiguration(environment: context.environment)
            handlers = try await Handlers(
                context.values,
                &configuration,
                writeAhead: context.values.writeAhead(),
                logger: context.console.logger()
            )
            // What has finished since the last commit runs again after a crash, and customers may hear of it.
            configuration.commitInterval = .milliseconds(250)
            self.configuration = configuration
        }
    }

    /// Runs a worker on a replay until its plan is covered, and tells how far it is.
    private static func work(
        on replay: ReplayRecord,
        _ started: StartedHandlers,
        _ context: Context,
        _ cluster: Cluster
    ) async throws {
        let (handlers, configuration) = (started.handlers, started.configuration)
        let logger = context.console.logger()
        let client = cluster.configuration
        let worker: Worker
        do {
            worker = try Worker(
                replaying: replay,
                jobs: try context.values.jobs(handlers.handler),
                configuration: configuration,
                client: client,
                logger: logger
            )
        } catch {
            await handlers.close()
            throw error
        }
        let start = ContinuousClock.now
        let result = await context.run(worker, counting: "records", every: .seconds(1)) {
            guard let now = try? await SideReplay.progress(of: replay, cluster.admin) else { return nil }
            return (Int(now.done), now.fraction)
        }
        await handlers.close()
        try result.get()
        let ended = try await ReplayBook(client).record(replay.id)
        let report = ReplayReport(ended, try await SideReplay.progress(of: ended, client))
        // Whoever cancels it says so first, and then writes the result.
        let isCancelled = ended.wish?.mode == .cancel
        guard ended.result == nil, !isCancelled else {
            let work = ReplayReport.Work(worker.statistics, worker.replayed, seconds: (.now - start) / .seconds(1))
            try context.console.printBeside {
                guard !context.console.isJSON else { return try context.console.print(report.json(work)) }
                for line in report.summary(work) { try context.console.print(line) }
            }
            guard !isCancelled, ended.result?.state == .finished else {
                throw Failure("replay \(replay.id) was cancelled; what ran stays done")
            }
            return
        }
        let words = UndoCommand.connectionWords(context.values) + ["replay", "work", replay.id]
        context.console.say("not finished; go on with: \(words.joined(separator: " ")) --handler CMD")
        throw CancellationError()
    }
}
