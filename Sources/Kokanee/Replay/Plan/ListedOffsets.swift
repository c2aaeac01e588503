public import RdKafka
internal import Synchronization

/// The selected offsets of a plan whose selection can't be told from the records alone, by partition of the queue's
/// main topic.
///
/// They stand in the replay's state topic, each partition's in the partition of the same number: under `offsets/N` the
/// bits of the N-th 8192 offsets, the lowest bit of the first byte first, and under `offsets/total`, which is written
/// last, how many there are. So a list that was not written to its end is not taken for a shorter one.
public struct ListedOffsets: Sendable, Equatable {
    private static let prefix = "offsets/"
    private static let totalKey = "offsets/total"
    private static let recordsAtOnce = 2000

    private(set) var partitions: [Int32: OffsetSet]

    init(_ partitions: [Int32: OffsetSet]) {
        self.partitions = partitions
    }

    /// Offsets of all partitions.
    public var count: Int64 { partitions.values.reduce(0) { $0 + $1.count } }

    /// Writes the lists, once.
    ///
    /// - Parameters:
    ///   - replay: the replay's own queue, whose state topic is there.
    /// - Throws: ``KafkaError``; the lists count as not written then.
    public func write(to replay: Queue, _ configuration: ClientConfiguration) async throws {
        let producer = try Producer(configuration)
        do {
            for (partition, offsets) in partitions {
                var rest = offsets.chunks.sorted { $0.key < $1.key }[...]
                while !rest.isEmpty {
                    let records = rest.prefix(Self.recordsAtOnce).map { number, words in
                        ProducerRecord(
                            topic: replay.stateTopic,
                            partition: partition,
                            key: Bytes("\(Self.prefix)\(number)"),
                            value: Bytes(Self.bytes(words))
                        )
                    }
                    rest = rest.dropFirst(Self.recordsAtOnce)
                    for result in await producer.send(records) { _ = try result.get() }
                }
                _ = try await producer.send(
                    ProducerRecord(
                        topic: replay.stateTopic,
                        partition: partition,
                        key: Bytes(Self.totalKey),
                        value: Bytes("\(offsets.count)")
                    )
                )
            }
        } catch {
            await producer.close()
            throw error
        }
        await producer.close()
    }

    /// Reads the lists of partitions.
    ///
    /// - Parameters:
    ///   - replay: the replay's own queue.
    ///   - partitions: of the plan; nil is all that the state topic has.
    /// - Throws: ``TopicError`` where a list is missing, or not whole; ``KafkaError``.
    public static func read(
        of replay: Queue,
        partitions: [Int32]? = nil,
        _ configuration: ClientConfiguration
    ) async throws -> ListedOffsets {
        let admin = try AdminClient(configuration)
        let topic = replay.stateTopic
        let places = (try await admin.metadata(topics: [topic]).partitions(of: topic) ?? []).filter {
            partitions?.contains($0.partition) ?? true
        }
        let ranges = try await admin.extents(of: places)
        let found = Mutex<[Int32: Reading]>([:])
        try await TopicReader.read(ranges, configuration: configuration) { record in
            guard let key = record.key, let value = record.value else { return true }
            found.withLock { $0[record.partition, default: Reading()].take(key, value) }
            return true
        }
        var lists: [Int32: OffsetSet] = [:]
        let readings = found.withLock { $0 }
        for partition in partitions ?? places.map(\.partition) {
            let reading = readings[partition] ?? Reading()
            guard let total = reading.total, total == reading.offsets.count else {
                if partitions == nil, reading == Reading() { continue }
                throw TopicError(
                    "the list of selected offsets of replay \(replay.replay ?? replay.name) is not whole in "
                        + "\(topic)/\(partition): \(reading.offsets.count) of "
                        + "\(reading.total.map(String.init) ?? "an unknown number") "
                        + "are there. Cancel the replay, and begin it anew"
                )
            }
            lists[partition] = reading.offsets
        }
        return ListedOffsets(lists)
    }

    /// What a partition of the state topic has; everything else that stands there is passed over.
    private struct Reading: Equatable {
        var offsets = OffsetSet()
        var total: Int64?

        mutating func take(_ key: Bytes, _ value: Bytes) {
            let key = key.text
            if key == ListedOffsets.totalKey {
                total = value.withUnsafeBytes { DecimalText.parse($0) }
            } else if key.hasPrefix(ListedOffsets.prefix),
                let number = Int64(key.dropFirst(ListedOffsets.prefix.count)),
                (0...(.max / OffsetSet.chunkLength - 1)).contains(number), let words = ListedOffsets.words(value)
            {
                offsets.formUnion(chunk: number, words)
            }
        }
    }

    private static func bytes(_ words: [UInt64]) -> [UInt8] {
        words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    }

    private static func words(_ value: Bytes) -> [UInt64]? {
        guard value.count == 8 * OffsetSet.wordsInChunk else { return nil }
        return value.withUnsafeBytes { bytes in
            (0..<OffsetSet.wordsInChunk).map {
                UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self))
            }
        }
    }
}

extension ListedOffsets {
    /// What outcomes select of the ranges.
    ///
    /// - Parameter failures: jobs that are known to have failed beside those that are marked so.
    static func resolve(
        _ selection: Selection,
        _ ranges: [Int32: Range<Int64>],
        _ outcomes: [Int32: Outcomes],
        failures: [Int32: OffsetSet]
    ) -> [Int32: OffsetSet] {
        var listed: [Int32: OffsetSet] = [:]
        for (partition, range) in ranges {
            let marked = outcomes[partition] ?? Outcomes()
            var offsets: OffsetSet
            if selection.isOnlyFailed {
                offsets = marked.failed
                if let others = failures[partition] { offsets.formUnion(others) }
                offsets.clamp(to: range)
            } else if selection.completedBy.isEmpty {
                offsets = OffsetSet(range: range)
            } else {
                offsets = marked.completed(by: selection.completedBy)
                offsets.clamp(to: range)
            }
            if selection.isOnlyFailed, !selection.completedBy.isEmpty {
                offsets.formIntersection(marked.completed(by: selection.completedBy))
            }
            if selection.skipsDone { offsets.subtract(marked.completed(excluding: selection.completedBy)) }
            listed[partition] = offsets
        }
        return listed
    }
}

extension OffsetSet {
    /// All offsets of a range.
    init(range: Range<Int64>) {
        self.init()
        var start = range.lowerBound
        while start < range.upperBound {
            let number = start / Self.chunkLength
            let first = number * Self.chunkLength
            let end = min(range.upperBound, first + Self.chunkLength)
            let words = (0..<Self.wordsInChunk).map { index in
                let word = first + Int64(index) * 64
                let bits = (max(start, word) - word)..<max(max(start, word) - word, min(end, word + 64) - word)
                return Self.mask(bits)
            }
            formUnion(chunk: number, words)
            start = end
        }
    }

    /// Takes out what is not in a range.
    mutating func clamp(to range: Range<Int64>) {
        var outside = OffsetSet()
        for number in chunks.keys {
            let chunk = number * Self.chunkLength..<(number + 1) * Self.chunkLength
            outside.formUnion(OffsetSet(range: chunk.clamped(to: 0..<range.lowerBound)))
            outside.formUnion(OffsetSet(range: chunk.clamped(to: range.upperBound..<Int64.max)))
        }
        subtract(outside)
    }

    /// - Parameter bits: of a word, or none.
    private static func mask(_ bits: Range<Int64>) -> UInt64 {
        // A shift by 64 or more is 0.
        (UInt64.max << UInt64(bits.lowerBound)) & ~(UInt64.max << UInt64(bits.upperBound))
    }
}
