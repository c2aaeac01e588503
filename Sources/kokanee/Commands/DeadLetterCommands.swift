internal import Glibc
internal import Kokanee
internal import RdKafka

extension Command {
    static let deadLetters = Command(
        name: "dlq",
        summary: "Lists dead letters, sends them back, puts them aside.",
        discussion: """
            A letter is never removed: what was decided about it is its verdict. A job that died again after a retry has \
            a letter for each time.
            """,
        examples: [
            .init("kokanee dlq list orders --error timeout --since -2h", "what died of a timeout in two hours"),
            .init("kokanee dlq retry orders --all --type invoice.send --execute", "back to the queue with them"),
        ],
        subcommands: [list, show, retry, discard]
    )

    private static let filters: [Option] = [
        .value("type", "TYPE", "only jobs of this type"),
        .value("error", "TEXT", "only those with this in their first or last error, in any case"),
        .value("since", "TIME", "only those that died at this time or later"),
        .value("limit", "N", "of those that match, the N that died last"),
    ]
    private static let defaultType = Option.value(
        "default-type",
        "TYPE",
        "the type of jobs that don't say theirs",
        default: "default"
    )
    private static let selection = [Option.flag("all", "all that match the filters, instead of IDs")] + filters
    private static let selectionArguments = [
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
        options: filters + [.flag("open", "only those without a verdict"), defaultType],
        run: { context in
            let console = context.console
            let filter = try context.values.deadLetterFilter()
            let letters = try await deadLetters(context)
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

    private static let show = Command(
        name: "show",
        summary: "Shows dead letters whole: headers, payload, history, verdict.",
        examples: [
            .init("kokanee dlq show orders 0197f2a4-7c1e-7d30-9f11-6b1f0a8c2d55", "all letters of one job"),
            .init("kokanee dlq show orders --all --limit 1", "the last that died"),
        ],
        arguments: selectionArguments,
        options: selection + [defaultType],
        run: { context in
            let filter = try context.values.deadLetterSelection()
            let letters = try await deadLetters(context)
            let output = DeadLetterOutput(console: context.console)
            let findings = try await letters.show(filter) { try output.show($0) }
            if findings.letters == 0, findings.unknownIDs.isEmpty {
                context.console.say("no dead letter matches")
            }
            try report(unknown: findings, letters.queue)
        }
    )

    private static let retry = Command(
        name: "retry",
        summary: "Sends dead letters' jobs back to the queue, as attempt 1.",
        discussion: """
            Only letters without a verdict are meant, so that a job goes back once for each time it died, however often \
            and by however many this is run. Without --execute it only says what it would do.
            """,
        examples: [
            .init("kokanee dlq retry orders 0197f2a4-7c1e-7d30-9f11-6b1f0a8c2d55 --execute", "one job"),
            .init("kokanee dlq retry orders --all --error 'no such table'", "what it would do"),
        ],
        arguments: selectionArguments,
        options: selection + [.flag("execute", "do it"), defaultType],
        interruption: .isHandled,
        run: { context in
            try await settle(context, action: "retry", done: "retried") { letters, filter, progress in
                try await letters.retry(filter, progress: progress)
            }
        }
    )

    private static let discard = Command(
        name: "discard",
        summary: "Puts dead letters aside: their jobs are not to run again.",
        discussion: "Only letters without a verdict are meant. Without --execute it only says what it would do.",
        examples: [
            .init("kokanee dlq discard orders --all --type mail.digest --execute", "all of one type"),
            .init("kokanee dlq discard orders 17 --reason 'sent by hand' --execute", "with a word for those who ask"),
        ],
        arguments: selectionArguments,
        options: selection + [.value("reason", "TEXT", "why"), .flag("execute", "do it"), defaultType],
        interruption: .isHandled,
        run: { context in
            let reason = context.values.string("reason")
            try await settle(context, action: "discard", done: "discarded") { letters, filter, progress in
                try await letters.discard(filter, reason: reason, progress: progress)
            }
        }
    )

    // MARK: - Settling

    private static func settle(
        _ context: Context,
        action: String,
        done: String,
        _ execute:
            @escaping @Sendable (DeadLetters, DeadLetterFilter, @escaping DeadLetters.Progress) async throws
            -> Settlement
    ) async throws {
        var selection = try context.values.deadLetterSelection()
        selection.isOpenOnly = true
        let filter = selection
        let letters = try await context.untilInterrupted { try await deadLetters(context) }
        let summary = DeadLetterSummary(queue: letters.queue, console: context.console, action: action, done: done)
        guard context.values.isSet("execute") else {
            let findings = try await context.untilInterrupted {
                let findings = try await letters.count(filter)
                var sample = filter
                sample.limit = min(filter.limit ?? .max, DeadLetterSummary.sampleSize)
                var output = DeadLetterOutput(console: context.console)
                if !context.console.isJSON, findings.letters > 0 {
                    _ = try await letters.list(sample) { try output.add($0) }
                }
                try output.flush()
                return findings
            }
            try summary.preview(findings)
            return try report(unknown: findings, letters.queue)
        }
        let progress = Progress("letters", console: context.console)
        let work = Task {
            try await execute(letters, filter) { progress.update(count: $0, total: $1) }
        }
        // What is under way is brought to its end: a transaction left open would hold up the queue's workers.
        let watch = Task {
            await context.interruption.wait()
            work.cancel()
        }
        let result = await work.result
        watch.cancel()
        progress.finish()
        do {
            let settlement = try result.get()
            try summary.print(settlement)
            try report(unknown: settlement.findings, letters.queue)
            guard settlement.refusals.isEmpty else {
                throw Failure("\(DeadLetterOutput.count(settlement.refusals.count)) could not be \(done)")
            }
        } catch let error as SettlementError {
            if error.settlement.letters > 0 { try summary.print(error.settlement) }
            throw failure(error)
        }
    }

    private static func failure(_ error: SettlementError) -> Failure {
        switch error.cause {
        case is CancellationError: Failure("\(error)", code: .interrupted)
        case let cause as KafkaError where cause.meansNoBroker: Failure("\(error)", code: .unavailable)
        default: Failure("\(error)")
        }
    }

    private static func report(unknown findings: DeadLetters.Findings, _ queue: Queue) throws {
        guard !findings.unknownIDs.isEmpty else { return }
        let names = findings.unknownIDs.map(\.onOneLine).joined(separator: ", ")
        throw Failure("\(queue.name) has no dead letter of \(names)")
    }

    private static func deadLetters(_ context: Context) async throws -> DeadLetters {
        let queue = try context.values.queue(
            context.arguments[0],
            defaultType: context.values.string("default-type") ?? "default"
        )
        let cluster = try await context.connect()
        return try DeadLetters(
            queue,
            configuration: cluster.configuration,
            operatorName: operatorName(context.environment)
        )
    }

    /// `USER@HOST`, as far as they are known.
    private static func operatorName(_ environment: [String: String]) -> String {
        let user = environment["USER"] ?? environment["LOGNAME"] ?? "uid \(getuid())"
        var host = [CChar](repeating: 0, count: 256)
        guard gethostname(&host, host.count - 1) == 0 else { return user }
        return "\(user)@\(String(decoding: host.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))"
    }
}

extension OptionValues {
    fileprivate func deadLetterFilter() throws(UsageError) -> DeadLetterFilter {
        DeadLetterFilter(
            type: string("type"),
            error: string("error"),
            since: try time("since"),
            isOpenOnly: isSet("open"),
            limit: try integer("limit", in: 1...Int(Int32.max))
        )
    }

    /// The filter that IDs, or `--all` with filters, make.
    fileprivate func deadLetterSelection() throws(UsageError) -> DeadLetterFilter {
        let ids = positionals.dropFirst()
        guard !isSet("all") else {
            guard ids.isEmpty else { throw error("IDs and --all exclude each other") }
            return try deadLetterFilter()
        }
        guard !ids.isEmpty else { throw error("ID is missing; --all means all") }
        if let filter = ["type", "error", "since", "limit"].first(where: isSet) {
            throw error("--\(filter) goes with --all")
        }
        return DeadLetterFilter(ids: Set(ids))
    }
}

extension DeadLetterFilter {
    fileprivate var isAll: Bool { self == DeadLetterFilter() }
}

extension Progress {
    fileprivate func update(count: Int, total: Int) {
        update(count: count, fraction: total > 0 ? Double(count) / Double(total) : nil)
    }
}
