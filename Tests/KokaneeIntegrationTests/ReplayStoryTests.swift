import Foundation
import TestSupport
import Testing

/// `make demo-replay`, which checks itself: that exactly the bad release's jobs are found, that a rehearsal shows no
/// regressions, that after the replay every total is right by awk's reckoning, and that no customer was written to twice.
@Suite(.alone)
struct ReplayStoryTests {
    @Test("a release with a bug is found, rehearsed, run again and proved right, while live work goes on")
    func story() async throws {
        let demo = try KokaneeProcess.binary().deletingLastPathComponent().appending(path: "kokanee-demo").path
        try #require(FileManager.default.isExecutableFile(atPath: demo), "\(demo) is built with the tests")
        let output = try await Oracle.run(demo, ["--replay"], limit: .seconds(300))
        #expect(output.contains("no regressions"))
        #expect(output.contains("All is as it should be."))
    }
}
