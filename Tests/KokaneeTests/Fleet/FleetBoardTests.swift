import Testing

@testable import Kokanee

@Suite("FleetBoard")
struct FleetBoardTests {
    private let queue = try! Queue("mail")

    private func change(_ key: String, _ value: String?, isFromBefore: Bool = false) -> ControlFollower.Change {
        let entry = value.map { ControlTopic.Entry(key: key, value: Array($0.utf8), timestamp: 0) }
        return .init(key: key, entry: entry, isFromBefore: isFromBefore)
    }

    private func paused(_ state: String = "paused") -> String { #"{"state":"\#(state)","by":"ann@ops","at":7}"# }

    @Test("a queue is paused, drained and resumed by the newest word on it")
    func pauses() {
        let board = FleetBoard(queue: queue)
        #expect(board.take(change("pause/mail", paused())) == .pause)
        #expect(board.pause?.mode == .paused && board.pause?.by == "ann@ops" && board.pause?.at == 7)
        _ = board.take(change("pause/mail", paused("draining")))
        #expect(board.pause?.mode == .draining)
        _ = board.take(change("pause/mail", paused("resumed")))
        #expect(board.pause == nil)
        _ = board.take(change("pause/mail", paused()))
        _ = board.take(change("pause/mail", nil))
        #expect(board.pause == nil)
    }

    @Test("a type is paused by itself, whatever characters it has")
    func types() {
        let board = FleetBoard(queue: queue)
        _ = board.take(change("pause/mail/com.example/letter", paused()))
        #expect(board.pausedTypes.keys.sorted() == ["com.example/letter"])
        #expect(board.pause == nil)
        _ = board.take(change("pause/mail/com.example/letter", nil))
        #expect(board.pausedTypes.isEmpty)
    }

    @Test("the orders of a queue whose name begins with this one's are not its own")
    func others() {
        let board = FleetBoard(queue: queue)
        #expect(board.take(change("pause/mail2", paused())) == nil)
        #expect(board.take(change("cancel/mail2/a", #"{"by":"x","at":1,"expiresAt":9}"#)) == nil)
        #expect(board.pause == nil && !board.hasCancellations)
    }

    @Test("a cancellation counts until it expires, and is forgotten then")
    func expiry() {
        let board = FleetBoard(queue: queue)
        _ = board.take(change("cancel/mail/a/b", #"{"by":"x","at":1,"expiresAt":9}"#))
        #expect(board.cancellation(of: "a/b", now: 8)?.by == "x")
        #expect(board.cancellation(of: "a/b", now: 9) == nil)
        #expect(board.cancellation(of: "a", now: 8) == nil)
        #expect(!board.forgetExpired(now: 8))
        #expect(board.forgetExpired(now: 9))
        #expect(!board.hasCancellations)
    }

    @Test(
        "what can't be read counts as no order, and takes the one before away",
        arguments: ["", "x", "[]", "{}", #"{"state":"stopped","at":1}"#, #"{"state":"paused"}"#, "{\"at\":1}", "\u{0}"]
    )
    func garbage(value: String) {
        let board = FleetBoard(queue: queue)
        _ = board.take(change("pause/mail", paused()))
        _ = board.take(change("pause/mail/t", paused()))
        _ = board.take(change("cancel/mail/a", #"{"by":"x","at":1,"expiresAt":9}"#))
        for key in ["pause/mail", "pause/mail/t", "cancel/mail/a"] {
            #expect(board.take(change(key, value)) == .unreadable)
        }
        #expect(board.pause == nil && board.pausedTypes.isEmpty && !board.hasCancellations)
    }

    @Test("times that nobody could mean are none that can't be calculated with", arguments: [Int64.max, .min])
    func times(at: Int64) throws {
        func entry(_ key: String, _ value: String) -> ControlTopic.Entry {
            ControlTopic.Entry(key: key, value: Array(value.utf8), timestamp: 0)
        }
        let entries = [
            entry("pause/mail", #"{"state":"paused","by":"x","at":\#(at)}"#),
            entry("cancel/mail/a", #"{"by":"x","at":\#(at),"expiresAt":\#(at)}"#),
        ]
        let orders = QueueOrders(entries, queue: "mail", now: Timestamp.now)
        #expect(orders.pause?.at == (at > 0 ? Timestamp.latest : 0))
        #expect(orders.cancellations.count == (at > 0 ? 1 : 0))
        let report = """
            {"at":\(at),"queue":"mail","group":"g","name":"a","started":\(at),\
            "hold":{"at":\(at),"running":\(at),"left":\(at),"waits":[{"why":"key","jobs":\(at)}]}}
            """
        let worker = ReportedWorker(report: try #require(WorkerReport(json: Array(report.utf8))), age: 0)
        let pause = try #require(orders.pause)
        let progress = DrainProgress(of: pause, reports: [worker, worker], members: nil)
        #expect(progress.isDone == (at < 0))
    }

    @Test("a word of an operator is fit for a terminal, and short")
    func words() {
        let board = FleetBoard(queue: queue)
        let long = String(repeating: "x", count: 100_000)
        _ = board.take(change("pause/mail", #"{"state":"paused","by":"\u001b[2J","at":1,"reason":"\#(long)"}"#))
        #expect(board.pause?.by.contains("\u{1B}") == false)
        #expect((board.pause?.reason?.utf8.count ?? 0) <= 500)
    }

    @Test("jobs that begin while they are cancelled are looked for during a second, and expired ones once a minute")
    func duties() {
        let board = FleetBoard(queue: queue)
        let start = ContinuousClock.now
        #expect(board.duty(at: start) == .none)
        _ = board.take(change("cancel/mail/a", #"{"by":"x","at":1,"expiresAt":9}"#))
        board.noteCancellation(at: start)
        var looks = 0
        for step in 1...200 where board.duty(at: start + .milliseconds(step * 10)) == .look { looks += 1 }
        #expect((10...30).contains(looks))
        #expect(board.duty(at: start + .seconds(70)) == .forget)
        #expect(board.duty(at: start + .seconds(71)) == .none)
    }
}
