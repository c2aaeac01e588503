internal import RdKafka

/// Which jobs of one partition number have been completed by transactions, by the places of their records.
///
/// It is written in the transactions themselves, one record for each of the queue's topics, and so tells exactly what
/// they have done: a job whose outputs are visible is in it, and no other.
///
/// A page counts for one *era* of its topic's partition: from one reset of the group's offset, or one log, to the next.
/// What ran in an earlier era is to run again. The era's name stands in the group's commits, and a commit that names it has
/// been acknowledged before its first transaction: a commit that names none, or another, was made by a reset.
struct OutputLedger: Sendable, Equatable {
    /// How a job has ended that is in it.
    enum End: Sendable {
        /// A transaction has completed it.
        case completed
        /// An owner's watermark had passed it, by whatever it had come to: it may as well wait on a rung, or be dead.
        case finished
    }

    struct Page: Sendable, Equatable {
        let era: String
        /// All below is finished, one way or another.
        private(set) var watermark: Int64 = 0
        /// Completed at or above the watermark.
        private(set) var done = CompletionMap()

        init(era: String) {
            self.era = era
        }

        func end(of offset: Int64) -> End? {
            if offset < watermark { return .finished }
            return done.contains(offset) ? .completed : nil
        }

        /// - Parameter offsets: in any order.
        fileprivate mutating func add(_ offsets: some Sequence<Int64>, watermark: Int64) {
            self.watermark = max(watermark, self.watermark)
            var runs = done.runs
            for offset in Set(offsets) where end(of: offset) == nil { runs.append(offset..<offset + 1) }
            runs.sort { $0.lowerBound < $1.lowerBound }
            let left = runs.map { max($0.lowerBound, self.watermark)..<max($0.upperBound, self.watermark) }
            done = CompletionMap(runs: left)
        }

        // MARK: - On the wire

        private static let version: UInt8 = 1

        /// A byte of version, `ERA;WATERMARK;`, and a ``CompletionMap`` above the watermark.
        var bytes: [UInt8] {
            [Self.version] + Array("\(era);\(watermark);".utf8) + done.encoded(above: watermark, limit: .max)
        }

        /// Nil for what is no page.
        init?(_ bytes: [UInt8]) {
            let parts = bytes.dropFirst().split(
                separator: UInt8(ascii: ";"),
                maxSplits: 2,
                omittingEmptySubsequences: false
            )
            guard bytes.first == Self.version, parts.count == 3,
                let watermark = Int64(String(decoding: parts[1], as: UTF8.self)), watermark >= 0,
                let done = CompletionMap(decoding: Array(parts[2]), above: watermark)
            else { return nil }
            era = String(decoding: parts[0], as: UTF8.self)
            self.watermark = watermark
            self.done = done
        }
    }

    /// Of the keys in the state topic; the topic's name follows.
    static let prefix = "outputs/"

    private(set) var pages: [String: Page] = [:]

    /// How the job whose record stands there has ended in the era; nil is that it has not, as far as a transaction could tell.
    func end(of place: Envelope.Origin, era: String) -> End? {
        guard let page = pages[place.topic], page.era == era else { return nil }
        return page.end(of: place.offset)
    }

    /// Jobs at these offsets of a topic are completed, and all below its watermark is finished.
    mutating func note(_ offsets: some Sequence<Int64>, of topic: String, era: String, watermark: Int64) {
        var page = pages[topic].flatMap { $0.era == era ? $0 : nil } ?? Page(era: era)
        page.add(offsets, watermark: watermark)
        pages[topic] = page
    }

    func record(of topic: String) -> StateRecord? {
        pages[topic].map { StateRecord(key: Bytes(Self.prefix + topic), value: Bytes($0.bytes)) }
    }

    /// Takes in a record of the state topic; one that is none of ours, or says nothing, changes nothing.
    mutating func take(key: Bytes?, value: Bytes?) {
        guard let key = key?.text, key.hasPrefix(Self.prefix), let value, let page = Page(value.array) else { return }
        pages[String(key.dropFirst(Self.prefix.count))] = page
    }
}
