internal import RdKafka

/// A replay, or a reset of offsets, as `kokanee.control` has it.
///
/// Three entries a replay, so that who writes one never overwrites another's: what was begun, which never changes; what
/// operators want of it; and what came of it.
public struct ReplayRecord: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, Codable {
        /// History is run again under a group of its own.
        case side
        /// The offsets of a group without members were reset.
        case reset
        /// The offsets of a group at work were reset.
        case rewind
    }

    /// How a reset moved one partition.
    public struct Move: Sendable, Hashable, Codable {
        public var partition: Int32
        /// Nil is no offset at all.
        public var old: Int64?
        public var new: Int64?

        public init(partition: Int32, old: Int64?, new: Int64?) {
            self.partition = partition
            self.old = old
            self.new = new
        }
    }

    /// Written once, when it begins.
    public struct Beginning: Sendable, Hashable, Codable {
        public var id: String
        public var kind: Kind
        public var queue: String
        /// The group whose offsets are moved, or the replay's own.
        public var group: String
        /// Milliseconds since the epoch.
        public var at: Int64
        /// Who began it.
        public var by: String
        /// The command line's words, or a program's.
        public var words: String
        /// Of a side replay.
        public var plan: ReplayPlan?
        /// Of a side replay: its ladder, and the type of jobs that don't say theirs.
        public var ladder: String?
        public var defaultType: String?
        /// Of a reset or a rewind.
        public var moves: [Move]?
        /// The replay that this one undoes.
        public var undoes: String?

        public init(
            id: String,
            kind: Kind,
            queue: String,
            group: String,
            at: Int64,
            by: String,
            words: String,
            plan: ReplayPlan? = nil,
            ladder: String? = nil,
            defaultType: String? = nil,
            moves: [Move]? = nil,
            undoes: String? = nil
        ) {
            self.id = id
            self.kind = kind
            self.queue = queue
            self.group = group
            self.at = at
            self.by = by
            self.words = words
            self.plan = plan
            self.ladder = ladder
            self.defaultType = defaultType
            self.moves = moves
            self.undoes = undoes
        }
    }

    /// Written by operators; there is none until the first of them says something.
    public struct Wish: Sendable, Hashable, Codable {
        public enum Mode: String, Sendable, Hashable, Codable {
            case run
            case pause
            case cancel
        }

        public var mode: Mode
        /// Jobs a second over all processes; nil is without limit.
        public var rate: Double?
        /// Milliseconds since the epoch.
        public var at: Int64
        public var by: String

        public init(mode: Mode, rate: Double? = nil, at: Int64, by: String) {
            self.mode = mode
            self.rate = rate
            self.at = at
            self.by = by
        }
    }

    /// Written when it has ended.
    public struct Result: Sendable, Hashable, Codable {
        public enum State: String, Sendable, Hashable, Codable {
            /// The plan is covered, or the offsets are moved.
            case finished
            case cancelled
            /// The offsets were brought back.
            case undone
        }

        public var state: State
        /// Milliseconds since the epoch.
        public var at: Int64
        /// By name. Of a side replay `covered`, `completed`, `dead` and `lostToRetention`, or, where it was cancelled, `done`,
        /// `retrying` and `dead`; of a reset `runsAgain`, `skipped` and `lostToRetention`; of a rewind `partitions`.
        public var counts: [String: Int64]
        public var notes: [String]

        public init(state: State, at: Int64, counts: [String: Int64] = [:], notes: [String] = []) {
            self.state = state
            self.at = at
            self.counts = counts
            self.notes = notes
        }
    }

    public var beginning: Beginning
    public var wish: Wish?
    public var result: Result?

    public init(beginning: Beginning, wish: Wish? = nil, result: Result? = nil) {
        self.beginning = beginning
        self.wish = wish
        self.result = result
    }

    public var id: String { beginning.id }
}

extension ReplayRecord {
    /// The start of the keys of all replays, or of one queue's, in the control topic.
    static func keyPrefix(queue: String? = nil) -> String {
        queue.map { "replay/\($0)/" } ?? "replay/"
    }

    static func key(_ queue: String, _ id: String, _ part: Part) -> String {
        "\(keyPrefix(queue: queue))\(id)/\(part.rawValue)"
    }

    enum Part: String {
        case beginning
        case wish
        case result
    }

    /// Puts together what the control topic has; entries that can't be read are passed over.
    static func records(_ entries: [ControlTopic.Entry]) -> [ReplayRecord] {
        let codec = JSONCodec()
        func decode<Value: Decodable>(_ type: Value.Type, _ queue: String, _ id: String, _ part: Part) -> Value? {
            let key = key(queue, id, part)
            return entries.first { $0.key == key }.flatMap { try? codec.decode(type, from: Bytes($0.value)) }
        }
        return entries.compactMap { entry in
            guard entry.key.hasSuffix("/\(Part.beginning.rawValue)"),
                let beginning = try? codec.decode(Beginning.self, from: Bytes(entry.value)),
                entry.key == key(beginning.queue, beginning.id, .beginning), beginning.isSound
            else { return nil }
            return ReplayRecord(
                beginning: beginning,
                wish: decode(Wish.self, beginning.queue, beginning.id, .wish),
                result: decode(Result.self, beginning.queue, beginning.id, .result)
            )
        }.sorted { $0.id < $1.id }
    }
}

extension ReplayRecord.Beginning {
    /// Whether it can be reckoned with: anybody may write to the control topic.
    fileprivate var isSound: Bool {
        ReplayID.isValid(id) && (0...Timestamp.latest).contains(at) && plan?.partitions.allSatisfy(\.isSound) != false
    }
}

extension ReplayPlan.Partition {
    /// So that the numbers of all partitions can be added up.
    private static let bounds: ClosedRange<Int64> = 0...1 << 48

    fileprivate var isSound: Bool {
        let counts = count.map { [$0.scanned, $0.matched, $0.bytes] } ?? []
        return from <= to && ([from, to, lostToRetention] + counts).allSatisfy(Self.bounds.contains)
    }
}
