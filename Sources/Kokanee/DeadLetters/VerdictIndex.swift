internal import RdKafka

/// The verdicts of a queue, by letter, in as little memory as telling open letters from settled ones takes.
struct VerdictIndex: Sendable {
    private struct Entry {
        var verdict: Verdict
        var letterTimestamp: Int64
        var at: Int64
        /// Numbers in ``texts``.
        var by: UInt16
        var reason: UInt16
    }

    /// A verdict, and who gave it, when and why, as far as that was kept.
    struct Note: Sendable, Equatable {
        var verdict: Verdict
        var at: Int64
        var by: String?
        var reason: String?
    }

    private var entries: [LetterPlace: Entry] = [:]
    /// Names and reasons: each command gives one of either to all its letters.
    private var texts = NameTable(most: 10_000)
    /// Letters whose verdicts are kept whole.
    private let wanted: Set<LetterPlace>
    private(set) var whole: [LetterPlace: VerdictRecord] = [:]

    init(wanted: Set<LetterPlace> = []) {
        self.wanted = wanted
    }

    var count: Int { entries.count }

    /// Takes note of a record of the state topic, whatever it is; records of a partition come in the log's order.
    mutating func take(partition: Int32, key: Bytes?, value: Bytes?) {
        guard let offset = VerdictRecord.offset(key: key, partition: partition) else { return }
        let place = LetterPlace(partition: partition, offset: offset)
        guard let value else {
            entries[place] = nil
            whole[place] = nil
            return
        }
        guard let record = VerdictRecord(value: value) else { return }
        entries[place] = Entry(
            verdict: record.verdict,
            letterTimestamp: record.letterTimestamp,
            at: record.at,
            by: record.by.isEmpty ? NameTable.noNumber : texts.number(of: record.by),
            reason: record.reason.map { texts.number(of: $0) } ?? NameTable.noNumber
        )
        if wanted.contains(place) { whole[place] = record }
    }

    /// The verdict on the letter at `place`, if it is the same letter.
    func verdict(at place: LetterPlace, letterTimestamp: Int64) -> Verdict? {
        guard let entry = entries[place], entry.letterTimestamp == letterTimestamp else { return nil }
        return entry.verdict
    }

    func note(at place: LetterPlace, letterTimestamp: Int64) -> Note? {
        guard let entry = entries[place], entry.letterTimestamp == letterTimestamp else { return nil }
        return Note(verdict: entry.verdict, at: entry.at, by: texts[entry.by], reason: texts[entry.reason])
    }
}

/// Where a letter stands in its queue's dead-letter topic.
struct LetterPlace: Hashable, Sendable, Comparable {
    var partition: Int32
    var offset: Int64

    static func < (lhs: Self, rhs: Self) -> Bool {
        (lhs.partition, lhs.offset) < (rhs.partition, rhs.offset)
    }
}
