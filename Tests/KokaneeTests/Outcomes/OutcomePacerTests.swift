import Testing

@testable import Kokanee

@Suite("When marks are written, and for how long commits wait for them")
struct OutcomePacerTests {
    private let start = ContinuousClock.now

    @Test("a commit waits for marks until they are acknowledged")
    func inTime() {
        var pacer = OutcomePacer()
        #expect(pacer.mayWrite(now: start) && !pacer.isAwaited(now: start))
        pacer.sent(now: start)
        #expect(!pacer.mayWrite(now: start) && pacer.isAwaited(now: start + .milliseconds(1999)))
        let isLate = pacer.noteLateness(now: start + .milliseconds(1999))
        #expect(!isLate)
        let isNews = pacer.ended(isRefused: false, now: start + .milliseconds(1999))
        #expect(!isNews && pacer.mayWrite(now: start + .seconds(2)) && !pacer.isAwaited(now: start + .seconds(2)))
    }

    @Test("a commit does not wait for longer than the bound, which is told once until marks are in time again")
    func late() {
        var pacer = OutcomePacer()
        var now = start
        for round in 0..<3 {
            pacer.sent(now: now)
            now += .seconds(2)
            #expect(!pacer.isAwaited(now: now) && !pacer.mayWrite(now: now))
            let isLate = pacer.noteLateness(now: now)
            #expect(isLate == (round == 0))
            let isNews = pacer.ended(isRefused: false, now: now + .seconds(1))
            #expect(!isNews && pacer.mayWrite(now: now + .seconds(1)))
            now += .seconds(1)
        }
        pacer.sent(now: now)
        _ = pacer.ended(isRefused: false, now: now)
        pacer.sent(now: now)
        let isLate = pacer.noteLateness(now: now + .seconds(2))
        #expect(isLate)
    }

    @Test("after refusals marks are tried again with growing pauses, for which no commit waits, and one is told of")
    func refused() {
        var pacer = OutcomePacer()
        var now = start
        var pause = Duration.seconds(5)
        for round in 0..<12 {
            pacer.sent(now: now)
            #expect(pacer.isAwaited(now: now) == (round == 0))
            let isNews = pacer.ended(isRefused: true, now: now)
            #expect(isNews == (round == 0))
            #expect(!pacer.mayWrite(now: now + pause - .milliseconds(1)))
            now += pause
            #expect(pacer.mayWrite(now: now))
            pause = min(pause * 2, .seconds(600))
        }
        pacer.sent(now: now)
        _ = pacer.ended(isRefused: false, now: now)
        pacer.sent(now: now)
        #expect(pacer.isAwaited(now: now))
        let isNews = pacer.ended(isRefused: true, now: now)
        #expect(isNews)
    }
}
