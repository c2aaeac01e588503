import Testing

@testable import Kokanee

@Suite("The decisions of a process pool")
struct ProcessPoolStateTests {
    private let now = ContinuousClock.now
    private func child(_ raw: UInt64) -> ChildID { ChildID(raw: raw) }

    /// A pool of one process, child 1, that lives.
    private func started() -> PoolState {
        var state = PoolState(count: 1, now: now)
        #expect(state.next(now) == .start(slot: 0))
        state.started(0, as: child(1))
        return state
    }

    @Test("jobs are handed out in the order in which they came, one to a process")
    func order() {
        var state = started()
        for ticket in 1...3 { state.submit(Ticket(ticket)) }
        #expect(state.next(now) == .hand(1, child(1)))
        #expect(state.next(now) == nil)
        #expect(state.cancel(2, now) == .ended)
        #expect(state.answered(child(1)) == 1)
        #expect(state.next(now) == .hand(3, child(1)))
        #expect(state.cancel(1, now) == .notHere)
    }

    @Test("a job that may not begin is not handed out, nor is any behind it, and processes are started all the same")
    func held() {
        var state = started()
        for ticket in 1...2 { state.submit(Ticket(ticket)) }
        #expect(state.next(now, mayBegin: { $0 != 1 }) == nil)
        #expect(state.lost(child(1), hasReadNothing: true, now) != nil)
        let later = now + .seconds(1)
        #expect(state.next(later, mayBegin: { $0 != 1 }) == .start(slot: 0))
        state.started(0, as: child(2))
        #expect(state.next(later, mayBegin: { $0 != 1 }) == nil)
        #expect(state.next(later) == .hand(1, child(2)))
    }

    @Test("a job that a dead process had not read goes to the next process, first of all")
    func unread() {
        var state = started()
        state.submit(1)
        state.submit(2)
        #expect(state.next(now) == .hand(1, child(1)))
        let loss = state.lost(child(1), hasReadNothing: true, now)
        #expect(loss == PoolState.Loss(ticket: nil, delay: .milliseconds(100), failedStarts: 1))
        #expect(state.next(now) == nil)
        #expect(state.next(now + .milliseconds(100)) == .start(slot: 0))
        state.started(0, as: child(2))
        #expect(state.next(now) == .hand(1, child(2)))
    }

    @Test("delays double from 100 ms to 30 s while no process answers, and begin anew after an answer")
    func backoff() {
        var state = PoolState(count: 1, now: now)
        var time = now
        var delays: [Duration] = []
        for round in 1...12 {
            #expect(state.next(time) == .start(slot: 0))
            state.started(0, as: child(UInt64(round)))
            let loss = state.lost(child(UInt64(round)), hasReadNothing: false, time)
            #expect(loss?.failedStarts == round)
            delays.append(loss?.delay ?? .zero)
            time = state.deadline ?? time
        }
        #expect(delays.prefix(3) == [.milliseconds(100), .milliseconds(200), .milliseconds(400)])
        #expect(delays.suffix(2) == [.seconds(30), .seconds(30)])

        #expect(state.next(time) == .start(slot: 0))
        state.started(0, as: child(20))
        state.submit(1)
        #expect(state.next(time) == .hand(1, child(20)))
        #expect(state.answered(child(20)) == 1)
        let idle = state.lost(child(20), hasReadNothing: true, time)
        #expect(idle == PoolState.Loss(ticket: nil, delay: .milliseconds(100), failedStarts: 0))
    }

    @Test("the process of a cancelled job is replaced at once, and what it says later is nobody's")
    func cancelled() {
        var state = started()
        state.submit(1)
        #expect(state.next(now) == .hand(1, child(1)))
        #expect(state.cancel(1, now) == .stop(child(1)))
        #expect(state.next(now) == .start(slot: 0))
        #expect(!state.isKnown(child(1)))
        #expect(state.answered(child(1)) == nil)
        #expect(state.lost(child(1), hasReadNothing: false, now) == nil)
    }

    @Test("a closing pool starts and hands out nothing")
    func closing() {
        var state = started()
        for ticket in 1...3 { state.submit(Ticket(ticket)) }
        #expect(state.next(now) == .hand(1, child(1)))
        #expect(state.close() == [2, 3])
        #expect(state.lost(child(1), hasReadNothing: true, now)?.ticket == 1)
        #expect(state.next(now + .seconds(60)) == nil)
        #expect(state.deadline == nil)
    }

    @Test("a queue keeps its order whoever leaves it, however long it grows")
    func queue() {
        var queue = TicketQueue()
        for ticket in 0..<5000 { queue.append(Ticket(ticket)) }
        for ticket in 0..<5000 where ticket % 3 == 0 {
            let wasHere = queue.remove(Ticket(ticket))
            #expect(wasHere)
        }
        var popped: [Ticket] = []
        for _ in 0..<3000 { popped += queue.popFirst().map { [$0] } ?? [] }
        #expect(popped == (0..<4500).filter { $0 % 3 != 0 })
        #expect(queue.removeAll() == (4500..<5000).filter { $0 % 3 != 0 })
        #expect(queue.isEmpty)
    }
}

@Suite("What handler processes write")
struct ProcessMessageTests {
    @Test(
        "messages are read",
        arguments: [
            (#"{"id":"a","ok":true,"result":{"x":1}}"#, .completed(result: Array(#"{"x":1}"#.utf8))),
            (#" {"ok" : true , "id":"\u0061"} "#, .completed()),
            (#"{"id":"a","ok":false}"#, .retry(after: nil, error: "the handler gave no reason")),
            (#"{"id":"a","ok":false,"error":{"code":7},"retry":null}"#, .retry(after: nil, error: #"{"code":7}"#)),
            (#"{"id":"a","ok":false,"error":"e","retryAfter":90}"#, .retry(after: .seconds(90), error: "e")),
            (#"{"id":"a","ok":false,"error":"e","retryAfter":"PT1H"}"#, .retry(after: .seconds(3600), error: "e")),
            (#"{"id":"a","ok":false,"error":"e","retry":false,"retryAfter":"1m"}"#, .deadLetter(error: "e")),
            (#"{"id":"a","progress":1}"#, .progress(1)),
            (#"{"id":"a","progress":0.5,"note":"half"}"#, .progress(0.5, note: "half")),
            (#"{"id":"a","checkpoint":null}"#, .checkpoint(nil)),
            (#"{"id":"a","checkpoint":{"at":[3, 4]}}"#, .checkpoint(Array(#"{"at":[3, 4]}"#.utf8))),
            (#"{"id":"a","extend":"30s"}"#, .extend(.seconds(30))),
            (#"{"id":"a","extend":1.5}"#, .extend(.seconds(1.5))),
            (#"{"id":"a","stopped":true}"#, .stopped),
        ] as [(String, HandlerMessage)]
    )
    func messages(line: String, message: HandlerMessage) throws {
        #expect(try HandlerMessage(line: Array(line.utf8), id: "a") == message)
    }

    @Test(
        "a duration is what the command line takes for one",
        arguments: [
            ("500ms", 0.5), ("30s", 30), ("5m", 300), ("1.5h", 5400), ("2d", 172_800), ("PT5M", 300),
            ("P1DT2H3M4.5S", 93_784.5), ("P", nil), ("PT", nil), ("P1DT", nil), ("5", nil), ("-5s", nil), ("5 m", nil),
            ("", nil), ("99999999999d", nil),
        ] as [(String, Double?)]
    )
    func durations(text: String, seconds: Double?) {
        let line = Array(#"{"id":"a","ok":false,"error":"e","retryAfter":"\#(text)"}"#.utf8)
        let message = seconds.map { HandlerMessage.retry(after: .seconds($0), error: "e") }
        #expect((try? HandlerMessage(line: line, id: "a")) == message)
    }

    @Test(
        "what a message has wrong is told in a few words, however long it is",
        arguments: [
            #""id":"a","ok":@"#, #""id":"a","ok":false,"retry":@"#, #""id":"a","ok":false,"retryAfter":@"#,
            #""id":"a","progress":@"#, #""id":"a","extend":@"#, #""id":"a","stopped":@"#, #""id":@"#, #""else":@"#, "@",
        ]
    )
    func excerpts(members: String) throws {
        let long = "\"" + String(repeating: "é\\n", count: 300_000) + "\""
        let line = Array("{\(members)}".replacing("@", with: long).utf8)
        let failure = try #require(throws: HandlerMessage.Failure.self) { try HandlerMessage(line: line, id: "a") }
        #expect(failure.description.utf8.count < 2000)
    }

    @Test("lines are the same however the stream is cut")
    func splitting() {
        let text = Array("one\n\ntwo\r\nthree-is-long\nx".utf8)
        for size in 1...text.count {
            var splitter = LineSplitter(limit: 8, overlong: .cut)
            var lines: [String] = []
            for start in stride(from: 0, to: text.count, by: size) {
                text[start..<min(start + size, text.count)].withUnsafeBytes { bytes in
                    let isTaken = splitter.append(bytes) { lines.append(String(decoding: $0, as: UTF8.self)) }
                    #expect(isTaken)
                }
            }
            #expect(lines == ["one", "", "two", "three-is", "-long"])
            #expect(splitter.finish() == [UInt8(ascii: "x")])
        }
    }

    @Test("the tail is the last 2 KiB, whole characters, without white space around it")
    func tail() {
        var tail = Tail()
        for _ in 0..<3000 { Array("é".utf8).withUnsafeBytes { tail.append($0) } }
        Array("end\n\n".utf8).withUnsafeBytes { tail.append($0) }
        #expect(tail.text.hasSuffix("ééend"))
        #expect(tail.text.utf8.count <= Tail.limit)
        #expect(!tail.text.contains("\u{FFFD}"))
    }
}
