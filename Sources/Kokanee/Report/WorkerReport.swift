internal import RdKafka

/// What a worker says of itself and one of its queues, every 10 seconds, in `kokanee.control`, for `kokanee status`.
public struct WorkerReport: Sendable, Hashable {
    /// When it was made, in milliseconds since the epoch, by the worker's clock.
    public var at: Int64
    public var queue: String
    public var group: String
    /// The worker's; see ``WorkerConfiguration/name``.
    public var name: String
    /// What the group's member is called, where the client properties set a `client.id`; nil is by the worker's name.
    public var member: String? = nil
    /// The release of Kokanee that the worker runs.
    public var version: String
    /// When the worker started, in milliseconds since the epoch, by its clock.
    public var started: Int64
    public var health: Health.Level
    /// What is wrong with the queue or with the whole worker; some of them where there are many.
    public var alerts: [Alert]
    public var circuit: QueueStatus.Circuit
    /// Nil where no operator wants the queue to rest, as far as the worker knows.
    public var hold: Hold? = nil
    /// Jobs that have held their partitions' watermarks for 10 seconds or more and have time left; some of them where there
    /// are many.
    public var running: [RunningJob] = []
    /// As ``running``, of jobs that may not start for a limit's sake: their places, `topic/partition/offset`.
    public var limited: [String] = []
    /// What its configuration says of the queue's limits; some of it where that is much. It counts where `kokanee limits` has
    /// set nothing.
    public var limits: [JobLimit] = []
    /// Metrics that only rise, by name, since the worker started.
    public var counters: [String: Int64]

    /// How far a worker is with what an operator wants of the queue.
    public struct Hold: Sendable, Hashable {
        /// The ``Pause/at`` of the word that it obeys.
        public var at: Int64
        /// Jobs that run still.
        public var running: Int
        /// Where the queue is drained: jobs that were taken in before and are not finished.
        public var left: Int?
        /// What keeps those that are left; some of it where that is much.
        public var waits: [DrainWait] = []
    }

    /// The most alerts that a report carries.
    static let alertLimit = 20
    /// The most limits that it tells.
    static let limitLimit = 50
    /// The most running jobs that it tells, and the most that a limit holds back.
    static let runningLimit = 500
    /// The most that it tells of what a drain waits for.
    static let waitLimit = 20
    private static let longestName = 300

    /// What the control topic's record is called: its last word is the one that counts.
    ///
    /// - Parameter run: tells workers of one name apart; nil where no other has the name. Earlier releases had none.
    static func key(group: String, name: String, run: String?) -> String {
        "worker/\(group)/\(name)" + (run.map { "/\($0)" } ?? "")
    }

    /// The start of the keys of a group's reports; nil is every group.
    static func keyPrefix(group: String?) -> String { group.map { "worker/\($0)/" } ?? "worker/" }
}

extension WorkerReport {
    package var json: JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("at", at)
        object.add("queue", queue)
        object.add("group", group)
        object.add("name", name)
        if let member { object.add("member", member) }
        object.add("version", version)
        object.add("started", started)
        object.add("health", health.name)
        object.add("alerts", objects: alerts.map(\.json))
        object.add("circuit", circuit.description)
        if let hold {
            var words = JSONObjectWriter()
            words.add("at", hold.at)
            words.add("running", hold.running)
            if let left = hold.left { words.add("left", left) }
            if !hold.waits.isEmpty { words.add("waits", objects: hold.waits.map(\.json)) }
            object.add("hold", object: words)
        }
        if !running.isEmpty { object.add("running", objects: running.map(\.json)) }
        if !limited.isEmpty { object.add("limited", limited) }
        if !limits.isEmpty, let array = try? JSONCodec().encode(limits).array {
            object.add("limits", json: array.span.bytes)
        }
        var numbers = JSONObjectWriter()
        for (name, value) in counters.sorted(by: { $0.key < $1.key }) { numbers.add(name, value) }
        object.add("counters", object: numbers)
        return object
    }

    /// Reads a record's value; nil where that is not a report. Anybody may have written it: what it says is made fit
    /// for a terminal.
    init?(json bytes: [UInt8]) {
        guard let object = JSONFields(bytes), let at = object.time("at"), let queue = object.string("queue"),
            let group = object.string("group"), let name = object.string("name")
        else { return nil }
        self.at = at
        self.queue = queue
        self.group = group
        self.name = SafeText.line(name, limit: Self.longestName)
        member = object.string("member").map { SafeText.line($0, limit: Self.longestName) }
        version = SafeText.line(object.string("version") ?? "", limit: Self.longestName)
        started = object.time("started") ?? at
        health = object.string("health").flatMap(Health.Level.init(name:)) ?? .degraded
        circuit = object.string("circuit").flatMap(QueueStatus.Circuit.init(text:)) ?? .closed
        hold = object.object("hold").flatMap { hold in
            hold.time("at").map { at in
                Hold(
                    at: at,
                    running: hold.count("running") ?? 0,
                    left: hold.count("left"),
                    waits: hold.elements("waits").prefix(Self.waitLimit).compactMap(DrainWait.init(json:))
                )
            }
        }
        alerts = object.elements("alerts").prefix(Self.alertLimit).compactMap(Alert.init(json:))
        running = object.elements("running").prefix(Self.runningLimit).compactMap(RunningJob.init(json:))
        limited = object.elements("limited").prefix(Self.runningLimit).compactMap { place in
            JSONText.string(place[...]).map { SafeText.line($0, limit: Self.longestName) }
        }
        limits = object.elements("limits").prefix(Self.limitLimit).compactMap { limit in
            try? JSONCodec().decode(JobLimit.self, from: Bytes(limit))
        }
        counters = object.object("counters")?.integers ?? [:]
    }
}

extension Alert {
    package var json: JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("kind", kind.name)
        object.add("level", level.name)
        object.add("since", since)
        if let queue { object.add("queue", queue) }
        if let place { object.add("place", place) }
        object.add("text", text)
        object.add("advice", advice)
        return object
    }

    fileprivate init?(json bytes: [UInt8]) {
        guard let object = JSONFields(bytes), let kind = object.string("kind"), let since = object.time("since"),
            let text = object.string("text")
        else { return nil }
        self.init(
            kind: Kind(name: SafeText.line(kind, limit: 100)),
            level: object.string("level").flatMap(Health.Level.init(name:)) ?? .degraded,
            queue: object.string("queue").map { SafeText.line($0, limit: 300) },
            place: object.string("place").map { SafeText.line($0, limit: 300) },
            since: since,
            text: SafeText.line(text, limit: 2000),
            advice: SafeText.line(object.string("advice") ?? "", limit: 2000)
        )
    }
}
