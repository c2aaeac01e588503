/// Jobs that a drain waits for, and what keeps them from their end.
public struct DrainWait: Sendable, Hashable {
    /// What keeps jobs that were taken in before a drain. There may be more in time.
    public struct Reason: Sendable, Hashable, CustomStringConvertible {
        /// For programs: lower case, with hyphens.
        public let name: String

        /// They run.
        public static let running = Reason(name: "running")
        /// They may run, and no slot is free, or the queue's circuit is open.
        public static let ready = Reason(name: "ready")
        /// Behind another job of their key.
        public static let key = Reason(name: "key")
        /// An operator has paused their type: nothing but `kokanee resume` ends that.
        public static let typePaused = Reason(name: "type-paused")
        /// A limit does not let them start.
        public static let limit = Reason(name: "limit")
        /// They are delayed, and nearly due.
        public static let notDue = Reason(name: "not-due")
        /// They are on their way to a rung or to the dead letters.
        public static let hopping = Reason(name: "hopping")

        public var description: String { name }

        /// From what people can do something about to what ends by itself.
        static let inOrder: [Reason] = [typePaused, limit, notDue, key, hopping, ready, running]

        var rank: Int { Self.inOrder.firstIndex(of: self) ?? Self.inOrder.count }
    }

    public var reason: Reason
    /// The type that is paused, or whom the limit is about; nil where the reason says all.
    public var subject: String?
    public var jobs: Int

    public init(reason: Reason, subject: String? = nil, jobs: Int) {
        self.reason = reason
        self.subject = subject
        self.jobs = jobs
    }

    private struct Cause: Hashable {
        var reason: Reason
        var subject: String?
    }

    /// One for each reason and subject, what people can change first.
    static func merged(_ waits: some Sequence<DrainWait>) -> [DrainWait] {
        var jobs: [Cause: Int] = [:]
        for wait in waits { jobs[Cause(reason: wait.reason, subject: wait.subject), default: 0] += wait.jobs }
        return jobs.map { DrainWait(reason: $0.key.reason, subject: $0.key.subject, jobs: $0.value) }.sorted {
            ($0.reason.rank, $1.jobs, $0.subject ?? "") < ($1.reason.rank, $0.jobs, $1.subject ?? "")
        }
    }
}

extension DrainWait {
    var json: JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("why", reason.name)
        if let subject { object.add("of", subject) }
        object.add("jobs", jobs)
        return object
    }

    /// Nil for what is none. Anybody may have written it.
    init?(json bytes: [UInt8]) {
        guard let fields = JSONFields(bytes), let why = fields.string("why"), let jobs = fields.count("jobs"),
            jobs > 0
        else { return nil }
        self.init(
            reason: Reason(name: SafeText.line(why, limit: 100)),
            subject: fields.string("of").map { SafeText.line($0, limit: 300) },
            jobs: jobs
        )
    }
}
