/// Which of a queue's jobs start first. Each priority beside the normal one has a topic of its own.
public enum Priority: String, Sendable, Hashable, CaseIterable, Codable {
    case high
    case normal
    case low

    /// Told by the case: the operator that texts bring would compare these.
    @inline(__always)
    var isNormal: Bool {
        switch self {
        case .normal: true
        case .high, .low: false
        }
    }

    /// By how much of the room for what is in flight it may fill, in quarters, where a queue has several: what is of
    /// less importance must not keep what is of more from being read.
    var roomQuarters: Int {
        switch self {
        case .high: 4
        case .normal: 3
        case .low: 2
        }
    }
}

/// How a worker chooses between ready jobs of different priorities.
public struct PriorityPolicy: Sendable, Hashable {
    enum Kind: Hashable {
        case strict(starvationLimit: Duration?)
        case weighted(high: Int, normal: Int, low: Int)
    }

    let kind: Kind

    /// Nothing of a lower priority starts while a job of a higher one is ready.
    ///
    /// - Parameter starvationLimit: a job that is the first of its priority, and has been ready for so long, is started
    ///   next all the same; of jobs that have waited so long every tenth start is one. Nil lets them wait for ever.
    public static func strict(starvationLimit: Duration? = .seconds(60)) -> PriorityPolicy {
        PriorityPolicy(kind: .strict(starvationLimit: starvationLimit))
    }

    /// Starts are shared out by weights, from 1 to 1000 each, among the priorities that have ready jobs.
    ///
    /// The first ready job of a priority of weight *w* starts after at most ⌈*v* / *w*⌉ + 1 jobs of each other priority
    /// of weight *v*: with 6, 3 and 1 a low one after at most 11 others.
    public static func weighted(high: Int = 6, normal: Int = 3, low: Int = 1) -> PriorityPolicy {
        PriorityPolicy(kind: .weighted(high: high, normal: normal, low: low))
    }

    func weight(of priority: Priority) -> Int {
        guard case .weighted(let high, let normal, let low) = kind else { return 1 }
        return switch priority {
        case .high: high
        case .normal: normal
        case .low: low
        }
    }

    /// In nanoseconds; nil where nothing ages.
    var starvationLimit: Int64? {
        guard case .strict(let limit?) = kind else { return nil }
        return limit.milliseconds * 1_000_000
    }

    var isStrict: Bool {
        if case .strict = kind { true } else { false }
    }

    /// - Throws: ``InputError``.
    func validate() throws {
        switch kind {
        case .strict(let limit):
            guard limit.map({ $0 > .zero && $0 <= .longestText }) ?? true else {
                throw InputError("a starvation limit is more than nothing, not \(limit?.text ?? "")")
            }
        case .weighted(let high, let normal, let low):
            for weight in [high, normal, low] where !(1...1000).contains(weight) {
                throw InputError("the weight of a priority is from 1 to 1000, not \(weight)")
            }
        }
    }
}
