internal import Kokanee
internal import RdKafka

extension Command {
    static let replayList = Command(
        name: "list",
        summary: "Lists replays and resets: who did what, when, and what came of it.",
        examples: [.init("kokanee replay list orders", "one queue's")],
        arguments: [Argument("QUEUE", minimum: 0, "the queue")],
        run: { context in
            let queue = try context.arguments.first.map { try context.values.queue($0).mainTopic }
            let records = try await ReplayBook(try await context.connect().configuration).records(queue: queue)
            guard !records.isEmpty else { return context.console.say("there are no replays") }
            if context.console.isJSON {
                for record in records { try context.console.print(ReplayReport(record).json()) }
            } else {
                try context.console.print(ReplayReport.table(records))
            }
        }
    )

    static let replayShow = Command(
        name: "show",
        summary: "Shows a replay or a reset: its plan, how far it is, and what came of it.",
        examples: [.init("kokanee replay show 20260709-101500-k3f9", "")],
        arguments: [Argument("ID", "the replay, as `replay list` has it")],
        run: { context in
            let client = try await context.connect().configuration
            var record = try await ReplayBook(client).record(context.arguments[0])
            // One that was not answered in time may have been by now.
            if record.beginning.kind == .rewind, record.result == nil {
                record = try await LiveRewind(client).settle(record).record
            }
            let isSide = record.beginning.kind == .side
            let report = ReplayReport(record, isSide ? try await SideReplay.progress(of: record, client) : nil)
            guard !context.console.isJSON else { return try context.console.print(report.json()) }
            for line in report.lines { try context.console.print(line) }
            try context.console.print(report.details)
        }
    )

    static let replayPause = wishing("pause", "Stops a side replay for now: nothing of it starts, in any process.") {
        replay,
        _ in (.pause, replay.wish?.rate)
    }

    static let replayResume = wishing("resume", "Lets a paused side replay go on.") { replay, _ in
        (.run, replay.wish?.rate)
    }

    static let replayRate = wishing(
        "rate",
        "Bounds how many jobs a side replay starts, over all processes.",
        Argument("RATE", "50/s, 600/m, or none")
    ) { replay, context in
        let text = context.arguments[1]
        do {
            return (replay.wish?.mode ?? .run, text == "none" ? nil : try Rate(text: text).perSecond)
        } catch {
            throw context.values.error("RATE: \(error)")
        }
    }

    static let replayCancel = Command(
        name: "cancel",
        summary: "Ends a side replay for good, or takes back a live reset where it is not done yet.",
        examples: [.init("kokanee replay cancel 20260709-101500-k3f9", "")],
        arguments: [Argument("ID", "the replay, as `replay list` has it")],
        options: [.value("by", "WHO", "who does it, for the record", default: "USER@HOST")],
        interruption: .isHandled,
        run: { context in
            let (client, book, record) = try await context.untilInterrupted {
                let client = try await context.connect().configuration
                let book = try ReplayBook(client)
                return (client, book, try await book.record(context.arguments[0]))
            }
            guard record.beginning.kind != .rewind else {
                let name = try context.operatorName
                let ended = try await context.endingBetweenSteps {
                    try await LiveRewind(client).withdraw(record, by: name)
                }.get()
                if context.console.isJSON { return try context.console.print(ReplayReport(ended).json()) }
                return context.console.say(
                    "\(record.id) is withdrawn: partitions that have not moved stay where they are"
                )
            }
            let replay = try await open(context.arguments[0], book)
            try await wish(.cancel, replay.wish?.rate, replay, book, context)
            let progress = try await SideReplay.progress(of: replay, client)
            let name = try context.operatorName
            let result = ReplayRecord.Result(
                state: .cancelled,
                at: Timestamp.now,
                counts: ["done": progress.done, "retrying": progress.retrying, "dead": progress.dead],
                notes: ["cancelled by \(name)"]
            )
            try await book.end(result, of: replay)
            if context.console.isJSON {
                return try context.console.print(ReplayReport(try await book.record(replay.id)).json())
            }
            context.console.say(
                """
                replay \(replay.id) is cancelled at \(progress.done) of \(progress.records) records; \
                \(progress.retrying) jobs stay on its ladder, and are not run
                """
            )
        }
    )

    static let replayUndo = Command(
        name: "undo",
        summary: "Brings back the offsets that a reset moved, if nothing has moved since.",
        discussion: """
            Otherwise it changes nothing, and says which partitions have moved. What a group at work has moved its workers \
            move back. What has run stays done.
            """,
        examples: [
            .init("kokanee replay undo 20260709-101500-k3f9 --dry-run", "whether it could"),
            .init("kokanee replay undo 20260709-101500-k3f9", "the offsets as they were"),
        ],
        arguments: [Argument("ID", "the reset, as `replay list` has it")],
        options: [
            .flag("dry-run", "only say whether it could"),
            .flag("execute", "do it, as without --dry-run"),
            .value("reason", "TEXT", "why, for the record"),
            .value("by", "WHO", "who does it, for the record", default: "USER@HOST"),
        ],
        exclusive: [["execute", "dry-run"]],
        interruption: .isHandled,
        run: { context in
            let isDry = context.values.isSet("dry-run")
            let (undo, record) = try await context.untilInterrupted {
                let client = try await context.connect().configuration
                let record = try await ReplayBook(client).record(context.arguments[0])
                let undo = try ReplayUndo(client, logger: context.console.logger())
                if isDry { try await undo.check(record) }
                return (undo, record)
            }
            guard !isDry else {
                if context.console.isJSON { return try context.console.print(ReplayReport(record).json()) }
                try context.console.print(ReplayReport(record).details)
                return context.console.say("nothing has moved since \(record.id): its undo brings the old offsets back")
            }
            let (by, words) = (try context.operatorName, try context.reason())
            let done = try await moving(record.beginning.queue, context) {
                try await undo.perform(record, by: by, words: words)
            }
            if context.console.isJSON { return try context.console.print(ReplayReport(done).json()) }
            try context.console.print(ReplayReport(done).details)
            context.console.say("the offsets are as they were before \(record.id); recorded as \(done.id)")
        }
    )

    // MARK: - Wishes

    private static func wishing(
        _ name: String,
        _ summary: String,
        _ argument: Argument? = nil,
        _ change: @escaping @Sendable (ReplayRecord, Context) throws -> (ReplayRecord.Wish.Mode, Double?)
    ) -> Command {
        Command(
            name: name,
            summary: summary,
            discussion: "The replay's processes do so within a second.",
            examples: [
                .init("kokanee replay \(name) 20260709-101500-k3f9\(argument == nil ? "" : " 50/s")", "")
            ],
            arguments: [Argument("ID", "the replay, as `replay list` has it")] + (argument.map { [$0] } ?? []),
            options: [.value("by", "WHO", "who does it, for the record", default: "USER@HOST")],
            run: { context in
                let book = try ReplayBook(try await context.connect().configuration)
                let replay = try await open(context.arguments[0], book)
                let (mode, rate) = try change(replay, context)
                try await wish(mode, rate, replay, book, context)
                if context.console.isJSON {
                    return try context.console.print(ReplayReport(try await book.record(replay.id)).json())
                }
                let pace = rate.map { "at most \(Rate(perSecond: $0).text)" } ?? "without a bound on its rate"
                context.console.say("replay \(replay.id): \(mode == .pause ? "paused" : "running"), \(pace)")
            }
        )
    }

    /// A side replay that has not ended.
    private static func open(_ id: String, _ book: ReplayBook) async throws -> ReplayRecord {
        let replay = try await book.record(id)
        guard replay.beginning.kind == .side else {
            throw Failure("\(id) is a reset of offsets, and was done at once; `replay undo` may bring them back")
        }
        if let result = replay.result { throw Failure("replay \(id) has ended: it is \(result.state.rawValue)") }
        return replay
    }

    private static func wish(
        _ mode: ReplayRecord.Wish.Mode,
        _ rate: Double?,
        _ replay: ReplayRecord,
        _ book: ReplayBook,
        _ context: Context
    ) async throws {
        let wish = ReplayRecord.Wish(mode: mode, rate: rate, at: Timestamp.now, by: try context.operatorName)
        try await book.wish(wish, of: replay)
    }
}
