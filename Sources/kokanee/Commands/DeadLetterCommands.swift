internal import Glibc
internal import Kokanee
internal import RdKafka

extension Command {
    static let deadLetters = Command(
        name: "dlq",
        summary: "Lists dead letters, sends them back, puts them aside.",
        discussion: """
            A letter is never removed: what was decided about it is its verdict. A job that died again after a retry has \
            a letter for each time. The letters of a replay are those of QUEUE.replay.ID.
            """,
        examples: [
            .init("kokanee dlq list orders --error timeout --since -2h", "what died of a timeout in two hours"),
            .init("kokanee dlq retry orders --all --type invoice.send --execute", "back to the queue with them"),
            .init("kokanee dlq export orders --output letters.ndjson", "to edit them, and put them back by import"),
        ],
        subcommands: [list, show, retryLetters, discardLetters, exportLetters, importLetters]
    )

    static let letterFilters: [Option] = [
        .value("type", "TYPE", "only jobs of this type"),
        .value("error", "TEXT", "only those with this in their first or last error, in any case"),
        .value("since", "TIME", "only those that died at this time or later"),
        .value("until", "TIME", "only those that died before this time"),
        .value("limit", "N", "of those that match, the N that died last"),
    ]
    static let letterDefaultType = Option.value(
        "default-type",
        "TYPE",
        "the type of jobs that don't say theirs",
        default: "default"
    )
    static let letterSelection = [Option.flag("all", "all that match the filters, instead of IDs")] + letterFilters
    /// Who decides, and why.
    static let letterVerdict: [Option] = [
        .value("reason", "TEXT", "why; kept with the verdict"),
        .value("by", "NAME", "who decides", default: "USER@HOST"),
    ]
    static let letterRate = Option.value("rate", "RATE", "at most so many jobs go back: 50/s, 10/m, 3000/h")
    static let letterArguments = [
        Argument("QUEUE", "the queue"), Argument("ID", minimum: 0, maximum: 100_000, "jobs, by their ids"),
    ]

    private static let list = Command(
        name: "list",
        summary: "Lists the dead letters of a queue.",
        discussion: """
            The one that died last comes last. Letters that were retried or discarded are listed with their verdicts; \
            --open leaves them out. Times in JSON are milliseconds since the epoch.
            """,
        examples: [
            .init("kokanee dlq list orders --open", "what waits for a decision"),
            .init("kokanee dlq list orders --limit 20 --json", "the last 20, a line of JSON each"),
        ],
        arguments: [Argument("QUEUE", "the queue")],
        options: letterFilters + [openLetters, letterDefaultType],
        run: { context in
            let console = context.console
            let filter = try context.values.deadLetterFilter()
            let letters = try await connectToLetters(context)
            let progress = Progress("letters", console: console)
            var output = DeadLetterOutput(console: console)
            let findings = try await letters.list(filter, progress: { progress.update(count: $0, total: $1) }) {
                progress.finish()
                try output.add($0)
            }
            progress.finish()
            try output.flush()
            guard findings.letters > 0 else {
                return console.say("no dead letters in \(letters.queue.name)\(filter.isAll ? "" : " match")")
            }
            console.say("\(DeadLetterOutput.count(findings.letters)), \(findings.open) without a verdict")
        }
    )

    private static let openLetters = Option.flag("open", "only those without a verdict")

    private static let show = Command(
        name: "show",
        summary: "Shows dead letters whole: headers, payload, history, verdict.",
        examples: [
            .init("kokanee dlq show orders 0197f2a4-7c1e-7d30-9f11-6b1f0a8c2d55", "all letters of one job"),
            .init("kokanee dlq show orders --all --limit 1", "the last that died"),
        ],
        arguments: letterArguments,
        options: letterSelection + [openLetters, letterDefaultType],
        run: { context in
            let filter = try context.values.deadLetterSelection()
            let letters = try await connectToLetters(context)
            let output = DeadLetterOutput(console: context.console)
            let findings = try await letters.show(filter) { try output.show($0) }
            if findings.letters == 0, findings.unknownIDs.isEmpty {
                context.console.say("no dead letter matches")
            }
            try report(unknown: findings, letters.queue)
        }
    )

    static func report(unknown findings: DeadLetters.Findings, _ queue: Queue) throws {
        guard !findings.unknownIDs.isEmpty else { return }
        let names = findings.unknownIDs.map(\.onOneLine).joined(separator: ", ")
        throw Failure("\(queue.name) has no dead letter of \(names)")
    }

    static func connectToLetters(_ context: Context) async throws -> DeadLetters {
        let queue = try context.values.queue(
            context.arguments[0],
            defaultType: context.values.string("default-type") ?? "default"
        )
        let cluster = try await context.connect()
        return try DeadLetters(
            queue,
            configuration: cluster.configuration,
            operatorName: try context.operatorName
        )
    }
}

extension OptionValues {
    /// A text that is kept for the record.
    func recordText(_ long: String) throws(UsageError) -> String? {
        guard let text = string(long) else { return nil }
        guard (1...1000).contains(text.utf8.count) else { throw error("--\(long) has 1 to 1000 bytes") }
        return text
    }

    /// A text by which something is chosen: an empty one chose all, or none.
    func filled(_ long: String) throws(UsageError) -> String? {
        guard string(long) != "" else { throw error("--\(long) is empty") }
        return string(long)
    }

    func deadLetterFilter() throws(UsageError) -> DeadLetterFilter {
        DeadLetterFilter(
            type: try filled("type"),
            error: try filled("error"),
            since: try time("since"),
            until: try time("until"),
            isOpenOnly: isSet("open"),
            limit: try integer("limit", in: 1...Int(Int32.max))
        )
    }

    /// The filter that IDs, or `--all` with filters, make.
    func deadLetterSelection() throws(UsageError) -> DeadLetterFilter {
        let ids = positionals.dropFirst()
        guard !isSet("all") else {
            guard ids.isEmpty else { throw error("IDs and --all exclude each other") }
            return try deadLetterFilter()
        }
        guard !ids.isEmpty else { throw error("ID is missing; --all means all") }
        if let filter = ["type", "error", "since", "until", "open", "limit"].first(where: isSet) {
            throw error("--\(filter) goes with --all")
        }
        return DeadLetterFilter(ids: Set(ids))
    }
}

extension DeadLetterFilter {
    fileprivate var isAll: Bool { self == DeadLetterFilter() }
}

extension Progress {
    func update(count: Int, total: Int) {
        update(count: count, fraction: total > 0 ? Double(count) / Double(total) : nil)
    }
}
