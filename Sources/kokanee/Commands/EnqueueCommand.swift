internal import Kokanee
internal import RdKafka

extension Command {
    static let enqueue = Command(
        name: "enqueue",
        summary: "Enqueues one job, or a file of them.",
        discussion: """
            A file has a job a line: {"type","data","key"?,"id"?,"delay"?,"at"?,"priority"?,"idempotencyKey"?}. It is streamed, \
            so that it may be of any length. A bad line is named, and nothing after it is sent unless --keep-going.
            """,
        examples: [
            .init("kokanee enqueue orders --type invoice.send --data '{\"order\":1}' --key 1", "prints the job's id"),
            .init("kokanee enqueue orders --type invoice.send --data '{\"order\":1}' --delay 10m", "not before then"),
            .init("kokanee enqueue orders --file jobs.ndjson", "prints how many were sent"),
            .init("generate | kokanee enqueue orders --file - --keep-going --json", "from stdin, bad lines skipped"),
        ],
        arguments: [Argument("QUEUE", "the queue")],
        options: [
            .value("type", "TYPE", "the job's type; with --file, that of lines that have none"),
            .value("data", "JSON", "the payload", default: "none"),
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
            .value("expires", "D", "don't start it after this has passed"),
            .value("idempotency-key", "KEY", "travels with the job; not acted on in this version"),
            .value("file", short: "f", "FILE", "newline-delimited JSON; - is stdin"),
            .flag("keep-going", "go on after bad lines"),
        ],
        exclusive: [["delay", "at"]]
            + ["data", "key", "id", "delay", "at", "idempotency-key"].map { ["file", $0] },
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
            let job = try job(values)
            try await context.untilInterrupted { try await enqueueOne(job, to: queue, context) }
        }
    }

    private static func job(_ values: OptionValues) throws -> NewJob {
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
        job.key = values.string("key").map { Bytes($0) }
        job.id = values.string("id")
        job.priority = values.priority
        job.delay = try values.duration("delay")
        job.at = try values.time("at")
        job.expiresAfter = try values.duration("expires")
        job.idempotencyKey = values.string("idempotency-key")
        return job
    }

    private static func enqueueOne(_ job: NewJob, to queue: Queue, _ context: Context) async throws {
        let (client, _, priorities) = try await connect(to: queue, context)
        guard priorities.contains(job.priority) else { throw noPriority(job.priority, of: queue) }
        let enqueued = try await client.enqueue(job, to: queue)
        await client.close()
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
        let reader = try LineReader(path: path)
        let expiresAfter = try values.duration("expires")
        // Until the first line is sent an interruption has nothing to finish.
        let (client, largestJob, priorities) = try await context.untilInterrupted {
            try await connect(to: queue, context)
        }
        guard priorities.contains(values.priority) else { throw noPriority(values.priority, of: queue) }
        let settings = BulkEnqueue.Settings(
            defaultType: values.string("type"),
            expiresAfter: expiresAfter,
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
        let inspection = try await cluster.topics.inspect(queue, includingSettings: false)
        guard !inspection.missing.contains(where: { $0.name == queue.mainTopic }) else {
            throw Failure("there is no queue \(queue.name); create it with: \(inspection.command)")
        }
        // librdkafka would wait for 5 minutes for a broker that went away; who sits at the terminal would not.
        var configuration = cluster.configuration
        let timeouts = ["message.timeout.ms", "delivery.timeout.ms"]
        if timeouts.allSatisfy({ configuration.properties[$0] == nil }) {
            configuration.properties["message.timeout.ms"] = "60000"
        }
        // What the topic takes counts, not librdkafka's more careful default.
        let topicLimit = try await cluster.topics.messageLimit(of: queue)
        let limit = configuration.properties["message.max.bytes"].flatMap { Int($0) } ?? topicLimit
        configuration.properties["message.max.bytes"] = "\(min(limit, 1_000_000_000))"
        // The inspection knows a priority's topic only where there is one.
        let topics = Set(inspection.findings.map(\.topic.name))
        let priorities = Priority.allCases.filter { topics.contains(queue.topic(of: $0)) }
        return (try JobClient(configuration), max(0, min(limit, topicLimit) - headerRoom), Set(priorities))
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

extension OptionValues {
    var priority: Priority { string("priority").flatMap(Priority.init) ?? .normal }

    func duration(_ long: String) throws(UsageError) -> Duration? {
        try parsed(long) { try Duration(text: $0) }
    }

    /// Milliseconds since the epoch.
    func time(_ long: String) throws(UsageError) -> Int64? {
        try parsed(long) { try Timestamp.parse($0, now: Timestamp.now) }
    }
}
