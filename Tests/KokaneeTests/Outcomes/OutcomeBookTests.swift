import TestSupport
import Testing

@testable import Kokanee

@Suite("The marks that a worker makes")
struct OutcomeBookTests {
    private typealias Kind = OutcomeBook.Kind

    /// A job's mark.
    private struct Mark: Hashable {
        let kind: Kind
        let page: Int
        let offset: Int64
    }

    /// A compacted topic: of a key the last value.
    private struct Topic {
        private struct Key: Hashable {
            let partition: Int32
            let kind: Kind
            let number: Int64
            let series: String
        }

        private var values: [Key: [UInt64]] = [:]

        mutating func write(_ taken: [OutcomeBook.Taken]) {
            for chunk in taken {
                let key = Key(
                    partition: chunk.partition,
                    kind: chunk.kind,
                    number: chunk.number,
                    series: chunk.series
                )
                values[key] = chunk.words
            }
        }

        var keys: Int { values.count }

        func marks(queue: Int) -> Set<Mark> {
            var marks: Set<Mark> = []
            for (key, words) in values {
                for (index, word) in words.enumerated() {
                    var rest = word
                    while rest != 0 {
                        let bit = Int64(index * 64 + rest.trailingZeroBitCount)
                        let offset = key.number * OffsetSet.chunkLength + bit
                        marks.insert(Mark(kind: key.kind, page: queue * 2 + Int(key.partition), offset: offset))
                        rest &= rest - 1
                    }
                }
            }
            return marks
        }
    }

    @Test("in any history, what was marked before chunks were taken is written when these are", arguments: 0..<6)
    func histories(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var book = OutcomeBook(incarnation: "i", usualLimit: 20)
        // Two queues of two partitions each, whose pages come in this order.
        let pages = (0..<4).map { book.page(queue: Int32($0 / 2), partition: Int32($0 % 2)) }
        var topics = [Topic(), Topic()]
        var marked: [Set<Mark>] = [[], []]
        var dropped = 0
        for round in 0..<80 {
            for _ in 0..<Int.random(in: 0...40, using: &generator) {
                let page = Int.random(in: 0..<4, using: &generator)
                let kind = Kind.allCases.randomElement(using: &generator) ?? .completed
                // Mostly near each other, now and then far away, as from a rung.
                let start = Bool.random(using: &generator) ? 8100 : Int64.random(in: 0..<100, using: &generator) << 13
                let offset = start + .random(in: 0..<200, using: &generator)
                book.mark(kind, pages[page], offset)
                marked[page / 2].insert(Mark(kind: kind, page: page, offset: offset))
            }
            let queue = Int.random(in: 0...1, using: &generator)
            let taken = book.take(queue: Int32(queue))
            let then = round % 10 == 0 ? marked[queue] : []
            // Marks go on while the chunks are under way.
            if Bool.random(using: &generator) {
                book.mark(.completed, pages[queue * 2], 8191)
                marked[queue].insert(Mark(kind: .completed, page: queue * 2, offset: 8191))
            }
            let isWritten = Int.random(in: 0..<4, using: &generator) > 0
            if isWritten { topics[queue].write(taken) }
            book.settle(taken.map(\.index), isWritten: isWritten)
            if isWritten, book.dropped == dropped, round % 10 == 0 {
                let isWhole = topics[queue].marks(queue: queue).isSuperset(of: then)
                #expect(isWhole)
            }
            if book.dropped != dropped {
                // It could not know that the topic would take any more: what it gave up is gone.
                dropped = book.dropped
                marked = marked.enumerated().map { queue, _ in topics[queue].marks(queue: queue) }
                for queue in 0...1 {
                    let taken = book.take(queue: Int32(queue))
                    topics[queue].write(taken)
                    book.settle(taken.map(\.index), isWritten: true)
                    marked[queue].formUnion(topics[queue].marks(queue: queue))
                }
            }
            #expect(book.count <= 60)
        }
        for queue in 0...1 {
            topics[queue].write(book.take(queue: Int32(queue)))
            let isWhole = topics[queue].marks(queue: queue) == marked[queue]
            #expect(isWhole)
        }
    }

    @Test("a chunk that was forgotten and comes again never overwrites what was written of it")
    func forgotten() {
        var book = OutcomeBook(incarnation: "i", usualLimit: 8)
        let page = book.page(queue: 0, partition: 0)
        var topic = Topic()
        var marked: Set<Mark> = []
        for round in 0..<50 {
            for offset in [Int64(round), Int64(round) << 13 + 1 << 20] {
                book.mark(.failed, page, offset)
                marked.insert(Mark(kind: .failed, page: 0, offset: offset))
            }
            // Rounds in which the first chunk is left alone for long.
            for other in 0..<(round % 10 == 9 ? 6 : 0) {
                let offset = Int64(1000 + round * 20 + other) << 13
                book.mark(.failed, page, offset)
                marked.insert(Mark(kind: .failed, page: 0, offset: offset))
            }
            let taken = book.take(queue: 0)
            topic.write(taken)
            book.settle(taken.map(\.index), isWritten: true)
        }
        let isWhole = topic.marks(queue: 0) == marked
        #expect(isWhole)
        #expect(book.count <= 16 && book.dropped == 0)
    }

    @Test("what has not changed is not written again")
    func quiet() {
        var book = OutcomeBook(incarnation: "i")
        let page = book.page(queue: 0, partition: 3)
        book.mark(.completed, page, 5)
        let first = book.take(queue: 0)
        #expect(first.map(\.partition) == [3] && first.map(\.number) == [0] && first.map(\.series) == ["i.1"])
        book.settle(first.map(\.index), isWritten: true)
        #expect(book.take(queue: 0).isEmpty)
        book.mark(.completed, page, 6)
        #expect(book.take(queue: 0).map { $0.words[0] } == [0b110_0000])
    }

    @Test("where the topic takes nothing, memory is bounded, and the newest marks are kept")
    func refused() {
        var book = OutcomeBook(incarnation: "i", usualLimit: 10)
        let page = book.page(queue: 0, partition: 0)
        for number in Int64(0)..<100 {
            book.mark(.completed, page, number << 13)
            book.settle(book.take(queue: 0).map(\.index), isWritten: false)
            #expect(book.count <= 11)
        }
        #expect(book.dropped >= 89)
        #expect(book.take(queue: 0).map(\.number).max() == 99)
    }

    @Test("an offset that no record can have is not marked")
    func negative() {
        var book = OutcomeBook(incarnation: "i")
        let page = book.page(queue: 0, partition: 0)
        book.mark(.completed, page, -1)
        book.mark(.failed, page, .min)
        #expect(book.take(queue: 0).isEmpty)
    }
}
