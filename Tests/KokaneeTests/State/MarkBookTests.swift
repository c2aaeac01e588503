import RdKafka
import Testing

@testable import Kokanee

@Suite("The book of marks")
struct MarkBookTests {
    private static let key = KeyDigest(Bytes("mark/a"))
    private static let first = ticket(1)
    private static let second = ticket(2)

    private static func ticket(_ number: Int) -> Engine.Ticket { Engine.Ticket(place: number, stamp: UInt64(number)) }

    private static func claim(_ number: Int) -> MarkBook.Claim {
        MarkBook.Claim(key: key, ticket: ticket(number), identity: UInt64(number))
    }

    private static func done(by number: UInt64, until: Int64) -> MarkBook.Mark {
        MarkBook.Mark(kind: .done, until: until, of: number)
    }

    @Test("a key in hand is waited for, and given to the next once it is free")
    func claims() {
        var book = MarkBook()
        #expect(book.claim(Self.claim(1), now: 0) == .run)
        #expect(book.claim(Self.claim(1), now: 0) == .run)
        #expect(book.claim(Self.claim(2), now: 0) == .wait(for: Self.first))
        book.release(Self.key, Self.second)
        #expect(book.claim(Self.claim(2), now: 0) == .wait(for: Self.first))
        book.release(Self.key, Self.first)
        #expect(book.claim(Self.claim(2), now: 0) == .run)
    }

    @Test("a key that is done is done for all, its own job too, until its window ends")
    func window() {
        var book = MarkBook()
        book.set(Self.done(by: 1, until: 100), for: Self.key)
        #expect(book.claim(Self.claim(2), now: 99) == .skip(isOwn: false))
        #expect(book.claim(Self.claim(1), now: 99) == .skip(isOwn: true))
        #expect(book.claim(Self.claim(2), now: 100) == .run)
        #expect(book.claim(Self.claim(1), now: 100) == .wait(for: Self.second))
    }

    @Test("a job that a replay sent back minds no mark of its own from before the replay, but the one that it makes")
    func sentBackByReplay() {
        var book = MarkBook()
        var claim = Self.claim(1)
        claim.replayedSince = 50
        func set(by number: UInt64, at: Int64) {
            book.set(.init(kind: .done, until: 100, of: number, at: at), for: Self.key)
        }
        set(by: 2, at: 49)
        #expect(book.claim(claim, now: 60) == .skip(isOwn: false))
        set(by: 1, at: 50)
        #expect(book.claim(claim, now: 60) == .skip(isOwn: true))
        set(by: 1, at: 49)
        #expect(book.claim(Self.claim(1), now: 60) == .skip(isOwn: true))
        #expect(book.claim(claim, now: 60) == .run)
        // This worker's clock is behind that of whoever began the replay.
        let mark = book.settle(claim, after: .complete, now: 40, until: 140)
        #expect(mark == .init(kind: .done, until: 140, of: 1, at: 50))
        #expect(book.claim(claim, now: 60) == .skip(isOwn: true))
        #expect(book.settle(claim, after: .skip(isOwn: true), now: 70, until: 170) == mark)
    }

    @Test("what has expired is forgotten, and nothing else")
    func expiry() {
        var book = MarkBook()
        book.set(Self.done(by: 1, until: 100), for: Self.key)
        book.set(Self.done(by: 1, until: 200), for: KeyDigest(Bytes("mark/b")))
        #expect(book.expire(now: 100) == 1)
        #expect(book.count == 1 && book.isFree(Self.key, now: 0))
        #expect(!book.isFree(KeyDigest(Bytes("mark/b")), now: 100))
    }

    // MARK: - Unique jobs

    private static func candidate(
        _ identity: UInt64,
        at offset: Int64?,
        until: Uniqueness.Until.Kind = .done,
        ends: Int64 = 1000,
        isCommitted: Bool = false
    ) -> MarkBook.Candidate {
        MarkBook.Candidate(
            key: key,
            identity: identity,
            until: until,
            ends: ends,
            offset: offset,
            isCommitted: isCommitted
        )
    }

    @Test("until done: others are skipped while the first runs, waits for its next attempt, or has just been done")
    func untilDone() {
        var book = MarkBook()
        let first = Self.candidate(1, at: 10)
        #expect(book.stand(first, seen: 10, now: 0) == .run)
        #expect(book.stand(Self.candidate(2, at: 11), seen: 11, now: 0) == .skip(isOwn: false))
        #expect(book.pause(first) == .write(.init(kind: .held, until: 1000, of: 1)))
        #expect(book.stand(Self.candidate(3, at: 12), seen: 12, now: 0) == .skip(isOwn: false))
        #expect(book.stand(Self.candidate(1, at: 10, isCommitted: true), seen: 12, now: 0) == .run)
        let mark = MarkBook.Mark(kind: .passed(upTo: 14), until: 1000, of: 1)
        #expect(book.settle(first, isDone: true, seen: 14) == .write(mark))
        // It was taken in while the first ran, and its turn comes now.
        #expect(book.stand(Self.candidate(4, at: 14), seen: 14, now: 0) == .skip(isOwn: false))
        #expect(book.stand(Self.candidate(5, at: 15), seen: 15, now: 0) == .run)
    }

    @Test("until done: where the first dies or is discarded the next one runs")
    func diesBeforeItIsDone() {
        var book = MarkBook()
        let first = Self.candidate(1, at: 10)
        #expect(book.stand(first, seen: 10, now: 0) == .run)
        #expect(book.settle(first, isDone: false, seen: 12) == .remove)
        #expect(book.stand(Self.candidate(2, at: 11), seen: 12, now: 0) == .run)
    }

    @Test("until start: what was taken in before the first started is skipped, and what came later runs")
    func untilStart() {
        var book = MarkBook()
        let first = Self.candidate(1, at: 10, until: .start)
        #expect(book.stand(first, seen: 12, now: 0) == .run)
        #expect(book.stand(Self.candidate(2, at: 12, until: .start), seen: 13, now: 0) == .skip(isOwn: false))
        #expect(book.stand(Self.candidate(3, at: 13, until: .start), seen: 13, now: 0) == .run)
        // The third stands for the key now; the first goes on all the same, and does not take that from it.
        #expect(book.stand(Self.candidate(1, at: 10, until: .start, isCommitted: true), seen: 20, now: 0) == .run)
        #expect(book.settle(first, isDone: true, seen: 20) == .nothing)
        #expect(book[Self.key] == .init(kind: .passed(upTo: 13), until: 1000, of: 3))
    }

    @Test("until start: one that does not come to its start after all is no reason to skip others")
    func withdrawn() {
        var book = MarkBook()
        let first = Self.candidate(1, at: 10, until: .start)
        #expect(book.stand(first, seen: 12, now: 0) == .run)
        book.withdraw(Self.candidate(2, at: 11, until: .start))
        #expect(book.stand(Self.candidate(3, at: 12, until: .start), seen: 12, now: 0) == .skip(isOwn: false))
        // It had started before.
        book.withdraw(Self.candidate(1, at: 10, until: .start, isCommitted: true))
        #expect(book.stand(Self.candidate(3, at: 12, until: .start), seen: 12, now: 0) == .skip(isOwn: false))
        book.withdraw(first)
        let mark = MarkBook.Mark(kind: .passed(upTo: -1), until: 1000, of: 1)
        #expect(book.settle(first, isDone: false, seen: 12) == .write(mark))
        #expect(book.stand(Self.candidate(3, at: 12, until: .start), seen: 12, now: 0) == .run)
    }

    @Test("a job that started again after a crash covers no more than it did at first")
    func startsAgain() {
        var book = MarkBook()
        let first = Self.candidate(1, at: 10, until: .start)
        #expect(book.stand(first, seen: 12, now: 0) == .run)
        #expect(book.stand(first, seen: 20, now: 0) == .run)
        #expect(book.stand(Self.candidate(2, at: 13, until: .start), seen: 20, now: 0) == .run)
    }

    @Test("a job that is lost sight of holds the others back no longer than its limit")
    func limit() {
        var book = MarkBook()
        #expect(book.stand(Self.candidate(1, at: 10, ends: 100), seen: 10, now: 0) == .run)
        #expect(book.stand(Self.candidate(2, at: 11), seen: 11, now: 99) == .skip(isOwn: false))
        #expect(book.stand(Self.candidate(2, at: 11), seen: 11, now: 100) == .run)
    }

    @Test("a job that was sent back, or whose place nobody knows, is not skipped for one that is done")
    func sentBack() {
        var book = MarkBook()
        book.set(.init(kind: .passed(upTo: 50), until: 1000, of: 1), for: Self.key)
        #expect(book.stand(Self.candidate(2, at: 11, isCommitted: true), seen: 60, now: 0) == .run)
        #expect(book.stand(Self.candidate(3, at: nil), seen: 60, now: 0) == .run)
    }

    @Test("what jobs made of a partition that was away for a moment counts before what the topic has")
    func comesBack() {
        var away = MarkBook()
        #expect(away.claim(Self.claim(1), now: 0) == .run)
        away.set(Self.done(by: 1, until: 300), for: Self.key)
        var restored = MarkBook()
        restored.set(Self.done(by: 9, until: 10), for: Self.key)
        restored.set(Self.done(by: 9, until: 500), for: KeyDigest(Bytes("mark/b")))
        restored.take(over: away, now: 20)
        #expect(restored[Self.key] == Self.done(by: 1, until: 300))
        #expect(restored.count == 2)
        #expect(restored.claim(Self.claim(2), now: 300) == .wait(for: Self.first))
    }
}
