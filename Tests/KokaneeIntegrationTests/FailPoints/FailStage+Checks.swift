import TestSupport
import Testing

@testable import Kokanee

// What holds wherever a worker is killed.
extension FailStage.Result {
    /// Whatever the broker had as finished when the first worker was dead had really ended: nothing is lost.
    func expectThatCommitsHold() {
        for topic in play.worked {
            for record in before[topic].records where before[topic].covers(record) {
                let attempt = FailJobs.Attempt(record)
                let (isDone, ended) =
                    switch (attempt.job, attempt.number) {
                    case ("flaky", 1), ("fails", 1):
                        (count(attempt.job, 2, in: play.rung, before) > 0, "is on the rung")
                    case ("rejected", _), ("fails", _):
                        (count(attempt.job, attempt.number, in: play.deadLetters, before) > 0, "is a dead letter")
                    case ("expired", _): (true, "")
                    default: (ended.contains(attempt), "has run to its end")
                    }
                #expect(isDone, "\(play.plan): \(attempt) was committed before it \(ended)")
            }
        }
    }

    /// Whatever the broker had as finished when the first worker was dead has the marks that tell what became of it.
    func expectThatCommitsAreMarked() {
        // Of the second one's marks those of failures can't be told from the first one's.
        let completed = outcomes.completed(by: ["first"])
        let origins = before[play.queue].records.map(\.offset)
        for topic in play.worked {
            for record in before[topic].records where before[topic].covers(record) {
                let attempt = FailJobs.Attempt(record)
                let name = attempt.job
                guard let origin = before[play.queue].records.first(where: { FailJobs.Attempt($0).job == name })?.offset
                else { continue }
                let isMarked =
                    switch (name, attempt.number) {
                    case ("flaky", 1), ("fails", _), ("rejected", _): outcomes.failed.contains(origin)
                    case ("expired", _): true
                    default: completed.contains(origin)
                    }
                #expect(isMarked, "\(play.plan): \(attempt) was committed without a mark")
            }
        }
        // Nor is there a mark of what was not.
        let ran = Set((ended + secondRuns.attempts).map(\.job))
        for (offset, record) in zip(origins, before[play.queue].records) where outcomes.completed().contains(offset) {
            let job = FailJobs.Attempt(record).job
            #expect(ran.contains(job) && !["rejected", "fails", "expired"].contains(job), "\(play.plan): \(job)")
        }
    }

    /// Every record that was not committed ran, once; and no other.
    func expectThatSecondWorkerRanWhatWasLeft() {
        let left = uncovered(in: after).filter { $0.job != "expired" }
        #expect(secondRuns.attempts.counted == left.counted, "\(play.plan): \(first.error)")
        #expect(secondRuns.allSatisfy { $0.end != nil }, "\(play.plan)")
    }

    /// Each job is completed, a dead letter, or was discarded, and nothing is left to do.
    func expectThatAllEnded() {
        for attempt in [("completes", 1), ("flaky", 2), ("completes-2", 1), ("completes-3", 1)] {
            let ran = [FailJobs.Attempt(attempt.0, attempt.1), .init(attempt.0, attempt.1 + 1)]
            #expect((ended + secondRuns.attempts).contains { ran.contains($0) }, "\(play.plan): \(attempt)")
        }
        #expect(count("rejected", 1, in: play.deadLetters) > 0, "\(play.plan)")
        #expect(count("fails", 2, in: play.deadLetters) > 0, "\(play.plan)")
        #expect(
            after[play.deadLetters].records.allSatisfy { ["rejected", "fails"].contains(FailJobs.Attempt($0).job) }
        )
        #expect(!(firstRuns + secondRuns).contains { $0.start.id.hasSuffix("/expired") }, "\(play.plan)")
        for topic in play.worked { #expect(after[topic].lag == 0, "\(play.plan): \(topic)") }
    }

    /// No job is on the rung or among the dead letters more often than an attempt of it failed after the kill.
    func expectThatHopsAreFew() {
        let ran = secondRuns.attempts.counted
        let hops: [(from: FailJobs.Attempt, to: FailJobs.Attempt, in: String)] = [
            (.init("flaky"), .init("flaky", 2), play.rung), (.init("fails"), .init("fails", 2), play.rung),
            (.init("rejected"), .init("rejected"), play.deadLetters),
            (.init("fails", 2), .init("fails", 2), play.deadLetters),
        ]
        for (from, to, topic) in hops {
            let earlier = count(to.job, to.number, in: topic, before)
            #expect(earlier <= 1, "\(play.plan): \(to) in \(topic)")
            #expect(
                count(to.job, to.number, in: topic) == earlier + ran[from, default: 0],
                "\(play.plan): \(to) in \(topic)"
            )
        }
        #expect(after[play.rung].records.allSatisfy { ["flaky", "fails"].contains(FailJobs.Attempt($0).job) })
    }
}

// MARK: - Counts

extension FailStage.Result {
    /// The attempts that ended in the first worker.
    var ended: [FailJobs.Attempt] { firstRuns.filter { $0.end != nil }.attempts }

    /// Whether anything was committed before the second worker began.
    var hasCommitted: Bool { play.worked.contains { before[$0].committed != nil } }

    /// The records that the first worker's commits don't say are finished, of those that a snapshot knows.
    func uncovered(in snapshot: FailSnapshot) -> [FailJobs.Attempt] {
        play.worked.flatMap { topic in
            snapshot[topic].records.filter { !before[topic].covers($0) }.map(FailJobs.Attempt.init)
        }
    }

    /// How many records of the first worker's hops the second one made again.
    var hopsAgain: Int {
        [play.rung, play.deadLetters].reduce(0) { sum, topic in
            let records = after[topic].records.map(FailJobs.Attempt.init)
            return sum + records.count - Set(records).count
        }
    }

    /// Records on the rung and among the dead letters.
    func hops(in snapshot: FailSnapshot) -> Int {
        snapshot[play.rung].records.count + snapshot[play.deadLetters].records.count
    }

    func count(_ job: String, _ attempt: Int, in topic: String, _ snapshot: FailSnapshot? = nil) -> Int {
        (snapshot ?? after)[topic].records.count { FailJobs.Attempt($0) == FailJobs.Attempt(job, attempt) }
    }
}

extension FailJobs.Attempt {
    init(_ record: FailSnapshot.Record) {
        self.init(Self.job(record.id), record.attempt)
    }

    init(_ run: Ledger.Run) {
        self.init(Self.job(run.start.id), run.start.attempt)
    }

    /// Ids are `QUEUE/JOB`.
    private static func job(_ id: String) -> String {
        String(id.split(separator: "/").last ?? "")
    }
}

extension Sequence<Ledger.Run> {
    var attempts: [FailJobs.Attempt] { map(FailJobs.Attempt.init) }
}

extension Sequence<FailJobs.Attempt> {
    var counted: [FailJobs.Attempt: Int] { reduce(into: [:]) { $0[$1, default: 0] += 1 } }
}
