internal import RdKafka

/// How far a schedule is: `schedule/NAME` in partition 0 of the queue's state topic.
///
/// It is written in one transaction with the jobs that it tells of.
public struct ScheduleState: Sendable, Hashable {
    static let type = "schedule"
    private static let keyPrefix = "schedule/"

    /// The last tick that was dealt with: fired, or passed over. In milliseconds since the epoch, as all times here.
    public var tick: Int64
    /// The last tick that was fired, its job, and when.
    public var firing: Firing?
    /// Ticks that were fired.
    public var fired: Int64 = 0
    /// Ticks that were passed over because the job before them had not come to its end.
    public var skipped: Int64 = 0

    public struct Firing: Sendable, Hashable {
        public var job: String
        public var tick: Int64
        public var at: Int64
    }

    static func key(_ name: String) -> String { keyPrefix + name }

    /// The schedule's name; nil for a record of another kind.
    static func name(key: String) -> String? {
        key.hasPrefix(keyPrefix) ? String(key.dropFirst(keyPrefix.count)) : nil
    }

    var value: [UInt8] {
        var object = JSONObjectWriter(reservingCapacity: 200)
        object.add("type", Self.type)
        object.add("tick", tick)
        if let firing {
            object.add("job", firing.job)
            object.add("firedTick", firing.tick)
            object.add("firedAt", firing.at)
        }
        object.add("fired", fired)
        object.add("skipped", skipped)
        return object.finish()
    }

    init(tick: Int64) {
        self.tick = tick
    }

    /// Nil for a value of another kind.
    init?(value: [UInt8]) {
        guard let fields = JSONFields(value), fields.string("type") == Self.type, let tick = fields.time("tick")
        else { return nil }
        self.tick = tick
        if let job = fields.string("job"), let tick = fields.time("firedTick"), let at = fields.time("firedAt") {
            firing = Firing(job: job, tick: tick, at: at)
        }
        fired = Int64(fields.count("fired") ?? 0)
        skipped = Int64(fields.count("skipped") ?? 0)
    }
}

/// That a schedule's job has come to its end: `schedule-done/NAME/JOB` in partition 0 of the queue's state topic.
///
/// Whoever brings the job to its end writes it, before the job's offset is finished. It has a key for each job: the job
/// of an older tick may end once more, after a crash, and must not hide that a newer one has. The keeper takes it away
/// when it fires the next tick.
struct ScheduleDone: Sendable, Hashable {
    private static let keyPrefix = "schedule-done/"

    var name: String
    var job: String

    var key: String { "\(Self.keyPrefix)\(name)/\(job)" }

    init(name: String, job: String) {
        self.name = name
        self.job = job
    }

    /// Nil for a record of another kind.
    init?(key: String) {
        guard key.hasPrefix(Self.keyPrefix) else { return nil }
        let parts = key.dropFirst(Self.keyPrefix.count).split(separator: "/", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        self.init(name: String(parts[0]), job: String(parts[1]))
    }

    /// - Parameters:
    ///   - end: `completed`, `discarded` or `dead`.
    ///   - now: milliseconds since the epoch.
    func value(_ end: String, at now: Int64) -> [UInt8] {
        var object = JSONObjectWriter(reservingCapacity: 120)
        object.add("type", "schedule-done")
        object.add("job", job)
        object.add("end", end)
        object.add("at", now)
        return object.finish()
    }
}
