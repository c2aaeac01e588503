import Testing

@Suite("A queue through thousands of histories")
struct SimulationTests {
    @Test(
        """
        through crashes, rebalances, silence, stuck handlers, failing hops, refused commits, wrong clocks and retention: \
        every job has its outcome, in its order and not before its time, nothing is committed that is not finished, what \
        is committed never runs again, every other repetition has its cause, each tick of a schedule is fired once, bounds \
        hold, and in the end all is quiet
        """
    )
    func histories() async throws {
        let run = SimulationRun.fromEnvironment()
        let result = await run.perform()
        for failure in result.failures { Issue.record(Comment(rawValue: failure)) }
        if run.isLong { print(result.report) }
        // What never happens is not tested; a few histories need not reach everything.
        guard result.failures.isEmpty, run.histories >= SimulationRun().histories else { return }
        let unseen = Tally.Event.allCases.filter { result.tally.count($0) == 0 }
        #expect(unseen.isEmpty, "in \(result.tally.total) histories this has not happened")
    }
}
