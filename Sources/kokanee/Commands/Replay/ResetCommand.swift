internal import Kokanee
internal import RdKafka

extension Command {
    static let resetTargets = [
        "to-earliest", "to-latest", "to-datetime", "by-duration", "to-offset", "shift-by", "offsets",
    ]

    static let resetOptions: [Option] = [
        .flag("reset", "reset the offsets of the queue's group"),
        .flag("live", "with --reset: have the group's members do it, while they work"),
        .flag("to-earliest", "to the first records that there are"),
        .flag("to-latest", "behind the last records"),
        .value("to-datetime", "TIME", "to the first record at or after TIME"),
        .value("by-duration", "D", "to the first record at or after D ago"),
        .value("to-offset", "N", "to offset N in every partition"),
        .value("shift-by", "N", "N records on from where the group is, or back where N is negative"),
        .value(
            "offsets",
            "LIST",
            "with --reset to an offset for each partition, 0=12,1-3=none; else only these stretches, 0=100:200,1-3=40:"
        ),
        .value("group", "GROUP", "the consumer group to reset", default: "kokanee.QUEUE"),
    ]

    /// Resets the offsets of a queue's group.
    static func runReset(_ context: Context) async throws {
        let values = context.values
        let queue = try values.queue(context.arguments[0], group: values.string("group"))
        let target = try target(values)
        let (by, words, logger) = (try context.operatorName, try context.reason(resetOptions), context.console.logger())
        let isExecuted = values.isSet("execute")
        let isLive = values.isSet("live")
        let (configuration, plan) = try await context.untilInterrupted {
            let configuration = try await context.connect().configuration
            let plan =
                isLive
                ? try await LiveRewind(configuration, logger: logger).plan(target, of: queue)
                : try await OffsetResetter(configuration, logger: logger).plan(target, of: queue)
            return (configuration, plan)
        }
        let old = Dictionary(uniqueKeysWithValues: plan.partitions.map { ($0.partition, $0.old) })
        let undo = UndoCommand(queue: queue.name, old: old, values).text
        var record: ReplayRecord?
        if isExecuted, isLive || !plan.changesNothing {
            record = try await moving(queue.name, context) {
                if isLive { return try await rewind(plan, configuration, by: by, words: words, context) }
                let reset = try RecordedReset(configuration, logger: logger)
                return try await reset.execute(plan, by: by, words: words) {
                    context.console.complain("offsets have moved, or may have; undo: \(undo)")
                }
            }
        }

        let report = ResetReport(plan, isExecuted: isExecuted, undo: undo, record: record?.id)
        guard !context.console.isJSON else { return try context.console.print(report.json) }
        try context.console.print(report.table)
        for note in report.notes { context.console.say(note) }
        if plan.changesNothing {
            context.console.say("nothing to do: the offsets are there already")
        } else {
            try context.console.print(report.undoLine)
            context.console.say(
                isExecuted ? "the offsets are reset" : "nothing was changed; with --execute it is done"
            )
        }
        if let record { context.console.say("recorded as \(record.id): `\(Program.name) replay undo \(record.id)`") }
    }

    /// What `body` returns, which moves offsets: an interruption ends it before they are moved, or not at all.
    ///
    /// - Throws: ``Failure`` where it was interrupted, with what to look at.
    static func moving<R: Sendable>(
        _ queue: String,
        _ context: Context,
        _ body: @escaping @Sendable () async throws -> R
    ) async throws -> R {
        do {
            return try await context.endingBetweenSteps(body).get()
        } catch is CancellationError {
            throw Failure(
                """
                interrupted before all offsets of \(queue) were seen to have moved; what a fleet was told stands: \
                `\(Program.name) replay list \(queue)` names it, `\(Program.name) replay show ID` tells how far it is, and \
                `\(Program.name) replay cancel ID` takes back what has not moved
                """,
                code: .interrupted
            )
        }
    }

    /// Has the group's members move, and says how far they are.
    private static func rewind(
        _ plan: OffsetReset,
        _ configuration: ClientConfiguration,
        by: String,
        words: String,
        _ context: Context
    ) async throws -> ReplayRecord {
        let progress = Progress("partitions", console: context.console)
        defer { progress.finish() }
        let rewind = try LiveRewind(configuration, logger: context.console.logger())
        return try await rewind.execute(plan, by: by, words: words) { answers in
            let done = answers.count(where: \.isApplied)
            progress.update(count: done, fraction: Double(done) / Double(max(1, answers.count)))
        }.record
    }

    private static func target(_ values: OptionValues) throws -> OffsetReset.Target {
        guard let flag = resetTargets.first(where: values.isSet) else {
            throw values.error("--reset wants one of \(resetTargets.map { "--\($0)" }.joined(separator: ", "))")
        }
        switch flag {
        case "to-earliest": return .earliest
        case "to-latest": return .latest
        case "offsets": return .exactly(try values.parsed(flag) { try PartitionRanges.parse($0) } ?? [:])
        case "to-datetime": return .time(try values.time(flag) ?? 0)
        case "by-duration": return .time(max(0, Timestamp.now - (try values.duration(flag) ?? .zero).milliseconds))
        case "to-offset": return .offset(Int64(try values.integer(flag, in: 0...Int.max) ?? 0))
        default: return .shift(by: Int64(try values.integer(flag, in: Int.min...Int.max) ?? 0))
        }
    }
}
