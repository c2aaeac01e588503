/// Offsets of one partition, as bitmaps of ``chunkLength`` offsets each: a kilobyte for every chunk that has any.
struct OffsetSet: Equatable, Sendable {
    /// Offsets in a chunk.
    static let chunkLength: Int64 = 8192
    static let wordsInChunk = Int(chunkLength / 64)

    /// By the chunk's number, which is its first offset divided by ``chunkLength``. None is empty.
    private(set) var chunks: [Int64: [UInt64]] = [:]

    init() {}

    init(_ offsets: some Sequence<Int64>) {
        for offset in offsets { insert(offset) }
    }

    var isEmpty: Bool { chunks.isEmpty }
    var count: Int64 {
        chunks.values.reduce(0) { sum, words in sum + words.reduce(0) { $0 + Int64($1.nonzeroBitCount) } }
    }

    func contains(_ offset: Int64) -> Bool {
        guard offset >= 0, let words = chunks[offset / Self.chunkLength] else { return false }
        let bit = Int(offset % Self.chunkLength)
        return words[bit >> 6] & (1 << UInt64(bit & 63)) != 0
    }

    /// - Parameter offset: at least 0.
    mutating func insert(_ offset: Int64) {
        precondition(offset >= 0)
        let bit = Int(offset % Self.chunkLength)
        chunks[offset / Self.chunkLength, default: Self.emptyChunk][bit >> 6] |= 1 << UInt64(bit & 63)
    }

    /// Adds the bits of a chunk.
    ///
    /// - Parameter words: ``wordsInChunk`` of them.
    mutating func formUnion(chunk number: Int64, _ words: [UInt64]) {
        guard words.contains(where: { $0 != 0 }) else { return }
        precondition(words.count == Self.wordsInChunk)
        var own = chunks[number] ?? Self.emptyChunk
        for index in own.indices { own[index] |= words[index] }
        chunks[number] = own
    }

    mutating func formUnion(_ other: OffsetSet) {
        for (number, words) in other.chunks { formUnion(chunk: number, words) }
    }

    mutating func subtract(_ other: OffsetSet) {
        for (number, words) in other.chunks {
            guard var own = chunks[number] else { continue }
            for index in own.indices { own[index] &= ~words[index] }
            chunks[number] = own.contains { $0 != 0 } ? own : nil
        }
    }

    mutating func formIntersection(_ other: OffsetSet) {
        for (number, words) in chunks {
            guard let others = other.chunks[number] else {
                chunks[number] = nil
                continue
            }
            let common = zip(words, others).map { $0 & $1 }
            chunks[number] = common.contains { $0 != 0 } ? common : nil
        }
    }

    func count(in range: Range<Int64>) -> Int64 {
        chunks.reduce(into: 0) { sum, chunk in
            let start = chunk.key * Self.chunkLength
            if range.lowerBound <= start, start + Self.chunkLength <= range.upperBound {
                for word in chunk.value { sum += Int64(word.nonzeroBitCount) }
            } else if start < range.upperBound, range.lowerBound < start + Self.chunkLength {
                for offset in range.clamped(to: start..<start + Self.chunkLength) where contains(offset) { sum += 1 }
            }
        }
    }

    private static let emptyChunk = [UInt64](repeating: 0, count: wordsInChunk)
}
