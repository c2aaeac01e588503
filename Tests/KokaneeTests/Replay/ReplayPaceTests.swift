import Testing

@testable import Kokanee

@Suite("A replay's pace")
struct ReplayPaceTests {
    @Test("without a rate any number may start")
    func free() {
        var pace = ReplayPace(now: .zero)
        let allowance = pace.allowance(now: .seconds(1))
        #expect(allowance == nil && pace.untilNext == nil)
    }

    @Test(
        "over any stretch of time no more start than the rate and a tenth of a second's worth",
        arguments: [0.5, 3, 1000]
    )
    func bound(rate: Double) {
        var pace = ReplayPace(now: .zero)
        pace.set(rate, now: .zero)
        var started = 0
        for step in 0..<20_000 {
            let now = Duration.milliseconds(step)
            let allowed = pace.allowance(now: now) ?? .max
            pace.take(allowed)
            started += allowed
            #expect(Double(started) <= rate * (now / .seconds(1)) + max(1, rate / 10))
        }
        #expect(Double(started) >= rate * 19.9 - 1)
    }

    @Test("it says how long until the next may start, and changes with the rate at once")
    func change() {
        var pace = ReplayPace(now: .zero)
        pace.set(2, now: .zero)
        pace.take(pace.allowance(now: .zero) ?? 0)
        #expect(pace.untilNext == .milliseconds(500))
        pace.set(0, now: .milliseconds(1))
        let none = pace.allowance(now: .seconds(100))
        #expect(none == 0 && pace.untilNext == nil)
        pace.set(nil, now: .seconds(100))
        let any = pace.allowance(now: .seconds(100))
        #expect(any == nil)
    }

    @Test(
        "whatever the control topic asks for, it goes on",
        arguments: [-1, 0, 1e-300, Double.leastNonzeroMagnitude, 1e30, Double.greatestFiniteMagnitude, .infinity, .nan]
    )
    func garbage(rate: Double) {
        var pace = ReplayPace(now: .zero)
        pace.set(rate, now: .zero)
        let allowance = pace.allowance(now: .seconds(1)) ?? 0
        #expect(allowance >= 0)
        pace.take(allowance)
        #expect(pace.untilNext.map { $0 >= .zero } ?? true)
    }
}

@Suite("A stretch of a replay")
struct ReplayStretchTests {
    @Test("records before it are passed over, those in it considered, and the first behind it ends it")
    func verdicts() {
        var stretch = ReplayStretch(3..<6)
        let verdicts = [1, 2, 3, 5, 6, 7].map { stretch.take($0) }
        #expect(verdicts == [.pass, .pass, .consider, .consider, .over, .over])
        #expect(stretch.isOver && stretch.scanned == 2)
        let (passed, news) = (stretch.takePassed(), stretch.takePassed())
        #expect(passed == 6 && news == nil)
    }

    @Test("an empty one is over before anything is read")
    func empty() {
        var stretch = ReplayStretch(0..<0)
        #expect(stretch.isOver)
        let verdict = stretch.take(0)
        #expect(verdict == .over)
    }

    @Test("where markers stand at its end the log's end ends it, and one that lies below does not")
    func logEnd() {
        var stretch = ReplayStretch(0..<10)
        let verdict = stretch.take(4)
        #expect(verdict == .consider)
        let endsBelow = stretch.reachLogEnd(8)
        let passed = stretch.takePassed()
        #expect(!endsBelow && passed == 8 && !stretch.isOver)
        let ends = stretch.reachLogEnd(12)
        let passedAll = stretch.takePassed()
        #expect(ends && stretch.isOver && passedAll == 10)
    }
}
