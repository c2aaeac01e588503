internal import Kokanee
internal import RdKafka

extension Command {
    static let limits = Command(
        name: "limits",
        summary: "Shows and changes how many jobs of a queue may run, or start, at once.",
        discussion: """
            A concurrency counts in each worker; a rate holds over all workers together. What is set here counts instead \
            of what the workers' code says, within a second, and for jobs that wait already, too.
            """,
        examples: [
            .init("kokanee limits orders", "what is set"),
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
            let desk = try LimitDesk(try await context.connect().configuration)
            try show(try await desk.table(of: queue), of: queue, context.console)
        case "set":
            let limit = try limit(values)
            let cluster = try await context.connect()
            try await cluster.require(try Queue(queue), [queue])
            let desk = try LimitDesk(cluster.configuration)
            var table = try await desk.table(of: queue) ?? LimitTable()
            try table.set(limit)
            try await desk.write(table, of: queue)
            try show(table, of: queue, context.console)
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
        guard var table = try await desk.table(of: queue) else {
            return context.console.say("nothing to do: no limits of \(queue) are set")
        }
        guard values.isSet("type") || values.isSet("per-key") || values.isSet("key-group") else {
            try await desk.write(nil, of: queue)
            return context.console.say("no limits of \(queue) are set; what the workers' code says counts")
        }
        let (type, grouping) = (values.string("type"), values.limitGrouping)
        guard table.remove(where: { $0.type == type && $0.grouping == grouping }) > 0 else {
            return context.console.say("nothing to do: \(queue) has no such limit")
        }
        // An empty table, not none: whoever clears the last limit does not mean that the code's are to count.
        try await desk.write(table, of: queue)
        try show(table, of: queue, context.console)
    }

    private static func show(_ table: LimitTable?, of queue: String, _ console: Console) throws {
        guard let table else {
            return console.say("no limits of \(queue) are set; what the workers' code says counts")
        }
        if table.limits.isEmpty { console.say("\(queue) is set to have no limits, whatever the workers' code says") }
        var rows = Table([.text("type"), .text("for"), .number("concurrency"), .text("rate"), .number("burst")])
        for limit in table.limits {
            guard !console.isJSON else {
                try console.print(limit.json)
                continue
            }
            rows.add([
                limit.type ?? "all", limit.grouping.words, limit.concurrency.map { "\($0)" } ?? "",
                limit.rate?.text ?? "",
                limit.rate == nil ? "" : "\(limit.burstOrDefault)",
            ])
        }
        if !table.limits.isEmpty { try console.print(rows) }
    }
}

extension OptionValues {
    fileprivate var limitGrouping: JobLimit.Grouping {
        if isSet("per-key") { return .key }
        return string("key-group").map { .prefix($0) } ?? .none
    }
}

extension JobLimit {
    fileprivate var json: JSONObjectWriter {
        var object = JSONObjectWriter()
        if let type { object.add("type", type) }
        switch grouping {
        case .none: break
        case .key: object.add("perKey", true)
        case .prefix(let separator): object.add("keyGroup", separator)
        }
        if let concurrency { object.add("concurrency", concurrency) }
        if let rate {
            object.add("rate", rate.text)
            object.add("burst", burstOrDefault)
        }
        if allowsOvertaking { object.add("overtaking", true) }
        return object
    }
}

extension JobLimit.Grouping {
    fileprivate var words: String {
        switch self {
        case .none: "all together"
        case .key: "each key"
        case .prefix(let separator): "each key up to \(separator.onOneLine)"
        }
    }
}
