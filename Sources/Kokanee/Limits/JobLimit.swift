/// A bound on the jobs of a queue: how many may run at the same time in a worker, how many may start in a time over the
/// whole fleet, or both.
public struct JobLimit: Sendable, Hashable {
    /// What is counted apart.
    public enum Grouping: Sendable, Hashable {
        /// All jobs together.
        case none
        /// The jobs of each key. Jobs without a key are not bounded.
        case key
        /// The jobs of all keys that have the same beginning, up to the first separator: `acme` of `acme:42`. A key
        /// without the separator is a group of its own; jobs without a key are not bounded.
        case prefix(String)
    }

    /// The type of the jobs; nil is all of the queue's.
    public var type: String?
    public var grouping = Grouping.none
    /// Attempts that may run at the same time in each worker. From 0, which starts none, to 100,000; nil is no bound.
    public var concurrency: Int?
    /// How many attempts may start over all workers together; nil is no bound.
    public var rate: Rate?
    /// How many of them may start at once after a lull. From 1 to 1,000,000. Default: what the rate brings in a second,
    /// and at least 1.
    public var burst: Int?
    /// Whether jobs that wait for this limit, and have a key, may be overtaken by later ones of their key. Default
    /// false. Only jobs that may be overtaken can leave a worker that has too many of them for a rung.
    public var allowsOvertaking = false

    public init(
        type: String? = nil,
        grouping: Grouping = .none,
        concurrency: Int? = nil,
        rate: Rate? = nil,
        burst: Int? = nil
    ) {
        self.type = type
        self.grouping = grouping
        self.concurrency = concurrency
        self.rate = rate
        self.burst = burst
    }

    /// What one limit of a table differs in from every other.
    struct Subject: Hashable, Sendable {
        var type: String?
        var grouping: Grouping
    }

    var subject: Subject { Subject(type: type, grouping: grouping) }

    /// How many jobs may start at once, over the fleet.
    public var burstOrDefault: Int {
        burst ?? Int(min(1_000_000, max(1, rate?.perSecond.rounded(.up) ?? 1)))
    }

    var effectiveBurst: Double { Double(burstOrDefault) }

    /// - Throws: ``InputError``.
    public func validate() throws {
        if let type { try NewJob.validate("job type", type) }
        if case .prefix(let separator) = grouping {
            guard !separator.isEmpty, separator.utf8.count <= 64 else {
                throw InputError("a limit's key group ends at a separator of 1 to 64 bytes")
            }
        }
        guard concurrency != nil || rate != nil else {
            throw InputError("a limit has a concurrency, a rate, or both")
        }
        if let concurrency, !(0...100_000).contains(concurrency) {
            throw InputError("a limit's concurrency is from 0 to 100000, not \(concurrency)")
        }
        guard let burst else { return }
        guard rate != nil else { throw InputError("a burst belongs to a rate") }
        guard (1...1_000_000).contains(burst) else {
            throw InputError("a limit's burst is from 1 to 1000000, not \(burst)")
        }
    }
}

extension JobLimit: Codable {
    private enum CodingKeys: String, CodingKey {
        case type, concurrency, rate, burst, perKey, keyGroup, overtaking
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        type = try fields.decodeIfPresent(String.self, forKey: .type)
        concurrency = try fields.decodeIfPresent(Int.self, forKey: .concurrency)
        rate = try fields.decodeIfPresent(String.self, forKey: .rate).map { try Rate(text: $0) }
        burst = try fields.decodeIfPresent(Int.self, forKey: .burst)
        if let separator = try fields.decodeIfPresent(String.self, forKey: .keyGroup) {
            grouping = .prefix(separator)
        } else if try fields.decodeIfPresent(Bool.self, forKey: .perKey) == true {
            grouping = .key
        }
        allowsOvertaking = try fields.decodeIfPresent(Bool.self, forKey: .overtaking) ?? false
        try validate()
    }

    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encodeIfPresent(type, forKey: .type)
        try fields.encodeIfPresent(concurrency, forKey: .concurrency)
        try fields.encodeIfPresent(rate?.text, forKey: .rate)
        try fields.encodeIfPresent(burst, forKey: .burst)
        switch grouping {
        case .none: break
        case .key: try fields.encode(true, forKey: .perKey)
        case .prefix(let separator): try fields.encode(separator, forKey: .keyGroup)
        }
        if allowsOvertaking { try fields.encode(true, forKey: .overtaking) }
    }
}
