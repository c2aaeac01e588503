internal import Kokanee
internal import RdKafka

extension Command {
    static let retryLetters = Command(
        name: "retry",
        summary: "Sends dead letters' jobs back to the queue, as attempt 1.",
        discussion: """
            Only letters without a verdict are meant, so that a job goes back once for each time it died, however often \
            and by however many this is run. Without --execute it only says what it would do: which letters, by type, \
            error and partition, and how long it would take. An interruption ends it between two transactions; run it \
            again for what is left. A replay's jobs go to the queue that was replayed, into live work.
            """,
        examples: [
            .init("kokanee dlq retry orders 0197f2a4-7c1e-7d30-9f11-6b1f0a8c2d55 --execute", "one job"),
            .init("kokanee dlq retry orders --all --error 'no such table'", "what it would do"),
            .init(
                "kokanee dlq retry orders --all --error 503 --since -2d --rate 50/s --reason 'bank is back' --execute",
                "gently, with a word for those who ask"
            ),
        ],
        arguments: letterArguments,
        options: letterSelection + [letterRate] + letterVerdict + [.flag("execute", "do it"), letterDefaultType],
        interruption: .isHandled,
        run: { context in
            let rate = try context.values.rate("rate")
            let reason = try context.values.recordText("reason")
            try await settle(context, action: "retry", done: "retried", rate: rate) { letters, filter, progress in
                try await letters.retry(filter, reason: reason, rate: rate, progress: progress)
            }
        }
    )

    static let discardLetters = Command(
        name: "discard",
        summary: "Puts dead letters aside: their jobs are not to run again.",
        discussion: "Only letters without a verdict are meant. Without --execute it only says what it would do.",
        examples: [
            .init("kokanee dlq discard orders --all --type mail.digest --execute", "all of one type"),
            .init("kokanee dlq discard orders 17 --reason 'sent by hand' --execute", "with a word for those who ask"),
        ],
        arguments: letterArguments,
        options: letterSelection + letterVerdict + [.flag("execute", "do it"), letterDefaultType],
        interruption: .isHandled,
        run: { context in
            let reason = try context.values.recordText("reason")
            try await settle(context, action: "discard", done: "discarded", rate: nil) { letters, filter, progress in
                try await letters.discard(filter, reason: reason, progress: progress)
            }
        }
    )

    private static func settle(
        _ context: Context,
        action: String,
        done: String,
        rate: Rate?,
        _ execute:
            @escaping @Sendable (DeadLetters, DeadLetterFilter, @escaping DeadLetters.Progress) async throws
            -> Settlement
    ) async throws {
        var selection = try context.values.deadLetterSelection()
        selection.isOpenOnly = true
        let filter = selection
        let letters = try await context.untilInterrupted { try await connectToLetters(context) }
        let summary = DeadLetterSummary(queue: letters.queue, console: context.console, action: action, done: done)
        guard context.values.isSet("execute") else {
            let plan = try await context.untilInterrupted {
                let plan = try await letters.plan(filter)
                var sample = filter
                sample.limit = min(filter.limit ?? .max, DeadLetterSummary.sampleSize)
                var output = DeadLetterOutput(console: context.console)
                if !context.console.isJSON, plan.open > 0 {
                    _ = try await letters.list(sample) { try output.add($0) }
                }
                try output.flush()
                return plan
            }
            try context.console.printBeside { try summary.preview(plan, rate: rate) }
            return try report(unknown: plan.findings, letters.queue)
        }
        let progress = Progress("letters", console: context.console)
        let result = await context.endingBetweenSteps {
            try await execute(letters, filter) { progress.update(count: $0, total: $1) }
        }
        progress.finish()
        do {
            let settlement = try result.get()
            try context.console.printBeside { try summary.print(settlement) }
            try report(unknown: settlement.findings, letters.queue)
            guard settlement.refusals.isEmpty else {
                throw Failure("\(DeadLetterOutput.count(settlement.refusals.count)) could not be \(done)")
            }
        } catch let error as SettlementError {
            if error.settlement.letters > 0 {
                try context.console.printBeside { try summary.print(error.settlement) }
            }
            throw Failure("\(error)", cause: error.cause)
        }
    }
}

extension Failure {
    /// - Parameter cause: decides the exit code.
    init(_ message: String, cause: any Error) {
        switch cause {
        case is CancellationError: self.init(message, code: .interrupted)
        case let cause as KafkaError where cause.meansNoBroker: self.init(message, code: .unavailable)
        default: self.init(message)
        }
    }
}

extension OptionValues {
    func rate(_ long: String) throws(UsageError) -> Rate? {
        try parsed(long) { try Rate(text: $0) }
    }
}
