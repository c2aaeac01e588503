import TestSupport
import Testing

@testable import Kokanee

@Suite("The circuit")
struct CircuitTests {
    private let start = ContinuousClock.now
    private var policy: CircuitPolicy {
        var policy = CircuitPolicy()
        policy.minimumJobs = 10
        policy.probes = 4
        policy.pause = .seconds(30)
        policy.longestPause = .seconds(100)
        return policy
    }

    private func after(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    /// A circuit that has just opened at its start.
    private func opened() -> Circuit {
        var circuit = Circuit(policy, now: start)
        for _ in 0..<10 { _ = circuit.note(.died, now: start) }
        return circuit
    }

    /// What becomes of as many probes as there are outcomes, all of them started before the first ends.
    private func probe(_ circuit: inout Circuit, _ outcomes: Circuit.Outcome..., at now: ContinuousClock.Instant)
        -> Circuit.Transition?
    {
        for _ in outcomes { circuit.probeStarted() }
        var last: Circuit.Transition?
        for outcome in outcomes { last = circuit.probeEnded(outcome, now: now) ?? last }
        return last
    }

    @Test("it opens at the share of dead letters, and not before enough jobs have ended")
    func opens() {
        var circuit = Circuit(policy, now: start)
        for _ in 0..<9 { #expect(circuit.note(.died, now: start) == nil) }
        #expect(circuit.allowance == nil)
        #expect(circuit.note(.died, now: start) == .opened(dead: 10, ended: 10, pause: .seconds(30)))
        #expect(circuit.allowance == 0)

        circuit = Circuit(policy, now: start)
        for _ in 0..<10 { #expect(circuit.note(.succeeded, now: start) == nil) }
        for _ in 0..<9 { #expect(circuit.note(.died, now: start) == nil) }
        #expect(circuit.note(.died, now: start) == .opened(dead: 10, ended: 20, pause: .seconds(30)))
    }

    @Test(
        "with fewer deaths than its headroom it stays closed, whatever succeeds meanwhile",
        arguments: 0..<300 as Range<UInt64>
    )
    func headroom(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var policy = policy
        policy.deadShare = [0.05, 0.1, 0.5, 0.9, 1].randomElement(using: &random)!
        var circuit = Circuit(policy, now: start)
        for _ in 0..<Int.random(in: 0...30, using: &random) {
            _ = circuit.note(Int.random(in: 0..<4, using: &random) == 0 ? .died : .succeeded, now: start)
        }
        guard circuit.phase == .closed else { return }
        let deaths = (0...policy.minimumJobs).compactMap { successes -> Int? in
            var circuit = circuit
            for _ in 0..<successes { _ = circuit.note(.succeeded, now: start) }
            return (1...1000).first { _ in circuit.note(.died, now: start) != nil }
        }
        #expect(circuit.headroom == deaths.min() ?? .max)
    }

    @Test("attempts that go on the ladder, and those taken away, are no ended jobs")
    func retries() {
        var circuit = Circuit(policy, now: start)
        for _ in 0..<1000 {
            #expect(circuit.note(.retried, now: start) == nil)
            #expect(circuit.note(.undecided, now: start) == nil)
        }
        for _ in 0..<9 { #expect(circuit.note(.died, now: start) == nil) }
        #expect(circuit.note(.died, now: start) != nil)
    }

    @Test("what ended before the window is forgotten, a part at a time")
    func window() {
        var circuit = Circuit(policy, now: start)
        for second in 0..<9 { #expect(circuit.note(.died, now: after(Double(second) * 5)) == nil) }
        // The first has left the window when the tenth comes, and so on.
        for second in 12..<30 { #expect(circuit.note(.died, now: after(Double(second) * 7)) == nil) }
        // A quiet hour, and a new burst.
        for _ in 0..<9 { #expect(circuit.note(.died, now: after(4000)) == nil) }
        #expect(circuit.note(.died, now: after(4001)) != nil)
    }

    @Test("after its pause it lets a few jobs start, and closes when they succeed")
    func closes() {
        var circuit = opened()
        #expect(circuit.tick(now: after(29)) == nil)
        #expect(circuit.tick(now: after(30)) == .probing)
        #expect(circuit.allowance == 4)
        #expect(probe(&circuit, .succeeded, .succeeded, .retried, at: after(31)) == nil)
        #expect(circuit.allowance == 1)
        #expect(probe(&circuit, .succeeded, at: after(31)) == .closed)
        #expect(circuit.allowance == nil)
        // What died before does not count any more.
        #expect(circuit.note(.died, now: after(31)) == nil)
    }

    @Test("a probe that goes on for hours is not waited for where the others have decided")
    func slowProbe() {
        var circuit = opened()
        _ = circuit.tick(now: after(30))
        for _ in 0..<4 { circuit.probeStarted() }
        let transitions = (0..<3).map { _ in circuit.probeEnded(.succeeded, now: after(31)) }
        #expect(transitions == [nil, nil, .closed])
        #expect(circuit.probeEnded(.died, now: after(4000)) == nil && circuit.allowance == nil)
    }

    @Test("it opens again for longer each time that the probes fail, whether they die or go on the ladder")
    func reopens() {
        var circuit = opened()
        var now = 30.0
        for pause in [60.0, 100, 100] {
            #expect(circuit.tick(now: after(now)) == .probing)
            let transition = probe(&circuit, .retried, .died, at: after(now))
            #expect(transition == .reopened(failed: 2, ended: 2, pause: .seconds(pause)))
            #expect(circuit.allowance == 0)
            now += pause
        }
        #expect(circuit.tick(now: after(now)) == .probing)
        #expect(probe(&circuit, .succeeded, .succeeded, .succeeded, .succeeded, at: after(now)) == .closed)
        for _ in 0..<10 { _ = circuit.note(.died, now: after(now)) }
        #expect(circuit.phase == .open(until: after(now + 30)), "the pause is short again")
    }

    @Test("a probe that is taken away is replaced by another")
    func undecided() {
        var circuit = opened()
        _ = circuit.tick(now: after(30))
        #expect(probe(&circuit, .undecided, .succeeded, .succeeded, .retried, at: after(30)) == nil)
        #expect(circuit.allowance == 1)
        #expect(probe(&circuit, .succeeded, at: after(30)) == .closed)
    }

    @Test("jobs that started before it opened change nothing while it is open")
    func lateEnds() {
        var circuit = opened()
        #expect(circuit.note(.died, now: after(1)) == nil)
        #expect(circuit.phase == .open(until: after(30)))
        _ = circuit.tick(now: after(30))
        #expect(circuit.note(.died, now: after(30)) == nil)
        #expect(circuit.allowance == 4)
    }
}
