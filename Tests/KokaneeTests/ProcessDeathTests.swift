import Testing

@testable import Kokanee

@Suite("Processes that were ended by somebody else")
struct ProcessDeathTests {
    private struct Died: Error {}

    private let now = ContinuousClock.now

    @Test("the job has failed unless its worker stops within a moment")
    func decisions() {
        var deaths = DoubtfulDeaths()
        for ticket: Ticket in 1...3 { deaths.add(ticket, Died(), now) }
        #expect(deaths.deadline(now).map { $0 <= now + .milliseconds(100) } == true, "it is asked for soon")
        deaths.forget(3)
        #expect(deaths.decide(now, isStopping: { _ in false }).isEmpty)
        let stopped = deaths.decide(now + .milliseconds(20), isStopping: { $0 == 2 })
        #expect(stopped.map(\.ticket) == [2] && stopped[0].error is JobStop)
        #expect(deaths.decide(now + .milliseconds(900), isStopping: { _ in false }).isEmpty)
        let failed = deaths.decide(now + DoubtfulDeaths.patience, isStopping: { _ in false })
        #expect(failed.map(\.ticket) == [1] && failed[0].error is Died)
        #expect(deaths.isEmpty && deaths.deadline(now) == nil)
    }

    @Test("only what supervisors send is doubted")
    func signals() {
        #expect(DoubtfulDeaths.isDoubtful(.killed(signal: 15)) && DoubtfulDeaths.isDoubtful(.killed(signal: 2)))
        for status: Kokanee.ExitStatus in [.killed(signal: 9), .killed(signal: 11), .exited(143), .exited(0), .unknown]
        {
            #expect(!DoubtfulDeaths.isDoubtful(status))
        }
    }
}
