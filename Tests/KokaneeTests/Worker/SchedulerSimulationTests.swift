import Testing

@testable import Kokanee

@Suite("The scheduler through thousands of histories")
struct SchedulerSimulationTests {
    @Test(
        """
        through rebalances, crashes, lost partitions, failing hops and commits: nothing is committed that is not \
        finished, what is committed never runs again, a key's jobs run in order and one at a time, bounds hold, and \
        in the end all is done
        """,
        arguments: 0..<8
    )
    func histories(part: UInt64) {
        for seed in part * 250..<part * 250 + 250 {
            let options = SchedulerSimulation.Options(skipsOffsets: seed % 2 == 0, isCalm: seed % 4 == 1)
            var simulation = SchedulerSimulation(seed: seed, options: options)
            do {
                try simulation.run(steps: options.isCalm ? 1500 : 300)
            } catch {
                Issue.record("seed \(seed): \(error)")
                // One history to look at is enough.
                return
            }
        }
    }
}
