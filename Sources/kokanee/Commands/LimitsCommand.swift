internal import Kokanee
internal import RdKafka

extension Command {
    static let limits = Command(
        name: "limits",
        summary: "Shows and changes how many jobs of a queue may run, or start, at once.",
        discussion: """
            A concurrency counts in each worker; a rate holds over all workers together. What is set here counts instead \
            of what the workers' code says, within a second, and for jobs that wait already, too. What the code says is \
            shown as far as workers report it, which running ones do each 10 seconds.
            """,
        examples: [
            .init("kokanee limits orders", "what counts, and who said it"),
            .init("kokanee limits orders set --type mail --rate 100/s --burst 20", "mail is sent no faster than that"),
            .init("kokanee limits orders set --per-key --concurrency 1", "one job of a key at a time, in a worker"),
            .init("kokanee limits orders set --key-group : --concurrency 4", "four of each tenant of keys tenant:user"),
            .init("kokanee limits orders clear --type mail", "no bound on mail"),
            .init("kokanee limits orders clear", "what the workers' code says counts again"),
        ],
        arguments: [
            Argument("QUEUE", "the queue"),
            Argument("ACTION", minimum: 0, "show, set or clear; show if it is left out"),
        ],
        options: [
            .value("type", "TYPE", "the limit is about jobs of this type", default: "all of the queue"),
            .flag("per-key", "it counts for each key by itself"),
            .value("key-group", "SEP", "it counts for all keys together that are the same up to the first SEP"),
            .value("concurrency", "N", "jobs at the same time in each worker; 0 starts none"),
            .value("rate", "RATE", "jobs started over all workers, such as 100/s or 30/m"),
            .value("burst", "N", "with --rate: how many at once after a lull", default: "a second's, at least 1"),
            .flag("overtaking", "later jobs of a key may overtake those that wait for the limit"),
        ],
        exclusive: [["per-key", "key-group"]],
        run: runLimits
    )

    private static func runLimits(_ context: Context) async throws {
        let values = context.values
        let queue = try values.queue(context.arguments[0]).name
        switch context.arguments.count > 1 ? context.arguments[1] : "show" {
        case "show":
            try refuse(["type", "per-key", "key-group"] + Self.boundOptions, of: "show", values)
            let desk = try LimitDesk(try await context.connect(to: try Queue(queue)).configuration)
            try await show(try await desk.table(of: queue), of: queue, desk, context.console)
        case "set":
            let limit = try limit(values)
            let desk = try LimitDesk(try await context.connect(to: try Queue(queue)).configuration)
            var table = try await desk.table(of: queue) ?? LimitTable()
            try table.set(limit)
            try await desk.write(table, of: queue)
            try await show(table, of: queue, desk, context.console)
        case "clear":
            try refuse(Self.boundOptions, of: "clear", values)
            let desk = try LimitDesk(try await context.connect().configuration)
            try await clear(desk, queue, context)
        case let action:
            throw values.error("\(action.onOneLine) is none of show, set and clear")
        }
    }

    private static let boundOptions = ["concurrency", "rate", "burst", "overtaking"]

    private static func refuse(_ options: [String], of action: String, _ values: OptionValues) throws {
        for option in options where values.isSet(option) { throw values.error("--\(option) is not for \(action)") }
    }

    private static func limit(_ values: OptionValues) throws -> JobLimit {
        var limit = JobLimit(type: values.string("type"), grouping: values.limitGrouping)
        limit.concurrency = try values.integer("concurrency", in: 0...100_000)
        limit.rate = try values.parsed("rate") { try Rate(text: $0) }
        limit.burst = try values.integer("burst", in: 1...1_000_000)
        limit.allowsOvertaking = values.isSet("overtaking")
        do {
            try limit.validate()
        } catch {
            throw values.error("\(error)")
        }
        return limit
    }

    private static func clear(_ desk: LimitDesk, _ queue: String, _ context: Context) async throws {
        let values = context.values
        let isWhole = !(values.isSet("type") || values.isSet("per-key") || values.isSet("key-group"))
        // What can't be read can be cleared as a whole, too.
        if isWhole, try await desk.has(queue) {
            try await desk.write(nil, of: queue)
            return try await show(nil, of: queue, desk, context.console)
        }
        guard !isWhole, var table = try await desk.table(of: queue) else {
            return context.console.say("nothing to do: no limits of \(queue) are set")
        }
        let (type, grouping) = (values.string("type"), values.limitGrouping)
        guard table.remove(where: { $0.type == type && $0.grouping == grouping }) > 0 else {
            return context.console.say("nothing to do: \(queue) has no such limit")
        }
        // An empty table, not none: whoever clears the last limit does not mean that the code's are to count.
        try await desk.write(table, of: queue)
        try await show(table, of: queue, desk, context.console)
    }

    private static func show(
        _ table: LimitTable?,
        of queue: String,
        _ desk: LimitDesk,
        _ console: Console
    ) async throws {
        let report = LimitReport(queue: queue, table: table, workers: try await desk.reported(of: queue))
        for line in report.remarks { console.say(line) }
        guard !report.rows.isEmpty else { return }
        guard console.isJSON else { return try console.print(report.table) }
        for row in report.rows { try console.print(LimitReport.json(row)) }
    }
}

extension OptionValues {
    fileprivate var limitGrouping: JobLimit.Grouping {
        if isSet("per-key") { return .key }
        return string("key-group").map { .prefix($0) } ?? .none
    }
}
