internal import Kokanee
internal import RdKafka

extension Command {
    private static let targets = [
        "to-earliest", "to-latest", "to-datetime", "by-duration", "to-offset", "shift-by", "offsets",
    ]
    /// What a side replay would take.
    private static let sideReplay = ["from", "to", "type", "key", "only-failed"]

    static let replay = Command(
        name: "replay",
        summary: "Runs history again, by resetting the offsets of a queue's group.",
        discussion: """
            Offsets of the main topic only: jobs on the ladder stay where they are. Without --execute it only says what \
            it would do. It is refused while the group has members: stop the workers first. Where the broker takes \
            commits of members only, as the embedded one does, it joins the empty group to do so.
            """,
        examples: [
            .init("kokanee replay orders --reset --by-duration 2h", "what the last two hours would be"),
            .init("kokanee replay orders --reset --to-datetime 2026-07-01T12:00:00Z --execute", "as Kafka's own tool"),
            .init("kokanee replay orders --reset --shift-by -100 --execute", "100 records back in each partition"),
            .init("kokanee replay orders --reset --offsets 0=12,1-3=none --execute", "as the undo line has it"),
        ],
        arguments: [Argument("QUEUE", "the queue")],
        options: [
            .flag("reset", "reset the group's offsets"),
            .flag("to-earliest", "to the first records that there are"),
            .flag("to-latest", "behind the last records"),
            .value("to-datetime", "TIME", "to the first record at or after TIME"),
            .value("by-duration", "D", "to the first record at or after D ago"),
            .value("to-offset", "N", "to offset N in every partition"),
            .value("shift-by", "N", "N records on from where the group is, or back where N is negative"),
            .value("offsets", "LIST", "to an offset for each partition: 0=12,1-3=none; the others stay"),
            .value("group", "GROUP", "the consumer group of the queue", default: "kokanee.QUEUE"),
            .flag("execute", "do it"),
            .flag("dry-run", "only say what would be done, as without --execute"),
        ] + sideReplay.dropLast().map { .value($0, "VALUE", "for side replays", isHidden: true) }
            + [.flag("only-failed", "for side replays", isHidden: true)],
        exclusive: [targets, ["execute", "dry-run"]],
        run: runReplay
    )

    private static func runReplay(_ context: Context) async throws {
        let values = context.values
        if let flag = sideReplay.first(where: values.isSet) {
            throw values.error("--\(flag): side replay is not available in this version; use --reset")
        }
        guard values.isSet("reset") else {
            throw values.error("--reset is missing: side replay is not available in this version")
        }
        let queue = try values.queue(context.arguments[0], group: values.string("group"))
        let target = try target(values)
        let resetter = try OffsetResetter(try await context.connect().configuration)
        let plan = try await resetter.plan(target, of: queue)
        let isExecuted = values.isSet("execute")
        if isExecuted, !plan.changesNothing { try await resetter.execute(plan) }

        let report = ResetReport(plan, isExecuted: isExecuted, undo: UndoCommand(plan, values).text)
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
    }

    private static func target(_ values: OptionValues) throws -> OffsetReset.Target {
        guard let flag = targets.first(where: values.isSet) else {
            throw values.error("--reset wants one of \(targets.map { "--\($0)" }.joined(separator: ", "))")
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
