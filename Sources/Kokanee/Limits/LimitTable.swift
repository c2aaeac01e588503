/// The limits of one queue.
///
/// A worker's configuration may have one, and `kokanee limits` writes one to `kokanee.control` under `limits/QUEUE`,
/// which counts instead of the configuration's for as long as it is there.
public struct LimitTable: Sendable, Hashable {
    /// At most one of each type and grouping. A job that several speak of has to pass all of them.
    public private(set) var limits: [JobLimit] = []
    /// Types of which nothing starts; not part of what is written under `limits/QUEUE`.
    public var pausedTypes: Set<String> = []

    public init() {}

    /// - Throws: ``InputError`` for a limit that can't be, or two of one type and grouping.
    public init(_ limits: [JobLimit]) throws {
        for limit in limits {
            try limit.validate()
            guard !self.limits.contains(where: { $0.subject == limit.subject }) else {
                throw InputError("two limits are about \(limit.subject.words)")
            }
            self.limits.append(limit)
        }
    }

    public var isEmpty: Bool { limits.isEmpty && pausedTypes.isEmpty }

    /// Adds a limit, or puts it in the place of the one of its type and grouping.
    ///
    /// - Throws: ``InputError`` for a limit that can't be.
    public mutating func set(_ limit: JobLimit) throws {
        try limit.validate()
        if let index = limits.firstIndex(where: { $0.subject == limit.subject }) {
            limits[index] = limit
        } else {
            limits.append(limit)
        }
    }

    /// Takes away the limits for which `isMeant` is true; returns how many there were.
    @discardableResult
    public mutating func remove(where isMeant: (JobLimit) -> Bool) -> Int {
        let before = limits.count
        limits.removeAll(where: isMeant)
        return before - limits.count
    }

    /// The key of a queue's table in the control topic.
    public static func controlKey(of queue: String) -> String { "limits/\(queue)" }
}

extension LimitTable: Codable {
    private enum CodingKeys: String, CodingKey {
        case limits
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(fields.decode([JobLimit].self, forKey: .limits))
    }

    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(limits, forKey: .limits)
    }
}

extension JobLimit.Subject {
    /// `mail, of each key`, for people.
    var words: String {
        let jobs = type ?? "all jobs"
        return switch grouping {
        case .none: jobs
        case .key: "\(jobs), of each key"
        case .prefix(let separator): "\(jobs), of each key group up to \(SafeText.quoted(separator))"
        }
    }
}
