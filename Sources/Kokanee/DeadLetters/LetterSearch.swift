internal import RdKafka

/// What is remembered of a letter that was found: enough to read it again, in a few bytes, for there may be a million.
struct LetterReference: Sendable {
    var place: LetterPlace
    var timestamp: Int64
    var diedAt: Int64
    /// Bytes of the record, about.
    var size: Int
    /// Numbers of the job's type and of its last error's, in the search's tables.
    var type: UInt16 = NameTable.noNumber
    var error: UInt16 = NameTable.noNumber
    var isSettled: Bool
}

/// One pass over the dead-letter topic: finds the letters that a filter means.
struct LetterSearch: Sendable {
    private let filter: DeadLetterFilter
    private let defaultType: String
    private let verdicts: VerdictIndex
    private var found: [LetterReference] = []
    private(set) var types = NameTable(most: 1000)
    private(set) var errors = NameTable(most: 1000)
    /// Of the ids that the filter names.
    private var known: Set<String> = []
    private var open: Set<String> = []

    init(_ filter: DeadLetterFilter, defaultType: String, verdicts: VerdictIndex) {
        self.filter = filter
        self.defaultType = defaultType
        self.verdicts = verdicts
    }

    mutating func look(at record: Record) {
        let decoded = Envelope.decodeDeadLetter(record, defaultType: defaultType)
        let diedAt = DeadLetter.diedAt(record.timestamp, decoded)
        let place = LetterPlace(partition: record.partition, offset: record.offset)
        if filter.ids?.contains(decoded.envelope.id) == true { known.insert(decoded.envelope.id) }
        guard filter.matches(decoded.envelope, diedAt: diedAt) else { return }
        let isSettled = verdicts.verdict(at: place, letterTimestamp: record.timestamp) != nil
        if !isSettled, filter.ids != nil { open.insert(decoded.envelope.id) }
        guard !isSettled || !filter.isOpenOnly else { return }
        var size = record.size + 64
        record.forEachHeader { name, value in size += name.count + (value?.count ?? 0) + 8 }
        let error = decoded.envelope.lastError.map { $0.prefix { $0 != ":" } } ?? Substring(DeadLetterPlan.noError)
        found.append(
            LetterReference(
                place: place,
                timestamp: record.timestamp,
                diedAt: diedAt,
                size: size,
                type: types.number(of: decoded.envelope.type),
                error: errors.number(of: String(error)),
                isSettled: isSettled
            )
        )
    }

    /// The letters that were found, from the one that died first.
    var references: [LetterReference] {
        let sorted = found.sorted { ($0.diedAt, $0.place) < ($1.diedAt, $1.place) }
        return filter.limit.map { sorted.suffix($0) } ?? sorted
    }

    /// Ids that no letter has.
    var unknownIDs: [String] { (filter.ids ?? []).subtracting(known).sorted() }

    /// Ids all of whose letters have verdicts.
    var settledIDs: [String] { (filter.ids ?? []).intersection(known).subtracting(open).sorted() }
}

extension Collection where Element == LetterReference, SubSequence == ArraySlice<LetterReference> {
    /// The references in their order, in parts of at most `count` letters and about `bytes` bytes.
    func parts(ofAtMost count: Int, bytes: Int) -> [ArraySlice<LetterReference>] {
        var parts: [ArraySlice<LetterReference>] = []
        var start = startIndex
        var taken = 0
        var size = 0
        var index = startIndex
        while index != endIndex {
            if taken > 0, taken == count || size + self[index].size > bytes {
                parts.append(self[start..<index])
                (start, taken, size) = (index, 0, 0)
            }
            taken += 1
            size += self[index].size
            index = self.index(after: index)
        }
        if start != endIndex { parts.append(self[start..<endIndex]) }
        return parts
    }
}
