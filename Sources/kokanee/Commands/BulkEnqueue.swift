internal import Kokanee
internal import RdKafka

/// Enqueues the lines of a file, in their order and in constant memory.
///
/// Lines are read and parsed while a chunk of them is sent; what has come by then is the next, sent when the one before
/// is acknowledged, so that a slow broker slows the reading, and jobs of one key stay in the file's order. A line that
/// comes alone is sent alone, at once.
struct BulkEnqueue {
    struct Settings: Sendable {
        /// The type of lines that have none.
        var defaultType: String?
        /// Of lines that say none.
        var version: Int?
        /// Of lines that say none.
        var expiresAfter: Duration?
        /// Of lines that name none.
        var trace: TraceContext?
        /// The most bytes of payload and key that the topic takes.
        var largestJob = Int.max
        /// Of lines that say none.
        var priority = Priority.normal
        /// Those that the queue has.
        var priorities: Set<Priority> = [.normal]
        /// Skip what is wrong, instead of ending there.
        var keepsGoing = false
    }

    /// What became of the lines so far.
    struct Tally: Sendable, Equatable {
        var sent = 0
        var rejected = 0
        /// Of what was sent.
        var sizes = PayloadSizes()
        /// How the run ends; a broker's errors go before wrong input.
        var code = ExitCode.success
        /// The last job's that was not delivered in time.
        var undelivered: KafkaError?

        mutating func reject(_ error: any Error) {
            rejected += 1
            switch error {
            case is InputError, is JobLine.Problem:
                if code == .success { code = .input }
            case let error as KafkaError where error.meansNoBroker:
                code = .unavailable
            default:
                if let error = error as? KafkaError, error.code == .localMessageTimedOut { undelivered = error }
                code = .failure
            }
        }
    }

    /// A chunk of lines, parsed.
    struct Chunk: Gatherable {
        var jobs: [NewJob] = []
        /// The number of each job's line.
        var lines: [Int] = []
        var problems: [JobLine.Problem] = []
        var bytesRead = 0

        /// - Parameter keepsGoing: skip bad lines; else what follows the first is left out.
        init(_ batch: LineReader.Batch, settings: Settings, now: Int64) {
            bytesRead = batch.bytesRead
            for line in batch.lines {
                do throws(JobLine.Problem) {
                    let said = try JobLine(line, defaultType: settings.defaultType, now: now)
                    var job = said.job
                    if said.expires == nil { job.expiresAfter = settings.expiresAfter }
                    if said.version == nil, let version = settings.version { job.version = version }
                    if said.priority == nil { job.priority = settings.priority }
                    guard settings.priorities.contains(job.priority) else {
                        throw JobLine.Problem(
                            line: line.number,
                            message: "the queue has no \(job.priority.rawValue) priority"
                        )
                    }
                    if job.traceparent == nil, let trace = settings.trace { job.traceContext = trace }
                    do {
                        try job.validate(at: now)
                    } catch {
                        throw JobLine.Problem(line: line.number, message: "\(error)".onOneLine)
                    }
                    // Found here and not by the broker, so that nothing behind it is under way yet.
                    let size = job.payload?.count ?? 0
                    guard size + (job.key?.count ?? 0) <= settings.largestJob else {
                        throw JobLine.Problem(
                            line: line.number,
                            message: BulkEnqueue.tooLarge(size, job.type, settings.largestJob)
                        )
                    }
                    jobs.append(job)
                    lines.append(line.number)
                } catch {
                    problems.append(error)
                    if !settings.keepsGoing { return }
                }
            }
        }

        mutating func append(_ next: Chunk) {
            jobs += next.jobs
            lines += next.lines
            problems += next.problems
            bytesRead = next.bytesRead
        }
    }

    static func tooLarge(_ size: Int, _ type: String, _ limit: Int) -> String {
        "a payload of \(size) bytes is too large for a job of type \(type.onOneLine): the queue takes \(limit) with the key. "
            + "Enqueue where the data is, such as an id or a path, not the data"
    }

    let client: JobClient
    let queue: Queue
    let chunks: LineFeed<Chunk>
    let settings: Settings

    init(client: JobClient, queue: Queue, reader: LineReader, settings: Settings) {
        self.client = client
        self.queue = queue
        self.settings = settings
        chunks = Self.chunks(of: reader, settings)
    }

    /// Parsed off the threads that send; without `keepsGoing` they end with the one of the first bad line.
    static func chunks(of reader: LineReader, _ settings: Settings) -> LineFeed<Chunk> {
        LineFeed(reader) { batch in
            let chunk = Chunk(batch, settings: settings, now: Timestamp.now)
            return (chunk, isLast: !settings.keepsGoing && !chunk.problems.isEmpty)
        }
    }

    /// Sends all there is, prints the summary, and throws where not all was sent.
    func run(_ context: Context) async throws {
        let console = context.console
        let start = ContinuousClock.now
        let progress = Progress("jobs", console: console, start: start)
        let stopper = Task { [chunks, interruption = context.interruption] in
            await interruption.wait()
            if interruption.isRequested {
                console.say("ending: what has been read is sent before; a second SIGINT ends at once")
            }
            chunks.stop()
        }
        var tally = Tally()
        var failure: (any Error)?
        do {
            try await send(&tally, console, progress) { context.interruption.isRequested }
        } catch {
            failure = error
        }
        stopper.cancel()
        chunks.stop()
        progress.finish()
        await client.close()
        try console.printBeside { try summarise(tally, seconds: (ContinuousClock.now - start) / .seconds(1), console) }
        if let failure { throw failure }
        if context.interruption.isRequested { throw CancellationError() }
        if let undelivered = tally.undelivered, let failure = await context.cause(of: undelivered) as? Failure {
            throw failure
        }
        guard tally.rejected == 0 else {
            throw Failure("\(tally.rejected) of \(tally.sent + tally.rejected) jobs were rejected", code: tally.code)
        }
    }

    private func send(
        _ tally: inout Tally,
        _ console: Console,
        _ progress: Progress,
        isInterrupted: @Sendable () -> Bool
    ) async throws {
        while let chunk = try await chunks.next(), !isInterrupted() {
            await send(chunk, &tally, console)
            let fraction = chunks.size.map { $0 == 0 ? 1 : Double(chunk.bytesRead) / Double($0) }
            progress.update(count: tally.sent, fraction: fraction)
            // Bad lines can be skipped. Where the brokers fail, the lines that follow would fail the same way.
            guard tally.code == .success || tally.code == .input && settings.keepsGoing else { return }
        }
    }

    private func send(_ chunk: Chunk, _ tally: inout Tally, _ console: Console) async {
        let results = await tellingOfSilence(console) { await client.enqueue(chunk.jobs, to: queue) }
        var failures: [(line: Int, message: String)] = []
        for (index, result) in results.enumerated() {
            let line = chunk.lines[index]
            switch result {
            case .success:
                tally.sent += 1
                tally.sizes.note(chunk.jobs[index])
            case .failure(let error):
                tally.reject(error)
                let mayStand = (error as? KafkaError)?.code == .localMessageTimedOut
                let advice = "it may be in the queue: send it again only with its id, or an idempotency key"
                failures.append((line, "\(error)".onOneLine + (mayStand ? "; " + advice : "")))
            }
        }
        for text in Self.grouped(failures) { console.complain(text) }
        for problem in chunk.problems {
            tally.reject(problem)
            console.complain("\(problem)")
        }
    }

    /// So long nothing is said while no broker acknowledges.
    private static let silence = Duration.seconds(5)

    /// Whoever sits at the terminal is told why nothing moves.
    private func tellingOfSilence<R: Sendable>(_ console: Console, _ body: () async -> R) async -> R {
        let watch = Task {
            try await Task.sleep(for: Self.silence)
            console.say(
                "no broker has acknowledged the jobs for \(Self.silence.text); it is tried on, see message.timeout.ms"
            )
        }
        defer { watch.cancel() }
        return await body()
    }

    /// A line of text for each run of neighbours that failed for the same reason: a broker that went away fails them
    /// by the thousand.
    static func grouped(_ failures: [(line: Int, message: String)]) -> [String] {
        var runs: [(first: Int, last: Int, message: String)] = []
        for (line, message) in failures {
            if let run = runs.last, run.message == message {
                runs[runs.count - 1].last = line
            } else {
                runs.append((line, line, message))
            }
        }
        return runs.map { run in
            run.first == run.last
                ? "line \(run.first): \(run.message)" : "lines \(run.first) to \(run.last): \(run.message)"
        }
    }

    private func summarise(_ tally: Tally, seconds: Double, _ console: Console) throws {
        for text in tally.sizes.warnings { console.say(text) }
        let seconds = (seconds * 1000).rounded() / 1000
        guard console.isJSON else {
            let rate = seconds > 0 ? " (\(ProgressLine.grouped(Int(Double(tally.sent) / seconds)))/s)" : ""
            try console.print("sent \(tally.sent), rejected \(tally.rejected), in \(seconds) s\(rate)")
            return
        }
        var object = JSONObjectWriter()
        object.add("sent", tally.sent)
        object.add("rejected", tally.rejected)
        object.add("seconds", seconds)
        try console.print(object)
    }
}
