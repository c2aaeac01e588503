import RdKafka
import Testing

@testable import Kokanee

@Suite("The state of partitions")
struct StateTableTests {
    private static let key = KeyDigest(Bytes("job/a"))

    private static func head(_ epoch: Int64, _ sequence: Int64, isOpen: Bool = true) -> JobBook.Head {
        JobBook.Head(order: .init(epoch: epoch, sequence: sequence), expiresAt: 1000, isOpen: isOpen)
    }

    private static func mark(_ of: UInt64, until: Int64 = 1000) -> MarkBook.Mark {
        MarkBook.Mark(kind: .done, until: until, of: of)
    }

    @Test("a record that a worker wrote late, behind the next owner's, is not taken for the newest")
    func lateRecord() {
        var book = JobBook()
        book.note(Self.key, Self.head(10, 5), offset: 0) { "old" }
        book.note(Self.key, Self.head(20, 1), offset: 1) { "new" }
        book.note(Self.key, Self.head(10, 6), offset: 2) { "late" }
        #expect(book[Self.key]?.value == "new" && book[Self.key]?.offset == 1)
        #expect(book.latestEpoch == 20)
    }

    @Test("checkpoints beyond the room are not kept, but where they stand")
    func room() {
        var book = JobBook(limit: 4)
        for number in 0..<3 {
            book.note(KeyDigest(Bytes("job/\(number)")), Self.head(1, 1), offset: Int64(number)) { "abcd" }
        }
        #expect(book.bytes == 4 && book.entries.count == 3)
        #expect(book[KeyDigest(Bytes("job/2"))]?.value == nil && book[KeyDigest(Bytes("job/2"))]?.offset == 2)
        book.remove(KeyDigest(Bytes("job/0")))
        #expect(book.bytes == 0)
    }

    @Test("where a dead letter's end stands is learnt from its acknowledgement, if it is to be read from there")
    func acknowledged() {
        var record = JobRecord()
        record.order = .init(epoch: 2, sequence: 3)
        record.outcome = .dead
        let dead = record.value
        record.order.sequence = 4
        let later = record.value
        let cases: [(Int, Bytes, Int64?)] = [(0, dead, 9), (1 << 20, dead, nil), (0, later, nil)]
        for (limit, value, expected) in cases {
            var book = JobBook(limit: limit)
            book.note(Self.key, Self.head(2, 3), offset: nil) { dead }
            book.stands(Self.key, value, at: 9)
            #expect(book[Self.key]?.offset == expected)
        }
    }

    @Test("where a record stands is not forgotten for an entry that does not know")
    func standing() {
        var book = JobBook()
        book.note(Self.key, Self.head(1, 1), offset: 7) { "x" }
        var other = JobBook(limit: 0)
        other.note(Self.key, Self.head(1, 1), offset: nil) { "x" }
        book.take(over: other)
        #expect(book[Self.key]?.offset == 7)
    }

    @Test("of a job that has ended nothing is kept in memory but when its record may go")
    func ended() {
        var book = JobBook()
        book.note(Self.key, Self.head(1, 1), offset: 0) { "checkpoint" }
        book.note(Self.key, Self.head(1, 2, isOpen: false), offset: 1) { "result" }
        #expect(book.bytes == 0 && book[Self.key]?.value == nil)
        #expect(book.expire(now: 999) == 0 && book.expire(now: 1000) == 1 && book.entries.isEmpty)
    }

    @Test("an epoch is later than any whose records were found, whatever the clock says")
    func epochs() {
        var table = StateTable()
        table.begin([0], now: 100)
        table.restore(Self.head(5000, 3), Self.key, in: 0, offset: 0) { "x" }
        _ = table.finishRestoring(0, now: 100)
        let order = table.update(0) { $0.nextOrder() }
        #expect(order == .init(epoch: 5001, sequence: 1))
    }

    @Test(
        "a record that somebody forged with the last epoch there can be takes nobody's down",
        arguments: [Int64.max, .min, Timestamp.latest]
    )
    func forgedEpoch(epoch: Int64) throws {
        let text = #"{"attempt":1,"at":0,"epoch":\#(epoch),"sequence":1}"#
        let head = try Array(text.utf8).withUnsafeBytes { try #require(JobBook.Head($0)) }
        var table = StateTable()
        for now in [Int64(100), 200] {
            table.begin([0], now: now)
            table.restore(head, Self.key, in: 0, offset: 0) { "x" }
            _ = table.finishRestoring(0, now: now)
            let order = try #require(table.update(0) { $0.nextOrder() })
            #expect(order > head.order && order == JobRecord.Order(readEpoch: order.epoch, sequence: order.sequence))
            table.end(keeping: true)
        }
    }

    @Test("a partition that is let go is forgotten; one that comes straight back is known as its jobs left it")
    func rebalance() {
        var table = StateTable()
        let other = KeyDigest(Bytes("mark/b"))
        table.begin([0, 1], now: 0)
        _ = table.finishRestoring(0, now: 0)
        _ = table.finishRestoring(1, now: 0)
        _ = table.update(0) { $0.books.marks.set(Self.mark(1), for: Self.key) }
        table.end(keeping: true)
        // A job of it ends meanwhile.
        _ = table.update(0) { $0.books.marks.set(Self.mark(2), for: other) }
        table.begin([0, 2], now: 1)
        #expect(table.unrestored == [0, 2])
        table.restore(Self.mark(9, until: 5), Self.key, in: 0)
        _ = table.finishRestoring(0, now: 1)
        #expect(table.partitions[0]?.books.marks[Self.key]?.of == 1)
        #expect(table.partitions[0]?.books.marks[other]?.of == 2)
        #expect(table.update(1) { $0.epoch } == nil)
        table.end(keeping: false)
        table.begin([0], now: 2)
        _ = table.finishRestoring(0, now: 2)
        #expect(table.partitions[0]?.books.marks.count == 0)
    }

    @Test("what has expired is counted at the restore, and not kept")
    func expired() {
        var table = StateTable()
        table.begin([0], now: 0)
        table.restore(Self.mark(1, until: 50), Self.key, in: 0)
        table.restore(Self.mark(1, until: 51), KeyDigest(Bytes("mark/b")), in: 0)
        #expect(table.finishRestoring(0, now: 50) == 1)
        #expect(table.partitions[0]?.books.marks.count == 1)
        #expect(table.finishRestoring(0, now: 99) == 0)
    }

    @Test("a mark that was taken away is not restored")
    func tombstone() {
        var table = StateTable()
        table.begin([0], now: 0)
        table.restore(Self.mark(1), Self.key, in: 0)
        table.restore(nil, Self.key, in: 0)
        _ = table.finishRestoring(0, now: 0)
        #expect(table.partitions[0]?.books.marks[Self.key] == nil)
    }

    @Test("a pass over what has expired begins when it is worth it, and takes a bounded number")
    func sweeps() {
        let start = ContinuousClock.now
        var book = SweepBook(most: 0)
        book.begin([0, 1])
        book.note(SweepBook.batch - 1, besides: 0, in: 0, now: start)
        book.note(5, besides: 0, in: 7, now: start)
        #expect(book.due(now: start).isEmpty)
        #expect(book.due(now: start + SweepBook.patience) == [0])
        book.note(600, besides: 20_000, in: 0, now: start)
        #expect(book.due(now: start).isEmpty, "many more would only be read")
        book.note(0, besides: 10_000, in: 0, now: start)
        #expect(book.due(now: start) == [0])
        for number in 0..<1200 {
            book.see(KeyDigest(Bytes("mark/\(number)")), in: 0, at: Int64(number), isExpired: true) {
                Bytes("mark/\(number)")
            }
        }
        // Its key was used again, further on in the log.
        book.see(KeyDigest(Bytes("mark/3")), in: 0, at: 1200, isExpired: false) { "" }
        let taken = book.take(0, now: start)
        #expect(taken.count == SweepBook.batch - 1 && !taken.contains { $0.name == "mark/3" })
        #expect(book.isOverdue && book.due(now: start) == [0], "it has left some")
        #expect(book.take(0, now: start).isEmpty)
        #expect(!book.isOverdue && book.due(now: start).isEmpty)
    }

    @Test("passes get on in a log that nobody compacts, and begin at its start again once a day")
    func sweepsOfLog() {
        struct Entry {
            let key: Int
            var isTombstone = false
        }
        let start = ContinuousClock.now
        var log = (0..<1300).map { Entry(key: $0) }
        var book = SweepBook(most: 0)
        book.begin([0])
        book.note(log.count, besides: 0, in: 0, now: start)
        var taken: [Int] = []
        func pass(at now: ContinuousClock.Instant, from beginning: Int? = nil) -> [Int] {
            let beginning = beginning ?? Int(book.start(of: 0))
            for (offset, entry) in log.enumerated().dropFirst(beginning) {
                let name = Bytes("\(entry.key)")
                book.see(KeyDigest(name), in: 0, at: Int64(offset), isExpired: !entry.isTombstone) { name }
            }
            let keys = book.take(0, now: now).compactMap { Int($0.name.text) }
            log += keys.map { Entry(key: $0, isTombstone: true) }
            return keys
        }
        for _ in 0..<3 { taken += pass(at: start) }
        #expect(taken.sorted() == Array(0..<1300), "each once")
        #expect(book.start(of: 0) == 1300 && pass(at: start, from: 0).isEmpty, "nor where all of it is read")
        // What comes to expire behind them is found; what does before them is when the next round has begun.
        log += (1300..<1400).map { Entry(key: $0) }
        log[5] = Entry(key: 2000)
        #expect(pass(at: start).sorted() == Array(1300..<1400))
        #expect(pass(at: start + .seconds(3600)).isEmpty && book.due(now: start + .seconds(3600)).isEmpty)
        #expect(book.due(now: start + SweepBook.roundLength) == [0], "though nobody has heard of it")
        var later: [Int] = []
        #expect(book.start(of: 0) == 0)
        for _ in 0..<4 { later += pass(at: start + SweepBook.roundLength) }
        #expect(later == [2000])
    }
}
