internal import FoundationEssentials
internal import RdKafka

/// A schedule as `kokanee.control` keeps it, under `schedule/QUEUE/NAME`.
public struct ScheduleRecord: Sendable, Hashable {
    /// Where a schedule was written down.
    public enum Source: String, Sendable, Hashable {
        /// By `kokanee cron add`, or a program that did the same.
        case hand
        /// In a worker's configuration.
        case code
    }

    public let queue: String
    public var schedule: Schedule
    public var isPaused = false
    public var source = Source.hand
    /// Who wrote it last.
    public var by: String
    /// When, in milliseconds since the epoch, by the writer's clock.
    public var at: Int64
    /// Ticks up to this time don't count: there was no such schedule, or it was paused. In milliseconds since the epoch.
    ///
    /// Nil in a record that begins anew: the time at which it was written is meant, by the broker's clock.
    var since: Int64?

    static func keyPrefix(queue: String) -> String { "schedule/\(queue)/" }
    static func key(queue: String, name: String) -> String { keyPrefix(queue: queue) + name }
    var key: String { Self.key(queue: queue, name: schedule.name) }

    init(
        queue: String,
        schedule: Schedule,
        source: Source = .hand,
        by: String,
        at: Int64,
        since: Int64? = nil
    ) {
        self.queue = queue
        self.schedule = schedule
        self.source = source
        self.by = by
        self.at = at
        self.since = since
    }

    // MARK: - JSON

    var value: [UInt8] {
        var object = JSONObjectWriter(reservingCapacity: 400)
        object.add("name", schedule.name)
        object.add("type", schedule.type)
        if schedule.version != 1 { object.add("version", schedule.version) }
        object.add("schedule", schedule.times.text)
        object.add("timezone", schedule.zone.name)
        if let payload = schedule.payload {
            if schedule.contentType == "application/json", (try? JSONText.validate(payload)) != nil {
                object.add("data", json: payload.span.bytes)
            } else {
                object.add("dataBase64", Data(payload).base64EncodedString())
            }
        }
        if let contentType = schedule.contentType { object.add("contentType", contentType) }
        if let key = schedule.key { object.add("key", key) }
        object.add("jitterMs", schedule.jitter.milliseconds)
        object.add("overlap", schedule.overlap.text)
        object.add("misfire", schedule.misfire.text)
        object.add("misfireThresholdMs", schedule.misfireThreshold.milliseconds)
        object.add("paused", isPaused)
        object.add("source", source.rawValue)
        object.add("by", by)
        object.add("at", at)
        if let since { object.add("since", since) }
        return object.finish()
    }

    /// - Returns: nil for a record of another kind.
    /// - Throws: ``InputError``, or ``CronError``, for a schedule that this release can't read.
    init?(_ entry: ControlTopic.Entry) throws {
        let parts = entry.key.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "schedule" else { return nil }
        guard let fields = JSONFields(entry.value), let name = fields.string("name"), name == parts[2],
            let type = fields.string("type"), let times = fields.string("schedule")
        else { throw InputError("\(SafeText.quoted(entry.key)) in \(Queue.controlTopic) is not a schedule") }
        var schedule = try Schedule(name, type: type, at: times, timeZone: fields.string("timezone") ?? "UTC")
        schedule.version = Int(fields.integer("version") ?? 1)
        schedule.payload =
            fields.text("data") ?? fields.string("dataBase64").flatMap { Data(base64Encoded: $0) }.map { Array($0) }
        schedule.contentType = fields.string("contentType")
        schedule.key = fields.string("key")
        schedule.jitter = .milliseconds(fields.integer("jitterMs") ?? 0)
        guard let overlap = Schedule.Overlap(text: fields.string("overlap") ?? "allow"),
            let misfire = Schedule.Misfire(text: fields.string("misfire") ?? "once")
        else { throw InputError("schedule \(name) has a policy that this release does not know") }
        schedule.overlap = overlap
        schedule.misfire = misfire
        schedule.misfireThreshold = .milliseconds(fields.integer("misfireThresholdMs") ?? 60_000)
        try schedule.validate()
        self.init(
            queue: String(parts[1]),
            schedule: schedule,
            source: Source(rawValue: fields.string("source") ?? "") ?? .hand,
            by: fields.string("by") ?? "",
            at: fields.time("at") ?? 0,
            since: fields.time("since") ?? max(0, entry.timestamp)
        )
        isPaused = fields.text("paused").map { $0.elementsEqual("true".utf8) } ?? false
    }
}

extension Schedule {
    /// What of another schedule is different, in words: `schedule 0 2 * * * → 0 3 * * *`.
    public func changes(to other: Schedule) -> [String] {
        func text(_ payload: [UInt8]?) -> String {
            payload.map { SafeText.line(String(decoding: $0, as: UTF8.self), limit: 60) } ?? "none"
        }
        let pairs: [(String, String, String)] = [
            ("type", type, other.type),
            ("version", "\(version)", "\(other.version)"),
            ("schedule", times.text, other.times.text),
            ("timezone", zone.name, other.zone.name),
            ("key", key ?? "none", other.key ?? "none"),
            ("jitter", jitter.text, other.jitter.text),
            ("overlap", overlap.text, other.overlap.text),
            ("misfire", misfire.text, other.misfire.text),
            ("misfire threshold", misfireThreshold.text, other.misfireThreshold.text),
        ]
        var changes = pairs.compactMap { name, old, new in old == new ? nil : "\(name) \(old) → \(new)" }
        // Two texts may begin alike.
        if payload != other.payload || contentType != other.contentType {
            changes.append("data \(text(payload)) → \(text(other.payload))")
        }
        return changes
    }
}
