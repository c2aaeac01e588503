import Testing

@testable import Kokanee

@Suite("Progress")
struct ReportedProgressTests {
    @Test("it is written once a second, the first and the last of what is said")
    func pace() {
        let now = ContinuousClock.now
        var progress = ReportedProgress()
        func report(_ share: Double) -> ReportedProgress.Report { .init(share: share, note: nil) }
        #expect(progress.take(report(0.1), now: now) == .write(report(0.1)))
        #expect(progress.take(report(0.2), now: now) == .wait(until: now + .seconds(1)))
        #expect(progress.take(report(0.3), now: now) == .nothing)
        #expect(progress.due(now: now + .seconds(1)) == .write(report(0.3)))
        #expect(progress.take(report(0.3), now: now + .seconds(5)) == .nothing)
        #expect(progress.take(report(0.4), now: now + .seconds(5)) == .write(report(0.4)))
        #expect(progress.due(now: now + .seconds(6)) == .nothing)
    }
}
