/// The marks that this worker has made and may still add to, by partition of the queues' main topics, in chunks of
/// ``OffsetSet``; and which of them are to be written.
///
/// It is pure. A mark costs a few nanoseconds while its chunk is at hand, which is when it is to be written anyway.
struct OutcomeBook {
    typealias Kind = OutcomeRecord.Kind
    /// One partition of one queue.
    typealias Page = Int

    /// A chunk to be written, as it stands.
    struct Taken: Sendable {
        /// Names the chunk in ``settle(_:isWritten:)``.
        let index: Int
        let kind: Kind
        let partition: Int32
        let number: Int64
        let series: String
        let words: [UInt64]
    }

    private struct Chunk {
        let page: Page
        let kind: Kind
        let number: Int64
        /// Its number among all chunks that the book ever had: one that was forgotten and comes again is another, and is
        /// written under another key, so that it can't overwrite what it does not know.
        let series: Int
        /// It holds marks that are not written.
        var isDirty = false
        var isUnderWay = false
        /// When it became dirty last, in calls of ``take(queue:)``.
        var touched = 0
        var isFree = false
    }

    private struct Name: Hashable {
        let page: Page
        let kind: Kind
        let number: Int64
    }

    /// A dirty chunk, and where its words are.
    private struct Hand {
        var number = Int64.min
        var base = 0
    }

    private struct PageKey: Hashable {
        let queue: Int32
        let partition: Int32
    }

    /// Of an offset, to its chunk's number.
    private static let shift: Int64 = 13
    /// Chunks that are kept, unless there are so many partitions that this is few.
    static let usualLimit = 1024
    private static let chunksOfPage = 4

    /// Names the worker's run.
    private let incarnation: String
    private let usualLimit: Int
    private var pageKeys: [PageKey] = []
    private var pages: [PageKey: Page] = [:]
    /// By page and kind.
    private var hands: [Hand] = []
    private var chunks: [Chunk] = []
    private var words: [UInt64] = []
    private var places: [Name: Int] = [:]
    private var free: [Int] = []
    /// Of all queues.
    private var dirty: [Int] = []
    private var round = 0
    private var nextSeries = 1
    /// Chunks that were forgotten before they were written.
    private(set) var dropped = 0

    init(incarnation: String, usualLimit: Int = Self.usualLimit) {
        self.usualLimit = usualLimit
        precondition(1 << Self.shift == OffsetSet.chunkLength)
        self.incarnation = incarnation
    }

    /// Chunks that it holds.
    var count: Int { places.count }

    /// The most that it holds but for a moment: a kilobyte each.
    private var limit: Int { max(usualLimit, pageKeys.count * Self.chunksOfPage) }

    // MARK: - Marks

    mutating func page(queue: Int32, partition: Int32) -> Page {
        let key = PageKey(queue: queue, partition: partition)
        if let page = pages[key] { return page }
        let page = pageKeys.count
        pageKeys.append(key)
        pages[key] = page
        hands += [Hand(), Hand()]
        return page
    }

    @inline(__always)
    mutating func mark(_ kind: Kind, _ page: Page, _ offset: Int64) {
        let hand = hands[page << 1 | kind.rawValue]
        guard hand.number == offset >> Self.shift else { return markFarther(kind, page, offset) }
        let bit = Int(truncatingIfNeeded: offset & (OffsetSet.chunkLength - 1))
        words[hand.base + bit >> 6] |= 1 << UInt64(truncatingIfNeeded: bit & 63)
    }

    /// Brings the chunk of an offset to hand first.
    @inline(never)
    private mutating func markFarther(_ kind: Kind, _ page: Page, _ offset: Int64) {
        guard offset >= 0 else { return }
        let name = Name(page: page, kind: kind, number: offset / OffsetSet.chunkLength)
        let index = places[name] ?? add(name)
        setDirty(index)
        hands[page << 1 | kind.rawValue] = Hand(number: name.number, base: index * OffsetSet.wordsInChunk)
        mark(kind, page, offset)
    }

    private mutating func setDirty(_ index: Int) {
        guard !chunks[index].isDirty else { return }
        chunks[index].isDirty = true
        chunks[index].touched = round
        dirty.append(index)
    }

    private mutating func add(_ name: Name) -> Int {
        // Whoever can write to a rung can name any offsets.
        if places.count >= limit * 2 { shrink() }
        let chunk = Chunk(page: name.page, kind: name.kind, number: name.number, series: nextSeries)
        nextSeries += 1
        let index: Int
        if let last = free.popLast() {
            index = last
            chunks[index] = chunk
        } else {
            index = chunks.count
            chunks.append(chunk)
            words += repeatElement(0, count: OffsetSet.wordsInChunk)
        }
        places[name] = index
        return index
    }

    // MARK: - Writing

    /// The chunks of a queue that are to be written. Until ``settle(_:isWritten:)`` has been told of them all there is to
    /// be no other call for the queue.
    mutating func take(queue: Int32) -> [Taken] {
        round += 1
        if places.count > limit { shrink() }
        guard !dirty.isEmpty else { return [] }
        var taken: [Taken] = []
        dirty.removeAll { index in
            let chunk = chunks[index]
            let key = pageKeys[chunk.page]
            guard key.queue == queue else { return false }
            // The next mark is to find out that it has to be written again.
            hands[chunk.page << 1 | chunk.kind.rawValue] = Hand()
            chunks[index].isDirty = false
            chunks[index].isUnderWay = true
            let base = index * OffsetSet.wordsInChunk
            taken.append(
                Taken(
                    index: index,
                    kind: chunk.kind,
                    partition: key.partition,
                    number: chunk.number,
                    series: "\(incarnation).\(chunk.series)",
                    words: Array(words[base..<base + OffsetSet.wordsInChunk])
                )
            )
            return true
        }
        return taken
    }

    /// Chunks that were taken have been written, or have not, and are to be taken again.
    mutating func settle(_ indices: some Sequence<Int>, isWritten: Bool) {
        for index in indices where chunks[index].isUnderWay {
            chunks[index].isUnderWay = false
            if !isWritten { setDirty(index) }
        }
    }

    // MARK: - Memory

    /// Forgets the chunks that were not added to for longest: those that are written; and where that is not enough,
    /// because the topic takes none, those that are not.
    private mutating func shrink() {
        let goal = limit * 3 / 4
        let old = places.values.filter { !chunks[$0].isUnderWay }.sorted {
            (chunks[$0].isDirty ? 1 : 0, chunks[$0].touched, chunks[$0].series)
                < (chunks[$1].isDirty ? 1 : 0, chunks[$1].touched, chunks[$1].series)
        }
        for index in old {
            guard places.count > goal, !chunks[index].isDirty || places.count > limit else { break }
            forget(index)
        }
        dirty.removeAll { chunks[$0].isFree }
    }

    private mutating func forget(_ index: Int) {
        let chunk = chunks[index]
        if chunk.isDirty { dropped += 1 }
        places[Name(page: chunk.page, kind: chunk.kind, number: chunk.number)] = nil
        let hand = chunk.page << 1 | chunk.kind.rawValue
        if hands[hand].number == chunk.number { hands[hand] = Hand() }
        chunks[index].isFree = true
        let base = index * OffsetSet.wordsInChunk
        for word in base..<base + OffsetSet.wordsInChunk { words[word] = 0 }
        free.append(index)
    }
}
