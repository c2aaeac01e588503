/// What a rehearsal found out. It is a value: it can be kept, compared and shown as text, as JSON and as a page.
public struct RehearsalReport: Sendable, Hashable, Codable {
    /// What became of jobs, in numbers.
    public struct Outcomes: Sendable, Hashable, Codable {
        public var succeeded: Int64 = 0
        /// The handler said that they are not needed any more.
        public var discarded: Int64 = 0
        /// Their one attempt failed or overran its time.
        public var failed: Int64 = 0
        /// They would be dead letters without an attempt's blame: they can't be decoded, or nothing here runs their type, or
        /// their version is too new.
        public var refused: Int64 = 0
        /// Their time was over, so that they did not run; nor would they in a replay.
        public var expired: Int64 = 0

        public init() {}

        public var fine: Int64 { succeeded + discarded }
        public var bad: Int64 { failed + refused }
        public var total: Int64 { fine + bad + expired }
    }

    /// A job, for people who want to look at one.
    public struct Example: Sendable, Hashable, Codable {
        public var id: String
        public var type: String
        /// `topic/partition/offset` of its record.
        public var place: String
        /// Its error, or the detail of its effect.
        public var message: String

        public init(id: String, type: String, place: String, message: String) {
            self.id = id
            self.type = type
            self.place = place
            self.message = message
        }
    }

    /// Errors that are the same but for numbers and ids.
    public struct ErrorGroup: Sendable, Hashable, Codable {
        /// How these jobs went before.
        public var before: Rehearsal.Before
        /// `type: message`, with `#` for what differs.
        public var pattern: String
        /// Why the jobs would be dead letters at once; nil where the retry policy would decide.
        public var reason: String?
        public var count: Int64
        /// The first of them, in the order of their places.
        public var examples: [Example]

        public init(before: Rehearsal.Before, pattern: String, reason: String?, count: Int64, examples: [Example]) {
            self.before = before
            self.pattern = pattern
            self.reason = reason
            self.count = count
            self.examples = examples
        }

        public var isRegression: Bool { before == .completed }
    }

    /// Effects of one name that would have been made.
    public struct EffectGroup: Sendable, Hashable, Codable {
        public var name: String
        public var count: Int64
        /// Those of jobs that were completed before, and so have made theirs already, as it seems.
        public var repeated: Int64
        /// Jobs that would have made any.
        public var jobs: Int64
        public var examples: [Example]

        public init(name: String, count: Int64, repeated: Int64, jobs: Int64, examples: [Example]) {
            self.name = name
            self.count = count
            self.repeated = repeated
            self.jobs = jobs
            self.examples = examples
        }
    }

    /// How long attempts took, in milliseconds, within 3 %; of those that did not run there is nothing.
    public struct Durations: Sendable, Hashable, Codable {
        public var median: Double
        public var p99: Double
        public var longest: Double

        public init(median: Double, p99: Double, longest: Double) {
            self.median = median
            self.p99 = p99
            self.longest = longest
        }
    }

    /// The plan that was rehearsed.
    public var plan: ReplayPlan
    /// Names the code that ran, where its owner gave it a name.
    public var build: String?
    /// Milliseconds since the epoch.
    public var startedAt: Int64
    public var endedAt: Int64
    /// False where it was stopped before its end: the numbers are of what was done until then.
    public var isComplete: Bool
    /// How many jobs were asked for at most; nil is all.
    public var sample: Int?
    /// Records of the plan's range that were looked at.
    public var scanned: Int64
    /// Those that are selected.
    public var matched: Int64
    /// Of jobs that were completed before.
    public var completedBefore: Outcomes
    /// Of jobs that were dead letters, or had failed at least once.
    public var failedBefore: Outcomes
    /// Of jobs of which nothing is known.
    public var unknownBefore: Outcomes
    /// The regressions first, then by their counts.
    public var errors: [ErrorGroup]
    /// Failures of patterns beyond those that are told apart.
    public var otherErrors: Int64
    /// By their counts.
    public var effects: [EffectGroup]
    /// Nil where no attempt was made.
    public var durations: Durations?
    /// What was unusual, in sentences for people.
    public var notes: [String]

    public func outcomes(_ before: Rehearsal.Before) -> Outcomes {
        switch before {
        case .completed: completedBefore
        case .failed: failedBefore
        case .unknown: unknownBefore
        }
    }

    private func sum(_ count: KeyPath<Outcomes, Int64>) -> Int64 {
        Rehearsal.Before.allCases.reduce(0) { $0 + outcomes($1)[keyPath: count] }
    }

    /// Jobs that were rehearsed.
    public var rehearsed: Int64 { sum(\.total) }
    public var nowFine: Int64 { sum(\.fine) }
    public var nowBad: Int64 { sum(\.bad) }
    public var expired: Int64 { sum(\.expired) }
    /// Were completed, and now fail or are refused.
    public var regressions: Int64 { completedBefore.bad }
    /// Had failed, and now succeed.
    public var mended: Int64 { failedBefore.fine }
    /// Had failed, and fail again.
    public var stillFailing: Int64 { failedBefore.bad }
    public var hasRegressions: Bool { regressions > 0 }
}
