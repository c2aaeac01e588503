import RdKafka
import Testing

@testable import Kokanee
@testable import kokanee

@Suite("rates between two looks")
struct QueueRatesTests {
    /// - Parameter partitions: committed offsets and ends, by number.
    static func status(
        _ partitions: [Int32: (committed: Int64?, end: Int64)],
        at time: Int64,
        queue: String = "q",
        membership: GroupMembership = .unknown
    ) throws -> QueueStatus {
        let queue = try Queue(queue)
        var snapshot = QueueSnapshot(queue: queue, takenAt: time, membership: membership)
        for (number, log) in partitions {
            snapshot.logs[TopicPartition(topic: queue.mainTopic, partition: number)] = .init(
                low: 0,
                end: log.end,
                committed: log.committed.map { CommittedOffset(offset: $0) }
            )
        }
        return snapshot.status(stalledAfter: 60_000)
    }

    private static func rates(
        _ before: [Int32: (committed: Int64?, end: Int64)],
        _ now: [Int32: (committed: Int64?, end: Int64)],
        after milliseconds: Int64 = 2000
    ) throws -> QueueRates? {
        QueueRates(from: try status(before, at: 1_000_000), to: try status(now, at: 1_000_000 + milliseconds))
    }

    @Test("jobs a second are what watermarks and ends have moved by, over all partitions")
    func rates() throws {
        let rates = try #require(try Self.rates([0: (2, 10), 1: (0, 5)], [0: (8, 10), 1: (1, 9)]))
        #expect(rates.finished == 3.5 && rates.arrived == 2)
    }

    @Test("a partition that was in one look only counts for nothing")
    func otherPartitions() throws {
        let rates = try #require(try Self.rates([0: (0, 10), 1: (0, 5)], [0: (2, 14), 2: (50, 100)]))
        #expect(rates.finished == 1 && rates.arrived == 2)
        #expect(try Self.rates([0: (0, 10)], [1: (5, 20)]) == nil)
        #expect(try Self.rates([:], [:]) == nil)
    }

    @Test("a reset backwards, a topic made anew, and a first commit make no rate, and none is negative")
    func neverNegative() throws {
        for (before, now, arrived) in [
            ((8, 10), (2, 12), 1), ((8, 10), (1, 4), 0), ((nil, 10), (7, 10), 0), ((7, 10), (nil, 12), 1),
            ((nil, 3), (nil, 5), 1),
        ] as [((Int64?, Int64), (Int64?, Int64), Double)] {
            let rates = try #require(try Self.rates([0: before], [0: now]))
            #expect(rates.finished == 0 && rates.arrived == arrived, "\(before) \(now)")
        }
    }

    @Test("without time between the looks there is no rate", arguments: [0, -5000])
    func noTime(milliseconds: Int64) throws {
        #expect(try Self.rates([0: (0, 1)], [0: (1, 9)], after: milliseconds) == nil)
    }

    @Test(
        "a rate has as many digits as people read",
        arguments: [
            (nil, "-"), (0, "0/s"), (0.04, "<0.1/s"), (0.1, "0.1/s"), (9.94, "9.9/s"), (9.97, "10/s"),
            (12.4, "12/s"), (1234.5, "1 235/s"), (.infinity, "1 000 000 000 000 000/s"),
        ] as [(Double?, String)]
    )
    func text(rate: Double?, text: String) {
        #expect(QueueRates.text(rate) == text)
    }
}

@Suite("what top has seen, in lines")
struct StatusBoardTests {
    /// 2027-01-15T08:00:00Z.
    private static let start: Int64 = 1_800_000_000_000

    private static func board(servers: String = "a:1") -> StatusBoard {
        StatusBoard(servers: servers, interval: "2s", ending: "q or Ctrl-C ends it")
    }

    private static func seen(_ queue: String, end: Int64 = 0, after: Int64 = 0) throws -> StatusBoard.Seen {
        let status = try QueueRatesTests.status([0: (0, end)], at: start + after, queue: queue)
        let text = StatusReport(status).text(showsPartitions: false)
        return .init(queue: queue, result: .success(.init(status: status, text: text)))
    }

    private static func unread(_ queue: String, _ message: String) -> StatusBoard.Seen {
        .init(queue: queue, result: .failure(Failure(message)))
    }

    private static func texts(_ board: StatusBoard) -> [String] { board.lines.map(\.text) }

    @Test("the first line tells brokers, time, interval and how it ends; then come the queues as status tells them")
    func order() throws {
        var board = Self.board()
        board.take([try Self.seen("b"), try Self.seen("a")], at: Self.start)
        let texts = Self.texts(board)
        #expect(texts[0] == "kokanee top  a:1  2027-01-15T08:00:00Z  every 2s  q or Ctrl-C ends it")
        #expect(texts[1...3] == ["", "b  group kokanee.b  circuit closed", "  finished  -  arrived -"])
        let status = try QueueRatesTests.status([0: (0, 0)], at: Self.start, queue: "b")
        let lines = StatusReport(status).text(showsPartitions: false).split(separator: "\n").dropFirst().map(
            String.init
        )
        #expect(Array(texts[4..<4 + lines.count]) == lines)
        #expect(Array(texts[(4 + lines.count)...].prefix(2)) == ["", "a  group kokanee.a  circuit closed"])
    }

    @Test("many brokers leave room for the rest of the line")
    func brokers() {
        #expect(Self.texts(Self.board(servers: "a:1,b:1"))[0].hasPrefix("kokanee top  a:1,b:1  -  every"))
        #expect(Self.texts(Self.board(servers: "a:1,b:1,c:1"))[0].hasPrefix("kokanee top  a:1 and 2 more  -"))
    }

    @Test("a queue's rates are told from its look before, whatever queues come and go")
    func rates() throws {
        var board = Self.board()
        board.take([try Self.seen("a")], at: Self.start)
        board.take([try Self.seen("b"), try Self.seen("a", end: 30, after: 2000)], at: Self.start + 2000)
        #expect(
            Self.texts(board).filter { $0.hasPrefix("  finished") } == [
                "  finished  -  arrived -", "  finished  0/s  arrived 15/s",
            ]
        )
        board.take([try Self.seen("b", end: 1, after: 4000)], at: Self.start + 4000)
        #expect(!Self.texts(board).contains { $0.hasPrefix("a ") })
    }

    @Test("a queue that can't be read hides no other, keeps what was seen of it, and says since when")
    func unreadQueue() throws {
        var board = Self.board()
        board.take([try Self.seen("a"), Self.unread("b", "no right")], at: Self.start)
        #expect(Self.texts(board).suffix(2) == ["b", "  ! can't be read since 2027-01-15T08:00:00Z: no right"])
        for seconds in [2, 4] as [Int64] {
            let others = [Self.unread("a", "gone"), try Self.seen("b", after: seconds * 1000)]
            board.take(others, at: Self.start + seconds * 1000)
        }
        let texts = Self.texts(board)
        #expect(texts[2] == "a  group kokanee.a  circuit closed")
        let since = "since 2027-01-15T08:00:02Z: gone; this is how it stood at 2027-01-15T08:00:00Z"
        #expect(texts[3] == "  ! can't be read \(since)")
        #expect(texts[4].hasPrefix("  waiting"))
        board.take([try Self.seen("a", after: 6000), try Self.seen("b", after: 6000)], at: Self.start + 6000)
        #expect(!Self.texts(board).contains { $0.contains("can't") })
    }

    @Test("a look that fails leaves the last frame, with what failed and since when at its top")
    func failedLook() throws {
        var board = Self.board()
        board.take([try Self.seen("a")], at: Self.start)
        let before = Self.texts(board)
        board.fail("no broker answers", at: Self.start + 3000)
        board.fail("it timed out", at: Self.start + 5000)
        let line = "! can't look since 2027-01-15T08:00:03Z, and goes on trying: it timed out"
        #expect(Self.texts(board) == [before[0], line] + before.dropFirst())
        #expect(board.lines[1].style == .trouble)
        // No queue at all could be read: that is no different.
        board.take([Self.unread("a", "gone")], at: Self.start + 7000)
        #expect(Self.texts(board)[1].hasSuffix("since 2027-01-15T08:00:03Z, and goes on trying: gone"))
        board.take([try Self.seen("a", after: 9000)], at: Self.start + 9000)
        #expect(Self.texts(board)[1].isEmpty)
    }

    @Test("without queues it says how to make one")
    func noQueues() {
        var board = Self.board()
        board.take([], at: Self.start)
        #expect(Self.texts(board).last == "there are no queues; create one with: kokanee topics create QUEUE")
    }

    @Test("words beside the status are shown until the next look, the last of them")
    func words() throws {
        var board = Self.board()
        board.take([try Self.seen("a")], at: Self.start, words: (1...9).map { "word \($0)" })
        #expect(Self.texts(board)[1...5] == ["! word 5", "! word 6", "! word 7", "! word 8", "! word 9"])
        board.take([try Self.seen("a")], at: Self.start)
        #expect(Self.texts(board)[1].isEmpty)
    }

    @Test("while something is drawn words are held for it, and only then")
    func heldWords() throws {
        let error = Recorder()
        let words = HeldWords(else: Console(output: Recorder().sink(), error: error.sink()))
        let context = Context(
            values: OptionValues(),
            console: Console(output: Recorder().sink(), error: error.sink(), verbosity: .verbose),
            interruption: Interruption(),
            environment: [:]
        )
        let console = words.console(context)
        console.complain("before")
        words.hold()
        console.complain("meanwhile")
        #expect(words.take() == ["meanwhile"] && words.take().isEmpty)
        console.logger().log(.debug, "of no use here")
        #expect(words.take().isEmpty)
        words.letGo()
        console.complain("after")
        #expect(error.lines == ["before", "after"])
    }
}
