import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("Jobs whose time is over")
struct ExpiryTests {
    private static let past = [Header("kokanee-expires-at", "1700000000000")]

    private func work(
        _ fixture: WorkerFixture,
        _ policy: ExpiryPolicy,
        until isDone: @escaping @Sendable (WorkerStatistics) -> Bool
    ) async throws -> WorkerStatistics {
        var jobs = JobRegistry()
        try jobs.register("t") { (_: Bytes, context) in Issue.record("\(context.id) has run") }
        let worker = fixture.worker(jobs) { configuration in
            configuration.expiredJobs = policy
            var policy = CircuitPolicy()
            policy.minimumJobs = 1
            configuration.circuit = policy
        }
        try await running(worker) {
            try await eventually("they have ended") { isDone(worker.statistics) }
        }
        return worker.statistics
    }

    @Test("they are discarded unless the worker keeps them, wherever they stand", arguments: ["q", "q.retry.300ms"])
    func policies(topic: String) async throws {
        let fixture = try WorkerFixture(ladder: "300ms")
        try await fixture.enqueue(type: "t", count: 3, topic: topic, headers: Self.past)
        let discarding = try await work(fixture, .discard) { $0.discarded == 3 }
        #expect(discarding.dead == 0)
        #expect(try await fixture.letters().isEmpty)
    }

    @Test("kept, they are dead letters with the reason, and no attempt counts", arguments: ["q", "q.retry.300ms"])
    func kept(topic: String) async throws {
        let fixture = try WorkerFixture(ladder: "300ms")
        try await fixture.enqueue(type: "t", count: 3, topic: topic, headers: Self.past)
        let statistics = try await work(fixture, .deadLetter) { $0.dead == 3 }
        #expect(statistics.failedAttempts == 0 && statistics.discarded == 0)
        #expect(statistics.circuitOpened == 0, "that jobs are late is no fault of the release")
        for letter in try await fixture.letters() {
            #expect(letter.reason == .expired && letter.attempts == 0)
            #expect(letter.envelope.lastError == "Expired: it was not to start at 2023-11-14T22:13:20.000Z or later")
        }
        // Back in the queue it has all the time that there is.
        let record = try #require(try await fixture.records(of: fixture.queue.deadLetterTopic).first)
        let place = Envelope.Origin(record.topicPartition, record.offset)
        let headers = Envelope.retryHeaders(copying: record.headers, from: place)
        #expect(HeaderScan(headers).expiresAt == nil)
    }

    @Test("one that is delayed beyond its time is kept when it would have been due", arguments: [100, 500] as [Int64])
    func delayed(wait: Int64) async throws {
        let fixture = try WorkerFixture(ladder: "300ms")
        let now = Timestamp.now
        try await fixture.enqueue(
            type: "t",
            headers: [
                Header("kokanee-due-at", Bytes("\(now + wait)")), Header("kokanee-expires-at", Bytes("\(now + wait)")),
            ]
        )
        _ = try await work(fixture, .deadLetter) { $0.dead == 1 }
        let letter = try #require(try await fixture.letters().first)
        let diedAt = try #require(letter.diedAt)
        #expect(letter.reason == .expired && diedAt >= now + wait)
    }
}
