internal import RdKafka
internal import Synchronization

/// Counts the dead letters on which nobody has given a verdict.
struct DeadLetterCount {
    private let configuration: ClientConfiguration

    init(_ configuration: ClientConfiguration) {
        self.configuration = configuration
    }

    /// - Parameters:
    ///   - letters: the offsets that the dead-letter topic has, by partition.
    ///   - state: the offsets that the state topic has; it is read whole where there are letters.
    func count(letters: [Int32: Range<Int64>], state: [TopicPartition: Range<Int64>]) async throws -> Int64 {
        let all = letters.values.reduce(0) { $0 + Int64($1.count) }
        guard all > 0, state.values.contains(where: { !$0.isEmpty }) else { return all }
        let verdicts = Verdicts(letters: letters)
        try await TopicReader.read(state, configuration: configuration) { record in
            verdicts.take(record)
            return true
        }
        return all - verdicts.count
    }

    /// The letters that have a verdict. A letter's verdicts are all in one partition of the state topic, in order.
    final class Verdicts: Sendable {
        private static let prefix = Array("dlq/".utf8)

        private let letters: [Int32: Range<Int64>]
        private let given = Mutex<[Int32: Set<Int64>]>([:])

        init(letters: [Int32: Range<Int64>]) {
            self.letters = letters
        }

        var count: Int64 { given.withLock { $0.values.reduce(0) { $0 + Int64($1.count) } } }

        func take(_ record: Record) {
            guard let key = record.key else { return }
            key.withUnsafeBytes { take(key: $0, isGiven: record.value != nil) }
        }

        /// - Parameters:
        ///   - key: a state record's: `dlq/PARTITION/OFFSET` is a verdict's.
        ///   - isGiven: false for a tombstone, which takes the verdict back.
        func take(key: UnsafeRawBufferPointer, isGiven: Bool) {
            guard key.starts(with: Self.prefix) else { return }
            let numbers = key.dropFirst(Self.prefix.count).split(
                separator: UInt8(ascii: "/"),
                maxSplits: 2,
                omittingEmptySubsequences: false
            )
            guard numbers.count == 2,
                let number = DecimalText.parse(UnsafeRawBufferPointer(rebasing: numbers[0])),
                let partition = Int32(exactly: number),
                let offset = DecimalText.parse(UnsafeRawBufferPointer(rebasing: numbers[1])),
                letters[partition]?.contains(offset) == true
            else { return }
            given.withLock { given in
                if isGiven {
                    given[partition, default: []].insert(offset)
                } else {
                    given[partition]?.remove(offset)
                }
            }
        }
    }
}
