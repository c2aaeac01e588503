import RdKafka
import TestSupport
import Testing

@testable import Kokanee

/// One at a time: a plan holds for the whole process.
@Suite("A worker whose step fails for ever", .serialized)
struct FailForeverTests {
    private struct Broken: Error {}

    @Test(
        "ends when it is stopped, and the next one finds all that was not done",
        arguments: [FailPoint.hopProducing, .hopAcknowledged, .commitSending, .commitAcknowledged]
    )
    func stops(point: FailPoint) async throws {
        let fixture = try WorkerFixture(ladder: "1s")
        try await fixture.enqueue(6)
        let configure: (inout WorkerConfiguration) -> Void = { $0.shutdownLimit = .milliseconds(200) }
        try FailPoints.arm("\(point.name)=fail")
        defer { FailPoints.disarm() }
        let ledger = Ledger()
        let perform: @Sendable (Int, JobContext) async throws -> Void = { job, context in
            try await ledger.run(job) { if job == 2, context.attempt == 1 { throw Broken() } }
        }
        let first = try fixture.worker(configure, perform: perform)
        try await running(first) {
            try await eventually("it has met its step") {
                let isHop = point == .hopProducing || point == .hopAcknowledged
                return isHop ? first.statistics.failedHops >= 3 && ledger.ends.count == 5 : ledger.ends.count >= 6
            }
        }
        FailPoints.disarm()
        let second = try fixture.worker(configure, perform: perform)
        try await running(second) {
            try await eventually("all is committed", within: .seconds(30)) {
                // First this: from then on the rung has what hopped.
                guard try await fixture.committed()?.offset == 6 else { return false }
                let rung = TopicPartition(topic: fixture.queue.retryTopics[0], partition: 0)
                let end = try await fixture.records(of: rung.topic).count
                let committed = try await fixture.admin.committedOffsets(group: fixture.queue.group, [rung])
                return (committed[rung] ?? nil)?.offset == Int64(end)
            }
        }
        #expect(try await fixture.records(of: fixture.queue.deadLetterTopic).isEmpty)
        #expect(Set(ledger.ends) == Set(0..<6))
    }

    @Test("where the group's offsets can't be read only the completion map is missed: what it named runs again")
    func missedMap() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(10)
        let ledger = Ledger()
        let first = try fixture.worker(set(\.shutdownLimit, .milliseconds(100))) { job, _ in
            try await ledger.run(job) { if job == 3 { try await Task.sleep(for: .seconds(600)) } }
        }
        try await running(first) {
            try await eventually("all but the one that does not end is committed") {
                guard let committed = try await fixture.committed() else { return false }
                return CommitMetadata(text: committed.metadata, above: committed.offset)?.completed.runs == [4..<10]
            }
        }
        try FailPoints.arm("partitions.assigning=fail")
        defer { FailPoints.disarm() }
        let again = Ledger()
        let second = try fixture.worker { job, _ in try await again.run(job) {} }
        try await running(second) {
            try await eventually("all is committed", within: .seconds(30)) {
                try await fixture.committed()?.offset == 10
            }
        }
        #expect(again.starts.sorted() == Array(3..<10))
    }

    @Test("where the group's offsets can't be read at an assignment a rewind is applied all the same, and once")
    func unseenRewind() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(10)
        let ledger = Ledger()
        func work(until end: Int64) async throws {
            // One at a time, so that they end in their order.
            let worker = try fixture.worker(set(\.concurrency, 1)) { job, _ in try await ledger.run(job) {} }
            try await running(worker) {
                try await eventually("all is committed", within: .seconds(30)) {
                    guard let committed = try await fixture.committed(), committed.offset == end else { return false }
                    return ledger.ends.last == 9 || ledger.ends.last == 0
                }
            }
        }
        try await work(until: 10)
        let live = try LiveRewind(fixture.client)
        let plan = try await live.plan(.offset(4), of: fixture.queue)
        await #expect(throws: RewindUnanswered.self) {
            try await live.execute(plan, by: "me", words: "", limit: .zero)
        }
        try FailPoints.arm("partitions.assigning=fail")
        defer { FailPoints.disarm() }
        // Each enqueues one more, so that it is known to have begun.
        try await fixture.enqueue(1)
        try await work(until: 11)
        #expect(ledger.ends == Array(0..<10) + Array(4..<10) + [0])
        try await fixture.enqueue(1)
        try await work(until: 12)
        #expect(ledger.ends == Array(0..<10) + Array(4..<10) + [0, 0])
    }
}
