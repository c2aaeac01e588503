internal import Kokanee
internal import RdKafka

extension Command {
    static let importLetters = Command(
        name: "import",
        summary: "Puts exported and edited dead letters' jobs back to the queue, as attempt 1.",
        discussion: """
            A line of the file is a letter as export writes it. "type", "version", "key" ("keyBase64") and "data" \
            ("dataBase64") may be edited; a member that is missing stays as it is; "letter" and "id" say which job it is. \
            A job goes to its letter's partition, one with another key to that key's partition. Each letter gets the \
            verdict "retried" in the transaction that sends its job; those that have a verdict are named and passed over, \
            so that a file may be imported again after an interruption, and nothing goes twice. A wrong line is named, \
            and nothing after it is sent unless --keep-going. Without --execute it only says what it would do.
            """,
        examples: [
            .init("kokanee dlq import orders --file edited.ndjson", "what it would do, and which lines are wrong"),
            .init("kokanee dlq import orders --file edited.ndjson --reason 'currency mended' --execute", "does it"),
            .init(
                "kokanee dlq export orders | jq -c '.data.currency = \"EUR\"' | kokanee dlq import orders --file - --execute",
                "in one line"
            ),
        ],
        arguments: [Argument("QUEUE", "the queue")],
        options: [
            .value("file", short: "f", "FILE", "lines of JSON; - is stdin"),
            .flag("keep-going", "go on after wrong lines"), letterRate,
        ] + letterVerdict + [.flag("execute", "do it"), letterDefaultType],
        interruption: .isHandled,
        run: runImport
    )

    private static func runImport(_ context: Context) async throws {
        let values = context.values
        let path = try values.requiredString("file")
        let lines = LineFeed(try await context.opening { try LineReader(path: path) })
        let settings = LetterImportRun.Settings(
            executes: values.isSet("execute"),
            keepsGoing: values.isSet("keep-going"),
            reason: try values.recordText("reason"),
            rate: try values.rate("rate")
        )
        let letters = try await context.untilInterrupted { try await connectToLetters(context) }
        try await LetterImportRun(letters: letters, lines: lines, settings: settings).run(context)
    }
}

/// Reads a file's lines and hands them to an import, a chunk at a time.
private struct LetterImportRun: Sendable {
    struct Settings: Sendable {
        var executes: Bool
        var keepsGoing: Bool
        var reason: String?
        var rate: Rate?
    }

    /// How far it came, and what ended it before the end.
    private struct End: Sendable {
        /// Nil where it could not begin.
        var tally: LetterImport.Tally?
        var hasEnded = false
        var error: (any Error)?
    }

    private static let linesAtATime = 5000
    private static let bytesAtATime = 8 << 20

    let letters: DeadLetters
    let lines: LineFeed<LineReader.Batch>
    let settings: Settings

    func run(_ context: Context) async throws {
        let console = context.console
        let progress = Progress("letters", console: console)
        let result = await context.endingBetweenSteps {
            await work(console, progress)
        } onInterruption: {
            // It may wait for a line.
            lines.stop()
        }
        progress.finish()
        let end = try result.get()
        guard let tally = end.tally, end.error == nil || settings.executes && tally.jobs > 0 else {
            throw end.error.map { wrapped($0, jobs: 0) } ?? CancellationError()
        }
        try console.printBeside { try summarise(tally, isWhole: end.error == nil, console) }
        if let error = end.error { throw wrapped(error, jobs: tally.jobs) }
        guard tally.refused == 0 else {
            let lines = tally.refused == 1 ? "1 line is wrong" : "\(tally.refused) lines are wrong"
            let rest = end.hasEnded ? "; nothing after it was sent" : ""
            throw Failure("\(lines)\(rest)", code: .input)
        }
    }

    private func wrapped(_ error: any Error, jobs: Int) -> any Error {
        guard settings.executes, !(error is Failure), !(error is TopicError) else { return error }
        let done = jobs == 0 ? "nothing was sent" : "\(jobs) jobs were sent before"
        return Failure(SettlementError.message(error, done: done), cause: error)
    }

    private func work(_ console: Console, _ progress: Progress) async -> End {
        var work: LetterImport
        do {
            work = try await letters.beginImport(
                executes: settings.executes,
                keepsGoing: settings.keepsGoing,
                reason: settings.reason,
                rate: settings.rate
            )
        } catch {
            return End(tally: nil, error: error)
        }
        var bytesBefore = 0
        do {
            while !work.hasEnded, let batch = try await nextBatch() {
                try Task.checkCancellation()
                let (start, linesBefore) = (bytesBefore, work.tally.lines)
                bytesBefore = batch.bytesRead
                // How far it is through the file: a batch may take long at a slow rate.
                func fraction(_ tally: LetterImport.Tally) -> Double? {
                    let share = Double(tally.lines - linesBefore) / Double(max(1, batch.lines.count))
                    return lines.size.map { size in
                        (Double(start) + share * Double(batch.bytesRead - start)) / Double(max(1, size))
                    }
                }
                var refusals: [LetterImport.Refusal] = []
                defer { tell(refusals, console) }
                try await work.take(
                    batch.lines.map { LetterImport.Line(number: $0.number, bytes: $0.bytes) },
                    progress: { progress.update(count: $0.jobs, fraction: fraction($0)) },
                    report: { refusals.append($0) }
                )
            }
            // An interruption also ends the reading.
            try Task.checkCancellation()
        } catch {
            return End(tally: work.tally, hasEnded: work.hasEnded, error: error)
        }
        return End(tally: work.tally, hasEnded: work.hasEnded)
    }

    /// Lines for one look at their letters, which costs a while, however few they are.
    private func nextBatch() async throws -> LineReader.Batch? {
        guard var batch = try await lines.next() else { return nil }
        let end = batch.bytesRead + Self.bytesAtATime
        while batch.lines.count < Self.linesAtATime, batch.bytesRead < end {
            // What is wrong is told when it is asked for again, after the lines before it.
            guard let next = try? await lines.next() else { break }
            batch.append(next)
        }
        return batch
    }

    private func tell(_ refusals: [LetterImport.Refusal], _ console: Console) {
        let settled = refusals.filter(\.isSettled).map { (line: $0.line, message: $0.reason) }
        for text in BulkEnqueue.grouped(settled) { console.say(text) }
        let wrong = refusals.filter { !$0.isSettled }.map { (line: $0.line, message: $0.reason.onOneLine) }
        for text in BulkEnqueue.grouped(wrong) { console.complain(text) }
    }

    /// - Parameter isWhole: it came to the end of the lines.
    private func summarise(_ tally: LetterImport.Tally, isWhole: Bool, _ console: Console) throws {
        guard !console.isJSON else {
            var object = JSONObjectWriter()
            object.add("action", "import")
            object.add("executed", settings.executes)
            object.add("letters", tally.jobs)
            object.add("same", tally.same)
            object.add("edited", tally.edited)
            object.add("rekeyed", tally.rekeyed)
            object.add("settledBefore", tally.settled)
            object.add("refused", tally.refused)
            return try console.print(object)
        }
        guard tally.jobs > 0 else {
            guard isWhole, tally.refused == 0 else { return }
            guard tally.settled > 0 else { return console.say("nothing to do: there are no lines") }
            let letters = DeadLetterOutput.count(tally.settled)
            return console.say("nothing to do: all \(letters) have their verdicts already")
        }
        func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
        var parts = ["\(tally.same) as they were, \(tally.edited) edited"]
        if tally.rekeyed > 0 { parts.append("\(tally.rekeyed) with another key, to that key's partition") }
        if tally.settled > 0 { parts.append("\(count(tally.settled, "letter")) with a verdict passed over") }
        if tally.refused > 0 { parts.append("\(count(tally.refused, "line")) refused") }
        let queue = letters.queue
        let replay = queue.replay.map { ", into live work, with the header kokanee-replay: \($0)" } ?? ""
        let verb = settings.executes ? "sent" : "would send"
        let jobs = count(tally.jobs, "job")
        try console.print("\(verb) \(jobs) back to \(queue.mainTopic)\(replay): \(parts.joined(separator: "; "))")
        guard !settings.executes else { return }
        if let rate = settings.rate {
            let seconds = Int((rate.duration(of: tally.jobs) / .seconds(1)).rounded(.up))
            try console.print("it would take about \(ProgressLine.grouped(seconds)) s at \(rate.text)")
        }
        console.say("nothing is done yet: --execute does it")
    }
}
