import Testing

@testable import Kokanee

@Suite("The decisions about jobs that are written ahead")
struct ProcessWriteAheadStateTests {
    private let now = ContinuousClock.now
    private func child(_ raw: UInt64) -> ChildID { ChildID(raw: raw) }

    /// Processes that live, child 1 in slot 0 and so on.
    private func started(_ count: Int, writeAhead: Int = 64, timeout: Duration? = nil) -> PoolState {
        var state = PoolState(count: count, now: now, writeAhead: writeAhead, timeout: timeout)
        for slot in 0..<count {
            #expect(state.next(now) == .start(slot: slot))
            state.started(slot, as: child(UInt64(slot + 1)))
        }
        return state
    }

    /// Hands out what can be handed out: tickets by children.
    private func handOut(_ state: inout PoolState, _ time: ContinuousClock.Instant) -> [ChildID: [Ticket]] {
        var handed: [ChildID: [Ticket]] = [:]
        while case .hand(let ticket, let child)? = state.next(time) { handed[child, default: []].append(ticket) }
        return handed
    }

    /// Has every process answer jobs, a microsecond each, until it has shown that it is fast.
    private func warm(_ state: inout PoolState, rounds: Int = 12) -> ContinuousClock.Instant {
        var time = now
        var next: Ticket = 1000
        for _ in 0..<rounds {
            for _ in 0..<state.demand {
                state.submit(next)
                next += 1
            }
            while case let handed = handOut(&state, time), !handed.isEmpty {
                time += .microseconds(1)
                for (child, tickets) in handed {
                    for ticket in tickets { #expect(state.answered(child) == ticket) }
                    state.paced(child, answers: tickets.count, time)
                }
            }
        }
        return time
    }

    @Test(
        "a process has one job at a time until it has shown that it answers fast, and then no more than it is to have"
    )
    func depth() {
        var state = started(1, writeAhead: 10)
        for ticket: Ticket in 1...3 { state.submit(ticket) }
        #expect(handOut(&state, now) == [child(1): [1]])
        for ticket: Ticket in 1...3 {
            #expect(state.answered(child(1)) == ticket)
            _ = handOut(&state, now)
        }
        let time = warm(&state)
        for ticket: Ticket in 1...30 { state.submit(ticket) }
        #expect(handOut(&state, time) == [child(1): Array(1...10)])
    }

    @Test("without writing ahead a process never has more than one job, however fast it is")
    func off() {
        var state = started(2, writeAhead: 1)
        let time = warm(&state)
        for ticket: Ticket in 1...30 { state.submit(ticket) }
        #expect(handOut(&state, time).values.map(\.count) == [1, 1])
        #expect(state.demand == 2)
    }

    @Test("a process without a job is served before another one gets a second")
    func idleFirst() {
        var state = started(3)
        let time = warm(&state)
        for ticket: Ticket in 1...3 { state.submit(ticket) }
        #expect(handOut(&state, time).values.map(\.count) == [1, 1, 1])
        let freed = child(2)
        #expect(state.answered(freed) != nil)
        for ticket: Ticket in 4...9 { state.submit(ticket) }
        #expect(state.next(time) == .hand(4, freed))
        #expect(handOut(&state, time).values.map(\.count).reduce(0, +) == 5)
    }

    @Test("a process that turns slow gets one job at a time again, and nothing while a job takes long")
    func slow() {
        var state = started(1)
        let time = warm(&state)
        state.submit(1)
        #expect(handOut(&state, time) == [child(1): [1]])
        for ticket: Ticket in 2...9 { state.submit(ticket) }
        #expect(handOut(&state, time + .milliseconds(3)).isEmpty)
        #expect(state.answered(child(1)) == 1)
        state.paced(child(1), answers: 1, time + .milliseconds(5))
        #expect(handOut(&state, time + .milliseconds(5)) == [child(1): [2]])
        #expect(state.demand == 1)
    }

    @Test("what is given at once fits into a pipe, unless a single job doesn't")
    func bytes() {
        var state = started(1)
        let time = warm(&state)
        for ticket: Ticket in 1...9 { state.submit(ticket, bytes: 20 << 10) }
        #expect(handOut(&state, time) == [child(1): [1, 2]])
        var other = started(1)
        let later = warm(&other)
        for ticket: Ticket in 1...2 { other.submit(ticket, bytes: 5 << 20) }
        #expect(handOut(&other, later) == [child(1): [1]])
    }

    /// A fast process that has the jobs 1 to 5, two more waiting.
    private func loaded(timeout: Duration? = nil) -> (PoolState, ContinuousClock.Instant) {
        var state = started(1, writeAhead: 5, timeout: timeout)
        let time = warm(&state)
        for ticket: Ticket in 1...7 { state.submit(ticket) }
        #expect(handOut(&state, time) == [child(1): Array(1...5)])
        return (state, time)
    }

    /// What the next process gets, one by one.
    private func drain(_ state: inout PoolState, _ time: ContinuousClock.Instant) -> [Ticket] {
        #expect(state.next(time) == .start(slot: 0))
        state.started(0, as: child(9))
        var order: [Ticket] = []
        while case .hand(let ticket, child(9))? = state.next(time) {
            order.append(ticket)
            #expect(state.answered(child(9)) == ticket)
        }
        return order
    }

    @Test("of the jobs of a lost process only that in its hands has failed; the others come next, in their order")
    func lost() {
        var (state, time) = loaded()
        #expect(state.answered(child(1)) == 1)
        let loss = state.lost(child(1), hasReadNothing: false, time)
        #expect(loss == PoolState.Loss(ticket: 2, delay: .zero, failedStarts: 0))
        #expect(drain(&state, time) == [3, 4, 5, 6, 7])
    }

    @Test("a process that broke the protocol may answer what was written ahead to it, and gets nothing more")
    func condemned() {
        var (state, time) = loaded()
        #expect(state.condemn(child(1), time) == PoolState.Loss(ticket: 1, delay: .zero, failedStarts: 0))
        #expect(state.condemn(child(1), time) == nil)
        #expect(handOut(&state, time).isEmpty)
        for ticket: Ticket in 2...5 {
            #expect(state.giveUpCondemned(time).isEmpty)
            #expect(state.answered(child(1)) == ticket)
        }
        #expect(handOut(&state, time).isEmpty)
        #expect(state.giveUpCondemned(time) == [child(1)])
        #expect(drain(&state, time) == [6, 7])
    }

    @Test("one that does not answer it is given up, and no job has failed by that")
    func condemnedAndStuck() {
        var (state, time) = loaded()
        #expect(state.condemn(child(1), time)?.ticket == 1)
        #expect(state.answered(child(1)) == 2)
        #expect(state.deadline == time + PoolState.patience)
        #expect(state.giveUpCondemned(time + PoolState.patience) == [child(1)])
        #expect(drain(&state, time + PoolState.patience) == [3, 4, 5, 6, 7])
        var (other, now) = loaded()
        #expect(other.condemn(child(1), now)?.ticket == 1)
        #expect(other.lost(child(1), hasReadNothing: false, now) == nil)
        #expect(drain(&other, now) == [2, 3, 4, 5, 6, 7])
    }

    @Test("a lost process that had not read the job in its hands has failed none")
    func unread() {
        var (state, time) = loaded()
        #expect(state.lost(child(1), hasReadNothing: true, time)?.ticket == nil)
        #expect(drain(&state, time) == [1, 2, 3, 4, 5, 6, 7])
    }

    @Test("a cancelled job that was written ahead stops its process when its turn comes, and harms no other job")
    func cancelAhead() {
        var (state, time) = loaded()
        #expect(state.cancel(3, time) == .ended)
        #expect(state.cancel(3, time) == .notHere)
        #expect(state.takeReleased().isEmpty)
        #expect(state.giveUpCancelled(time).isEmpty)
        #expect(state.answered(child(1)) == 1)
        #expect(handOut(&state, time).isEmpty)
        #expect(state.giveUpCancelled(time).isEmpty)
        #expect(state.answered(child(1)) == 2)
        #expect(state.giveUpCancelled(time) == [child(1)])
        #expect(state.takeReleased() == [3])
        #expect(drain(&state, time) == [4, 5, 6, 7])
    }

    @Test("a cancelled job that was answered before its process could be stopped stops none")
    func cancelledAnswered() {
        var (state, time) = loaded()
        #expect(state.cancel(2, time) == .ended)
        #expect(state.answered(child(1)) == 1)
        #expect(state.answered(child(1)) == 2)
        #expect(state.giveUpCancelled(time).isEmpty)
        state.paced(child(1), answers: 2, time + .microseconds(1))
        #expect(handOut(&state, time) == [child(1): [6, 7]])
    }

    @Test("a cancelled job is nobody's when its process breaks the protocol, and the next process is written ahead to")
    func cancelledCondemned() {
        var (state, time) = loaded()
        #expect(state.cancel(2, time) == .ended)
        #expect(state.answered(child(1)) == 1)
        #expect(state.condemn(child(1), time) == PoolState.Loss(ticket: nil, delay: .zero, failedStarts: 0))
        #expect(state.takeReleased() == [2])
        #expect(state.cancelled == 0)
        for ticket: Ticket in 3...5 { #expect(state.answered(child(1)) == ticket) }
        #expect(state.giveUpCondemned(time) == [child(1)])
        #expect(state.next(time) == .start(slot: 0))
        state.started(0, as: child(2))
        time = warm(&state)
        for ticket: Ticket in 1...5 { state.submit(ticket) }
        #expect(handOut(&state, time) == [child(2): Array(1...5)])
    }

    @Test("nothing is told of a job that was cancelled before its turn, and of the one behind it there is")
    func cancelledListener() {
        var (state, time) = loaded()
        state.greeted(child(1), canCancel: true)
        #expect(state.cancel(2, time) == .ended)
        #expect(state.answered(child(1)) == 1)
        #expect(state.listener(of: 2) == nil)
        #expect(state.answered(child(1)) == 2)
        #expect(state.listener(of: 3) == child(1))
    }

    @Test("cancelling the job in hand stops the process, and those behind it go to the next")
    func cancelInHand() {
        var (state, time) = loaded()
        #expect(state.cancel(4, time) == .ended)
        #expect(state.cancel(1, time) == .stop(child(1)))
        #expect(Set(state.takeReleased()) == [1, 4])
        #expect(drain(&state, time) == [2, 3, 5, 6, 7])
    }

    @Test("a job's time begins when the one before it is answered, not when it is written")
    func timeout() {
        var (state, time) = loaded(timeout: .seconds(10))
        #expect(state.deadline == time + .seconds(10))
        #expect(state.overrun(time + .seconds(9)).isEmpty)
        #expect(state.answered(child(1)) == 1)
        state.paced(child(1), answers: 1, time + .seconds(9))
        #expect(state.deadline == time + .seconds(19))
        #expect(state.overrun(time + .seconds(18)).isEmpty)
        #expect(state.overrun(time + .seconds(19)).map(\.child) == [child(1)])
        #expect(state.lost(child(1), hasReadNothing: false, time)?.ticket == 2)
        #expect(state.deadline == time)
    }

    @Test("processes that write something between jobs get one at a time")
    func unasked() {
        var greeting = started(1)
        greeting.spokeUnasked(child(1))
        var time = warm(&greeting)
        for ticket: Ticket in 1...3 { greeting.submit(ticket) }
        #expect(handOut(&greeting, time) == [child(1): [1, 2, 3]])

        var state = started(1)
        time = warm(&state)
        state.spokeUnasked(child(1))
        time = warm(&state)
        for ticket: Ticket in 1...3 { state.submit(ticket) }
        #expect(handOut(&state, time) == [child(1): [1]])
        #expect(state.demand == 1)
    }

    @Test("a pool asks for no more jobs than it has processes, until they answer fast")
    func demand() {
        var state = started(4)
        #expect(state.demand == 4)
        _ = warm(&state)
        #expect(state.demand == 4 * 64 * 2)
        _ = state.lost(child(1), hasReadNothing: false, now)
        #expect(state.demand == 3 * 64 * 2 + 1)
    }

    @Test("a closing pool lets processes answer what they have, and what a lost one had is nobody's")
    func closing() {
        var (state, time) = loaded()
        #expect(state.close() == [6, 7])
        #expect(state.answered(child(1)) == 1)
        #expect(state.cancel(3, time) == .ended)
        #expect(state.lost(child(1), hasReadNothing: false, time)?.ticket == 2)
        #expect(Set(state.takeUnbegun()) == [4, 5])
        #expect(state.takeReleased() == [3])
        #expect(state.next(time + .seconds(60)) == nil)
    }

    @Test("the depth is what a process answers in 2 ms, doubles at most, and a slow answer ends it")
    func pace() {
        var pace = Pace()
        let wait = Duration.milliseconds(2)
        pace.note(answers: 1, within: .seconds(3), limit: 64, wait: wait)
        #expect(pace.depth == 1)
        var depths: [Int] = []
        for _ in 0..<7 {
            pace.note(answers: pace.depth, within: .microseconds(100 * pace.depth), limit: 64, wait: wait)
            depths.append(pace.depth)
        }
        #expect(depths == [2, 4, 8, 16, 21, 21, 21])
        pace.note(answers: 1, within: .milliseconds(3), limit: 64, wait: wait)
        #expect(pace.depth == 1)
        for _ in 0..<200 { pace.note(answers: pace.depth, within: .microseconds(pace.depth), limit: 64, wait: wait) }
        #expect(pace.depth == 64)
        #expect(pace.rest(outstanding: 64) > .microseconds(25))
        #expect(pace.rest(outstanding: 1) < .microseconds(1))
    }
}
