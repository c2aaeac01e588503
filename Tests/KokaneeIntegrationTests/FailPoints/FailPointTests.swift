import Foundation
import TestSupport
import Testing

@testable import Kokanee

/// Workers that are killed, or whose steps fail, at each of the named places between reading and commit.
@Suite(.alone)
struct FailPointTests {
    @Test(
        "killed at any place, a worker loses nothing, and no more runs again than what was not committed",
        arguments: FailPoint.allCases.filter { !FailPointResults.areOutputs($0) }
    )
    func kill(point: FailPoint) async throws {
        let results = try await FailPointResults.shared.value.kills.filter { $0.play.point == point }
        try #require(!results.isEmpty)
        for result in results {
            #expect(result.first.code == 128 + SIGKILL, "\(result.play.plan): \(result.first)")
            result.expectThatCommitsHold()
            result.expectThatCommitsAreMarked()
            result.expectThatSecondWorkerRanWhatWasLeft()
            result.expectThatAllEnded()
            result.expectThatHopsAreFew()
            expectWhatThePlaceMeans(result)
        }
    }

    @Test(
        "a step that fails a few times is made up for by the same worker",
        arguments: FailPoint.allCases.filter(\.canFail)
    )
    func failure(point: FailPoint) async throws {
        let results = try await FailPointResults.shared.value.failures.filter { $0.play.point == point }
        try #require(!results.isEmpty)
        for result in results {
            #expect(result.first.code == 0, "\(result.play.plan): \(result.first)")
            result.expectThatAllEnded()
            expectWhatTheFailureMeans(result)
            if ![.marksProducing, .marksAcknowledged].contains(result.play.point) {
                result.expectThatCommitsAreMarked()
            }
        }
    }

    @Test("one worker does what all the killed ones left, and ends")
    func second() async throws {
        let outcome = try await FailPointResults.shared.value.second
        #expect(outcome.code == 0, "\(outcome)")
    }

    @Test("a worker that stops itself goes on where it stood when it is told to")
    func stop() async throws {
        try await Stand.with(partitions: 1) { stand in
            try await stand.enqueue((0..<3).map { #"{"type":"t","id":"\#($0)","key":"k","data":{}}"# })
            let worker = try stand.startWorker(
                concurrency: 1,
                "--until-idle",
                "--json",
                environment: [FailPoints.environmentVariable: "attempt.starting=stop@2"]
            )
            try await eventually("it stops") { worker.state == "T" }
            #expect(try stand.ledger.runs().ids == ["0"])
            worker.signal(SIGCONT)
            let outcome = try await worker.outcome()
            #expect(outcome.code == 0, "\(outcome)")
            #expect(try stand.ledger.runs().ids == ["0", "1", "2"])
        }
    }

    // MARK: - What is to be

    /// Beyond what holds for all places: how far the work was, and what ran again for it.
    private func expectWhatThePlaceMeans(_ result: FailStage.Result) {
        let (passage, words) = (result.play.passage, Comment(rawValue: "\(result.play.plan), \(result.first.error)"))
        let runs = result.firstRuns.attempts
        // A commit may be of the expired job alone, where a handler takes longer to start than the worker to commit.
        let isFirst = passage == 1
        switch result.play.point {
        case .dispatcherTurn:
            #expect(!isFirst || runs.isEmpty, words)
        case .recordRead, .recordDecoded:
            let names = FailJobs.usual.prefix(passage - 1).map(\.name)
            #expect(runs.allSatisfy { names.contains($0.job) }, words)
        case .attemptStarting:
            #expect(runs == Array(FailJobs.attempts.prefix(passage - 1)), words)
            #expect(result.firstRuns.allSatisfy { $0.end != nil }, words)
        case .attemptEnded:
            #expect(runs == Array(FailJobs.attempts.prefix(passage)), words)
            #expect(result.firstRuns.allSatisfy { $0.end != nil }, words)
            #expect(runs.last.map(result.secondRuns.attempts.contains) == true, words)
        case .hopProducing:
            #expect(result.hops(in: result.before) <= passage - 1, words)
        case .hopProduced:
            #expect(result.hops(in: result.before) <= passage, words)
        case .hopAcknowledged:
            // The record is there, and the one that it comes from is read again: it hops twice.
            #expect(result.hops(in: result.before) >= passage, words)
            #expect(result.hops(in: result.after) > result.hops(in: result.before) && result.hopsAgain > 0, words)
        case .jobFinished:
            #expect(result.uncovered(in: result.before).contains { runs.contains($0) || $0.job == "expired" }, words)
        case .marksProducing, .marksProduced, .marksAcknowledged:
            // The commit that they are for was not sent; one of the expired job alone, which leaves no mark, may have been.
            #expect(result.hasCommitted || isFirst, words)
            let marked = FailJobs.usual.map(\.name).filter { $0 != "expired" }
            #expect(!isFirst || Set(result.uncovered(in: result.before).map(\.job)).isSuperset(of: marked), words)
            #expect(!runs.isEmpty || isFirst, words)
        case .commitSending, .commitSent:
            // The one before has been taken.
            if result.play.point == .commitSending || passage > 1 {
                #expect(result.hasCommitted == (passage > 1), words)
            }
            #expect(!runs.isEmpty || isFirst, words)
        case .commitAcknowledged:
            #expect(result.hasCommitted, words)
        case .partitionsAssigning, .partitionsAssigned:
            #expect(runs.isEmpty && !result.hasCommitted, words)
        case .partitionsRevoked, .partitionsLost:
            #expect(result.firstRuns.last { $0.start.id.hasSuffix("/long") }.map { $0.end == nil } == true, words)
            #expect(result.secondRuns.attempts == [.init("long")], words)
        case .partitionsDrained:
            // Stopped, it has waited for the job, and was killed before it could say so. A rebalance waits less long.
            #expect((result.ended.contains(.init("long"))) == (result.play.course == .isStopped), words)
            #expect(result.secondRuns.attempts == [.init("long")], words)
        case .groupLeaving:
            #expect(result.ended.contains(.init("long")), words)
            #expect(result.secondRuns.isEmpty, words)
        case .outputsCommitting, .outputsProduced, .outputsCommitted:
            Issue.record("\(result.play.plan): these jobs produce nothing")
        }
    }

    private func expectWhatTheFailureMeans(_ result: FailStage.Result) {
        let words = Comment(rawValue: "\(result.play.plan), \(result.first.error)")
        let runs = result.firstRuns.attempts.counted
        let usual = FailJobs.attempts.counted
        switch result.play.point {
        case .hopProducing, .marksProducing, .marksAcknowledged, .commitSending, .commitAcknowledged,
            .partitionsAssigning:
            #expect(runs == usual, words)
            #expect(result.hops(in: result.after) == 4, words)
        case .attemptStarting:
            // The first two attempts fail without their handler's being called.
            var expected = usual
            expected[.init("completes")] = nil
            expected[.init("completes", 2)] = 1
            expected[.init("flaky")] = nil
            #expect(runs == expected, words)
            #expect(result.hops(in: result.after) == 5, words)
        case .attemptEnded:
            // The first two count as failed whatever their handler said, as the second one would have.
            #expect(runs == usual.merging([.init("completes", 2): 1]) { $1 }, words)
            #expect(result.hops(in: result.after) == 5, words)
        case .hopAcknowledged:
            // Two records are there twice, and if they are on the rung they run twice.
            let flaky = result.count("flaky", 2, in: result.play.rung)
            let fails = result.count("fails", 2, in: result.play.rung)
            let rejected = result.count("rejected", 1, in: result.play.deadLetters)
            #expect(flaky + fails + rejected == 3 + 2, words)
            #expect(result.count("fails", 2, in: result.play.deadLetters) == fails, words)
            #expect(runs == usual.merging([.init("flaky", 2): flaky, .init("fails", 2): fails]) { $1 }, words)
        case .dispatcherTurn, .recordRead, .recordDecoded, .hopProduced, .jobFinished, .marksProduced, .commitSent,
            .partitionsAssigned, .partitionsRevoked, .partitionsDrained, .partitionsLost, .groupLeaving,
            .outputsCommitting, .outputsProduced, .outputsCommitted:
            Issue.record("\(result.play.plan): no step that can fail")
        }
    }
}

extension KokaneeProcess {
    /// The kernel's letter for what it does: `T` is stopped.
    fileprivate var state: Substring? {
        // The letter stands behind the command's name, which is in parentheses and may hold anything.
        guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return nil }
        return status.split(separator: ")").last?.split(separator: " ").first
    }
}
