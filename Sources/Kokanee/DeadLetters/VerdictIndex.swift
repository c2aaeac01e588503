internal import RdKafka

/// The verdicts of a queue, by letter, in as little memory as telling open letters from settled ones takes.
struct VerdictIndex: Sendable {
    private struct Entry {
        var verdict: Verdict
        var letterTimestamp: Int64
    }

    private var entries: [LetterPlace: Entry] = [:]
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
        entries[place] = Entry(verdict: record.verdict, letterTimestamp: record.letterTimestamp)
        if wanted.contains(place) { whole[place] = record }
    }

    /// The verdict on the letter at `place`, if it is the same letter.
    func verdict(at place: LetterPlace, letterTimestamp: Int64) -> Verdict? {
        guard let entry = entries[place], entry.letterTimestamp == letterTimestamp else { return nil }
        return entry.verdict
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
