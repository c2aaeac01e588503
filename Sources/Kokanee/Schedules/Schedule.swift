internal import RdKafka

/// A job that is enqueued again and again, at the times of a clock.
///
///     var nightly = try Schedule("nightly", job: CloseBooks(), at: "0 2 * * *", timeZone: "Europe/Oslo")
///     nightly.overlap = .skip
///     configuration.schedules = ["books": [nightly]]
///
/// Each of its ticks is fired once, by whichever worker of the queue is in charge; the job's id is derived from both:
/// `nightly@2026-11-26T01:00:00Z`.
public struct Schedule: Sendable, Hashable {
    /// What becomes of a tick while the job of the one before has not come to its end, which is that it is completed,
    /// discarded, or a dead letter.
    public struct Overlap: Sendable, Hashable {
        enum Kind: String {
            case skip
            case queue
            case allow
        }

        let kind: Kind

        /// The tick is passed over, and counted.
        public static let skip = Overlap(kind: .skip)
        /// The jobs have one ordering key, the schedule's unless it has one of its own, and in the queue's `.key` order
        /// start one after another. A retry is outside the order, as everywhere.
        public static let queue = Overlap(kind: .queue)
        /// Jobs run beside each other.
        public static let allow = Overlap(kind: .allow)

        public var text: String { kind.rawValue }

        /// Nil for other texts than ``text``.
        public init?(text: String) {
            guard let kind = Kind(rawValue: text) else { return nil }
            self.init(kind: kind)
        }

        private init(kind: Kind) {
            self.kind = kind
        }
    }

    /// What becomes of ticks that nobody was there to fire: all workers were down, say.
    public struct Misfire: Sendable, Hashable {
        enum Kind: Hashable {
            case once
            case ignore
            case catchUp(Int)
        }

        /// The most ticks that ``catchUp(_:)`` makes up for.
        public static let mostCaughtUp = 1000

        let kind: Kind

        /// However many were missed, the last of them is fired.
        public static let fireOnce = Misfire(kind: .once)
        /// None is fired; it goes on with the next.
        public static let ignore = Misfire(kind: .ignore)

        /// The last so many of those that were missed are fired, in their order; at most ``mostCaughtUp``.
        public static func catchUp(_ count: Int) -> Misfire { Misfire(kind: .catchUp(count)) }

        /// `once`, `ignore` or `catch-up:3`.
        public var text: String {
            switch kind {
            case .once: "once"
            case .ignore: "ignore"
            case .catchUp(let count): "catch-up:\(count)"
            }
        }

        /// Nil for other texts than ``text``.
        public init?(text: String) {
            switch text {
            case "once": self = .fireOnce
            case "ignore": self = .ignore
            default:
                let prefix = "catch-up:"
                guard text.hasPrefix(prefix), let count = Int(text.dropFirst(prefix.count)),
                    (1...Self.mostCaughtUp).contains(count)
                else { return nil }
                self = .catchUp(count)
            }
        }

        private init(kind: Kind) {
            self.kind = kind
        }
    }

    /// Unique in its queue: letters, digits, `.`, `_` and `-`, at most 200.
    public let name: String
    /// The jobs' type.
    public var type: String
    /// Their payload's version.
    public var version = 1
    /// When it fires.
    public var times: CronExpression
    /// Whose clock ``times`` speak of. Default UTC: the machines' own zones may differ.
    public var zone: ZoneRules = .utc
    /// Default none.
    public var payload: [UInt8]?
    /// The payload's media type.
    public var contentType: String?
    /// The jobs' ordering key. Default none.
    public var key: String?
    /// Each tick is fired later by up to this much, by as much as name and tick say, the same for every worker. Default 0.
    /// Ticks keep their order: one waits for the one before it.
    public var jitter: Duration = .zero
    /// Default `.allow`.
    public var overlap: Overlap = .allow
    /// Default `.fireOnce`.
    public var misfire: Misfire = .fireOnce
    /// By how much a tick may be late and is still fired like any other. Default 60 s; what is later was missed, and
    /// ``misfire`` says what becomes of it. Less than 2 s counts as 2 s, which a tick may take to be fired.
    public var misfireThreshold: Duration = .seconds(60)

    /// - Throws: ``CronError`` for the expression, ``InputError`` for a name or a type that can't be one, or a zone that
    ///   there is not.
    public init(_ name: String, type: String, at times: String, timeZone: String = "UTC") throws {
        self.name = name
        self.type = type
        self.times = try CronExpression(times)
        zone = try ZoneRules(timeZone)
        try validate()
    }

    /// - Throws: as ``init(_:type:at:timeZone:)``, and what the codec throws.
    public init<J: Job>(
        _ name: String,
        job: J,
        at times: String,
        timeZone: String = "UTC",
        codec: any PayloadCodec = .json
    ) throws {
        try self.init(name, type: J.type, at: times, timeZone: timeZone)
        version = J.version
        payload = try codec.encode(job).array
        contentType = codec.contentType
    }

    /// - Throws: ``InputError`` for what can't be.
    public func validate() throws {
        guard Self.isName(name) else {
            throw InputError(
                "a schedule's name has 1 to 200 letters, digits, '.', '_' and '-', not \(SafeText.quoted(name))"
            )
        }
        try NewJob.validate("job type", type)
        guard version >= 1 else { throw InputError("a job's version is an integer from 1 up, not \(version)") }
        for (what, duration) in [("jitter", jitter), ("misfire threshold", misfireThreshold)] {
            guard duration >= .zero, duration <= .seconds(86_400) else {
                throw InputError("a schedule's \(what) is from 0s to 1d, not \(duration.text)")
            }
        }
        if case .catchUp(let count) = misfire.kind, !(1...Misfire.mostCaughtUp).contains(count) {
            throw InputError("a schedule catches up on 1 to \(Misfire.mostCaughtUp) ticks, not \(count)")
        }
    }

    static func isName(_ text: String) -> Bool {
        (1...200).contains(text.utf8.count) && text.utf8.allSatisfy(Queue.isAllowed)
    }

    // MARK: - Ticks

    /// The id of a tick's job.
    ///
    /// - Parameter tick: in milliseconds since the epoch.
    public func jobID(ofTick tick: Int64) -> String { "\(name)@\(ZoneRules.utc.text(tick))" }

    /// By how many milliseconds a tick is fired later than it says, from 0 to the jitter.
    func delay(ofTick tick: Int64, in queue: String) -> Int64 {
        let most = jitter.milliseconds
        guard most > 0 else { return 0 }
        // FNV-1a of the name, and the finaliser of SplitMix64: what every build of every worker computes.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in "\(queue)/\(name)".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        hash &+= UInt64(bitPattern: tick / 1000) &* 0x9E37_79B9_7F4A_7C15
        hash = (hash ^ hash >> 30) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ hash >> 27) &* 0x94D0_49BB_1331_11EB
        return Int64((hash ^ hash >> 31) % UInt64(most + 1))
    }
}
