import Testing

@testable import Kokanee

@Suite("Which processes are told of their jobs' ends")
struct ProcessWordsStateTests {
    private let now = ContinuousClock.now

    private func child(_ number: UInt64) -> ChildID { ChildID(raw: number) }

    /// A process with jobs 1 and 2, of which it has said what it can.
    private func loaded(canCancel: Bool, timeout: Duration? = nil) -> PoolState {
        var state = PoolState(count: 1, now: now, timeout: timeout, grace: .seconds(2))
        #expect(state.next(now) == .start(slot: 0))
        state.started(0, as: child(1))
        state.greeted(child(1), canCancel: canCancel)
        for ticket: Ticket in 1...2 { state.submit(ticket) }
        #expect(state.next(now) == .hand(1, child(1)))
        return state
    }

    @Test("a process that takes each line for a job is never written anything else")
    func silent() {
        var state = loaded(canCancel: false)
        #expect(state.listener(of: 1) == nil)
        #expect(state.cancel(1, now) == .stop(child(1)))
    }

    @Test("a process that heeds words is asked first, and stopped when its grace is over")
    func asked() {
        var state = loaded(canCancel: true)
        #expect(state.listener(of: 1) == child(1))
        #expect(state.listener(of: 2) == nil)
        #expect(state.cancel(1, now) == .ask(child(1)))
        #expect(state.cancel(1, now) == .notHere)
        #expect(state.listener(of: 1) == nil)
        #expect(state.deadline == now + .seconds(2))
        #expect(state.giveUpAsked(now + .seconds(1)).isEmpty)
        #expect(state.giveUpAsked(now + .seconds(2)).map(\.ticket) == [1])
        #expect(!state.isKnown(child(1)))
        #expect(state.next(now + .seconds(2)) == .start(slot: 0))
    }

    @Test("a process that answers within its grace lives on, and has its next job")
    func answered() {
        var state = loaded(canCancel: true)
        #expect(state.cancel(1, now) == .ask(child(1)))
        #expect(state.answered(child(1)) == 1)
        #expect(state.giveUpAsked(now + .seconds(9)).isEmpty)
        #expect(state.next(now) == .hand(2, child(1)))
        #expect(state.listener(of: 2) == child(1))
    }

    @Test("a job that was to end is no other process's, though its own has not read it")
    func lost() {
        var state = loaded(canCancel: true)
        #expect(state.cancel(1, now) == .ask(child(1)))
        let loss = state.lost(child(1), hasReadNothing: true, now)
        #expect(loss?.ticket == 1 && loss?.wasAsked == true)
        #expect(state.giveUpAsked(now + .seconds(9)).isEmpty)
        #expect(state.next(now + .seconds(9)) == .start(slot: 0))
        state.started(0, as: child(2))
        #expect(state.next(now + .seconds(9)) == .hand(2, child(2)))
        #expect(state.lost(child(2), hasReadNothing: true, now)?.ticket == nil, "it was not to end")
    }

    @Test("a job that was to end is not given back where its process is given up for what it wrote before")
    func condemned() {
        var state = loaded(canCancel: true)
        #expect(state.answered(child(1)) == 1)
        #expect(state.next(now) == .hand(2, child(1)))
        for _ in 0..<3 { state.paced(child(1), answers: 64, now) }
        for ticket: Ticket in 3...4 { state.submit(ticket) }
        #expect(state.next(now) == .hand(3, child(1)) && state.next(now) == .hand(4, child(1)))
        #expect(state.condemn(child(1), now)?.ticket == 2)
        #expect(state.cancel(3, now) == .ask(child(1)))
        #expect(state.giveUpCondemned(now + .seconds(1)) == [child(1)])
        #expect(state.takeOwnerless() == [3] && state.takeOwnerless().isEmpty)
        #expect(state.next(now + .seconds(1)) == .start(slot: 0))
        state.started(0, as: child(2))
        #expect(state.next(now + .seconds(1)) == .hand(4, child(2)))
    }

    @Test("what takes too long is asked to end where it can be, once")
    func overrun() {
        var state = loaded(canCancel: true, timeout: .seconds(10))
        let late = now + .seconds(10)
        #expect(state.overrun(late).map(\.isAsked) == [true])
        #expect(state.overrun(late).isEmpty)
        #expect(state.giveUpAsked(late + .seconds(2)).map(\.ticket) == [1])
        var other = loaded(canCancel: false, timeout: .seconds(10))
        #expect(other.overrun(late).map(\.isAsked) == [false])
    }

    @Test("a job that asks for longer gets it, and the next one does not")
    func extended() {
        var state = loaded(canCancel: false, timeout: .seconds(10))
        state.extend(inSlot: 0, by: .seconds(30), now + .seconds(5))
        #expect(state.deadline == now + .seconds(35))
        #expect(state.overrun(now + .seconds(34)).isEmpty)
        #expect(state.overrun(now + .seconds(35)).map(\.ticket) == [1])
        #expect(state.answered(child(1)) == 1)
        state.paced(child(1), answers: 1, now + .seconds(36))
        #expect(state.next(now + .seconds(36)) == .hand(2, child(1)))
        #expect(state.deadline == now + .seconds(46))
    }

    @Test(
        "a greeting is told from all else",
        arguments: [
            (#"{"hello":{"cancel":true}}"#, true), (#"{"hello":{}}"#, false), (#"{"id":"a","ok":true}"#, nil),
            (#"{"hello":true}"#, nil), ("hello", nil),
        ] as [(String, Bool?)]
    )
    func greeting(line: String, canCancel: Bool?) {
        #expect(Array(line.utf8).withUnsafeBytes { HandlerHello($0) }?.canCancel == canCancel)
    }
}
