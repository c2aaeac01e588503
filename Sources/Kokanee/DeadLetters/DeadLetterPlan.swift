/// What a retry, or a discarding, would deal with.
public struct DeadLetterPlan: Sendable, Equatable {
    /// Letters that have something in common.
    public struct Group: Sendable, Equatable {
        /// The type, the error's type, or the partition.
        public let name: String
        /// Those that match.
        public internal(set) var letters: Int
        /// Those among them that would be dealt with.
        public internal(set) var open: Int
    }

    /// The name of the group of types, or errors, beyond the first thousand.
    public static let others = "(others)"
    /// The name of the group of letters that say of no error.
    public static let noError = "(none)"

    /// Ids that the filter names and that have no letter, or none without a verdict.
    public let findings: DeadLetters.Findings
    /// The largest first, as ``errors``.
    public let types: [Group]
    /// By the type of the last error: what stands before its first colon.
    public let errors: [Group]
    /// In the order of their numbers.
    public let partitions: [Group]
    /// Letters that match, with a verdict or without.
    public let letters: Int
    /// Those that would be dealt with: without a verdict, and within the filter's limit.
    public let open: Int
    /// About how many bytes their records have.
    public let bytes: Int64
    /// When the first of them died, in milliseconds since the epoch; nil where there are none.
    public let oldest: Int64?
    public let newest: Int64?
}

extension DeadLetterPlan {
    /// - Parameters:
    ///   - references: all that match.
    ///   - limit: of those without a verdict so many are meant, from the end.
    init(_ search: LetterSearch, limit: Int?, findings: DeadLetters.Findings) {
        let references = search.references
        var types = Tally()
        var errors = Tally()
        var partitions = Tally()
        var leftOut = limit.map { max(0, references.count { !$0.isSettled } - $0) } ?? 0
        var open = 0
        var bytes: Int64 = 0
        var oldest: Int64?
        var newest: Int64?
        for reference in references {
            var isMeant = !reference.isSettled
            if isMeant, leftOut > 0 {
                leftOut -= 1
                isMeant = false
            }
            types.add(search.types[reference.type] ?? Self.others, isMeant)
            errors.add(search.errors[reference.error] ?? Self.others, isMeant)
            partitions.add(String(reference.place.partition), isMeant)
            guard isMeant else { continue }
            open += 1
            bytes += Int64(reference.size)
            oldest = min(oldest ?? .max, reference.diedAt)
            newest = max(newest ?? .min, reference.diedAt)
        }
        self.findings = findings
        self.types = types.byCount
        self.errors = errors.byCount
        self.partitions = partitions.groups.sorted { (Int($0.name) ?? 0) < (Int($1.name) ?? 0) }
        letters = references.count
        self.open = open
        self.bytes = bytes
        self.oldest = oldest
        self.newest = newest
    }

    private struct Tally {
        private var counts: [String: (letters: Int, open: Int)] = [:]

        mutating func add(_ name: String, _ isOpen: Bool) {
            counts[name, default: (0, 0)].letters += 1
            if isOpen { counts[name]?.open += 1 }
        }

        var groups: [Group] { counts.map { Group(name: $0.key, letters: $0.value.letters, open: $0.value.open) } }

        var byCount: [Group] {
            groups.sorted { ($1.open, $1.letters, $0.name) < ($0.open, $0.letters, $1.name) }
        }
    }
}
