internal import Kokanee
internal import RdKafka
internal import Synchronization

extension Command {
    static let enqueue = Command(
        name: "enqueue",
        summary: "Enqueues one job, or a file of them.",
        discussion: """
            A file has a job a line: {"type","data","version"?,"key"?,"id"?,"delay"?,"at"?,"expires"?,"priority"?,\
            "idempotencyKey"?,"idempotencyWindow"?,"unique"?,"uniqueKey"?,"uniqueFor"?,"keepResult"?,"traceparent"?}: \
            strings as the flags take them, but for data, which is any JSON, and version, a number. It is streamed, so \
            that it may be of any length. A bad line is named, and nothing after it is sent unless --keep-going. What a \
            line says counts before --type, --payload-version, --priority, --expires and --traceparent.

            Jobs belong to the trace that --traceparent, or else the environment's TRACEPARENT and TRACESTATE, name; a \
            value there that is not valid is passed over.
            """,
        examples: [
            .init("kokanee enqueue orders --type invoice.send --data '{\"order\":1}' --key 1", "prints the job's id"),
            .init("kokanee enqueue orders --type invoice.send --data '{\"order\":1}' --delay 10m", "not before then"),
            .init(
                "kokanee enqueue orders --type invoice.send --payload-version 2 --data '{\"orders\":[1]}'",
                "a payload as the type's version 2 has it"
            ),
            .init(
                "kokanee enqueue orders --type charge --data '{\"order\":1}' --idempotency-key charge-1",
                "not if charge-1 was done in the last 24h"
            ),
            .init("kokanee enqueue reports --type report.build --wait 1m", "prints the job's result"),
            .init("kokanee enqueue orders --file jobs.ndjson", "prints how many were sent"),
            .init("generate | kokanee enqueue orders --file - --keep-going --json", "from stdin, bad lines skipped"),
        ],
        arguments: [Argument("QUEUE", "the queue")],
        options: [
            .value("type", "TYPE", "the job's type; with --file, that of lines that have none"),
            .value("data", "JSON", "the payload", default: "none"),
            .value(
                "payload-version",
                "N",
                "the payload's version; with --file, that of lines that say none",
                default: "1"
            ),
            .value("key", "KEY", "the ordering key"),
            .value("id", "ID", "the job's id", default: "a UUID"),
            .value(
                "priority",
                "P",
                "which jobs start first; with --file, that of lines that say none",
                default: "normal",
                choices: Priority.allCases.map(\.rawValue)
            ),
            .value("delay", "D", "don't start it before this has passed"),
            .value("at", "TIME", "don't start it before this time"),
            .value("expires", "D", "don't start it after this has passed; with --file, of lines that say none"),
            .value("idempotency-key", "KEY", "don't run it if a job of that key was done"),
            .value("idempotency-window", "D", "for how long that counts", default: "the worker's, 24h"),
            .value(
                "unique",
                "UNTIL",
                "start or done: till then it stands for others like it, which are skipped; "
                    + "of normal priority only"
            ),
            .value("unique-key", "KEY", "what others like it have in common", default: "type and payload"),
            .value("unique-for", "D", "for how long at most", default: "24h"),
            .value("keep-result", "D", "keep for so long what became of the job: its result, or why it has none"),
            .value("wait", "D", "wait for so long for the job's end, and print its result instead of its id"),
            .value("traceparent", "TRACE", "the trace that the job belongs to", default: "$TRACEPARENT"),
            .value("file", short: "f", "FILE", "newline-delimited JSON; - is stdin"),
            .flag("keep-going", "go on after bad lines"),
        ],
        exclusive: [["delay", "at"]]
            + [
                "data", "key", "id", "delay", "at", "idempotency-key", "idempotency-window", "unique", "unique-key",
                "unique-for", "keep-result", "wait",
            ].map { ["file", $0] },
        interruption: .isHandled,
        run: runEnqueue
    )

    private static func runEnqueue(_ context: Context) async throws {
        let values = context.values
        let queue = try values.queue(context.arguments[0])
        if let path = values.string("file") {
            try await enqueueFile(path, to: queue, context)
        } else {
            guard !values.isSet("keep-going") else { throw values.error("--keep-going is for --file") }
            var job = try job(context)
            // Whoever does not hear what became of it has to know what it is called.
            let id = job.id ?? NewJob.makeID(at: Timestamp.now)
            job.id = id
            let (named, wait, doubt) = (job, try values.duration("wait"), Doubt())
            do {
                try await context.untilInterrupted {
                    try await enqueueOne(named, to: queue, waiting: wait, doubt, context)
                }
            } catch {
                if doubt.stands {
                    context.console.complain(
                        "job \(id) may be in the queue: send it again only with --id \(id)".onOneLine
                    )
                }
                throw error
            }
        }
    }

    /// The one job that the flags say.
    static func job(_ context: Context) throws -> NewJob {
        let values = context.values
        let data = values.string("data").map { Array($0.utf8) }
        if let data {
            do {
                try JSONText.validate(data)
            } catch {
                throw Failure("--data is \(error); strings want quotes of their own: --data '\"text\"'", code: .input)
            }
        }
        let hasData = data != nil
        var job = NewJob(
            type: try values.requiredString("type"),
            payload: data.map { Bytes($0) },
            contentType: hasData ? "application/json" : nil
        )
        if let version = try values.payloadVersion { job.version = version }
        job.key = values.string("key").map { Bytes($0) }
        job.id = values.string("id")
        job.priority = values.priority
        job.delay = try values.duration("delay")
        job.at = try values.time("at")
        job.expiresAfter = try values.duration("expires")
        job.idempotencyKey = values.string("idempotency-key")
        // Who waits wants to hear of any end; for how long it is kept then matters little.
        job.keepResult = try values.duration("keep-result") ?? (values.isSet("wait") ? .seconds(3600) : nil)
        job.idempotencyWindow = try values.duration("idempotency-window")
        job.unique = try uniqueness(values)
        job.traceContext = try trace(context)
        do {
            try job.validate(at: Timestamp.now)
        } catch {
            throw values.error("\(error)")
        }
        return job
    }

    /// The trace that the jobs belong to.
    private static func trace(_ context: Context) throws -> TraceContext? {
        let state = context.environment["TRACESTATE"]
        guard let text = context.values.string("traceparent") else {
            return context.environment["TRACEPARENT"].flatMap { TraceContext($0, state: state) }
        }
        if let trace = TraceContext(text, state: context.environment["TRACEPARENT"] == text ? state : nil) {
            return trace
        }
        throw context.values.error(
            "--traceparent is as 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01, not \(text.onOneLine)"
        )
    }

    private static func uniqueness(_ values: OptionValues) throws -> Uniqueness? {
        let limit = try values.duration("unique-for")
        guard let text = values.string("unique") else {
            guard limit == nil, !values.isSet("unique-key") else {
                throw values.error("--unique-key and --unique-for are for --unique")
            }
            return nil
        }
        guard let until = Uniqueness.Until(text: text) else {
            throw values.error("--unique is start or done, not \(text.onOneLine)")
        }
        return .unique(until: until, for: limit ?? Uniqueness.usualLimit, key: values.string("unique-key"))
    }

    private static func enqueueOne(
        _ job: NewJob,
        to queue: Queue,
        waiting limit: Duration?,
        _ doubt: Doubt,
        _ context: Context
    ) async throws {
        let (client, _, priorities) = try await connect(to: queue, context)
        guard priorities.contains(job.priority) else { throw noPriority(job.priority, of: queue) }
        let enqueued: EnqueuedJob
        doubt.begin()
        do {
            enqueued = try await client.enqueue(job, to: queue)
        } catch {
            if (error as? KafkaError)?.code != .localMessageTimedOut { doubt.end() }
            throw await context.cause(of: error)
        }
        var sizes = PayloadSizes()
        sizes.note(job)
        for text in sizes.warnings { context.console.say(text) }
        if let limit {
            doubt.end()
            context.console.say("enqueued job \(enqueued.id)")
            let state = try await client.ending(of: enqueued, within: limit)
            await client.close()
            return try show(state, context)
        }
        await client.close()
        doubt.end()
        guard context.console.isJSON else {
            try context.console.print(enqueued.id)
            return
        }
        var object = JSONObjectWriter()
        object.add("id", enqueued.id)
        object.add("topic", enqueued.topic)
        object.add("partition", enqueued.partition)
        object.add("offset", enqueued.offset)
        try context.console.print(object)
    }

    private static func enqueueFile(_ path: String, to queue: Queue, _ context: Context) async throws {
        let values = context.values
        let reader = try await context.opening { try LineReader(path: path) }
        let expiresAfter = try values.duration("expires")
        let version = try values.payloadVersion
        // Until the first line is sent an interruption has nothing to finish.
        let (client, largestJob, priorities) = try await context.untilInterrupted {
            try await connect(to: queue, context)
        }
        guard priorities.contains(values.priority) else { throw noPriority(values.priority, of: queue) }
        let settings = BulkEnqueue.Settings(
            defaultType: values.string("type"),
            version: version,
            expiresAfter: expiresAfter,
            trace: try trace(context),
            largestJob: largestJob,
            priority: values.priority,
            priorities: priorities,
            keepsGoing: values.isSet("keep-going")
        )
        let bulk = BulkEnqueue(client: client, queue: queue, reader: reader, settings: settings)
        try await bulk.run(context)
    }

    private static func connect(
        to queue: Queue,
        _ context: Context
    ) async throws -> (client: JobClient, largestJob: Int, priorities: Set<Priority>) {
        let cluster = try await context.connect()
        let inspection = try await cluster.require(queue, [queue.mainTopic])
        // librdkafka would wait for 5 minutes for a broker that went away; who sits at the terminal would not.
        var configuration = cluster.configuration
        let timeout = configuration.properties["message.timeout.ms"]
        configuration.properties["message.timeout.ms"] = timeout ?? "60000"
        // What the topic takes counts, not librdkafka's more careful default.
        let topicLimit = try await cluster.topics.messageLimit(of: queue)
        let limit = configuration.properties["message.max.bytes"].flatMap { Int($0) } ?? topicLimit
        configuration.properties["message.max.bytes"] = "\(min(limit, 1_000_000_000))"
        // The inspection knows a priority's topic only where there is one.
        let topics = Set(inspection.findings.map(\.topic.name))
        let priorities = Priority.allCases.filter { topics.contains(queue.topic(of: $0)) }
        let largestJob = max(0, min(limit, topicLimit) - headerRoom)
        // Of large ones it is told by the command, with their number.
        let payloads = PayloadLimits(warning: .max, maximum: largestJob)
        return (try JobClient(configuration, payloads: payloads), largestJob, Set(priorities))
    }

    private static func noPriority(_ priority: Priority, of queue: Queue) -> Failure {
        Failure(
            """
            queue \(queue.name) has no \(priority.rawValue) priority: there is no topic \(queue.topic(of: priority)); \
            create it with: kokanee topics create \(queue.name) --priorities
            """
        )
    }

    /// Bytes of a record that its headers may take beside a job that just fits.
    private static let headerRoom = 4096
}

/// Whether a job may be in the queue of which nobody has been told.
private final class Doubt: Sendable {
    private let isOpen = Atomic(false)

    var stands: Bool { isOpen.load(ordering: .acquiring) }

    func begin() { isOpen.store(true, ordering: .releasing) }
    func end() { isOpen.store(false, ordering: .releasing) }
}

extension Uniqueness {
    /// Where no other is said.
    static let usualLimit = Duration.seconds(86_400)
}

extension Uniqueness.Until {
    /// Nil for a text that is neither `start` nor `done`.
    init?(text: String) {
        switch text {
        case "start": self = .start
        case "done": self = .done
        default: return nil
        }
    }
}

extension OptionValues {
    var priority: Priority { string("priority").flatMap(Priority.init) ?? .normal }

    /// What ``NewJob/version`` takes.
    var payloadVersion: Int? {
        get throws(UsageError) { try integer("payload-version", in: 1...Int(Int32.max)) }
    }

    func duration(_ long: String) throws(UsageError) -> Duration? {
        try parsed(long) { try Duration(text: $0) }
    }

    /// Milliseconds since the epoch.
    func time(_ long: String) throws(UsageError) -> Int64? {
        try parsed(long) { try Timestamp.parse($0, now: Timestamp.now) }
    }
}
