import Foundation
import Kokanee
import RdKafka
import TestSupport
import Testing

/// Offsets that are moved under workers, and without them, as Python's confluent-kafka sees them.
@Suite(.alone)
struct RewindTests {
    private static func committed(_ stand: Stand) async throws -> [Int64?] {
        try await stand.oracle.positions(of: stand.queue, group: stand.group).map(\.committed)
    }

    private static func enqueue(_ count: Int, _ name: String, data: String = "{}", _ stand: Stand) async throws {
        try await stand.enqueue(
            (0..<count).map { #"{"type":"t","id":"\#(name)-\#($0)","key":"key-\#($0 % 20)","data":\#(data)}"# }
        )
    }

    @Test("a queue is rewound under two workers, and back before anything has ended", arguments: ["server", "groups"])
    func live(broker: String) async throws {
        let with =
            broker == "server"
            ? { try await Stand.with(partitions: 4, $0) } : { try await Stand.withGroups(partitions: 4, $0) }
        try await with { stand in
            let release = stand.scratch.file("release")
            try await Self.enqueue(200, "job", stand)
            let workers = try (0..<2).map { _ in try stand.startWorker(concurrency: 20) }
            try await stand.ledger.waitFor(lines: 400)
            try await eventually("all is committed") { try await stand.lag().isEmpty }
            // What comes now does not end before it may, so that nothing moves between rewind and undo.
            try await Self.enqueue(20, "late", data: #"{"do":"wait","file":"\#(release.path)"}"#, stand)
            try await stand.ledger.waitFor(lines: 420)
            let before = try await Self.committed(stand)
            let configuration = ClientConfiguration(bootstrapServers: stand.bootstrapServers)
            let queue = try Queue(stand.queue)
            let live = try LiveRewind(configuration)

            let ends = try await stand.oracle.positions(of: stand.queue, group: stand.group).map(\.end)
            let plan = try await live.plan(.latest, of: queue)
            let (record, answers) = try await live.execute(plan, by: "me", words: "test")
            #expect(try await Self.committed(stand) == ends)
            #expect(answers.map(\.old) == before)
            #expect(answers.map(\.new) == ends)
            #expect(answers.allSatisfy { $0.owner != nil })

            let undo = try ReplayUndo(configuration)
            let undone = try await undo.perform(record, by: "me")
            #expect(undone.beginning.kind == .rewind)
            #expect(try await Self.committed(stand) == before)
            #expect(try await ReplayBook(configuration).record(record.id).result?.state == .undone)

            try Data().write(to: release)
            try await eventually("all is committed again", within: .seconds(60)) {
                try await stand.lag().isEmpty
            }
            let back = try await live.plan(.earliest, of: queue)
            _ = try await live.execute(back, by: "me", words: "test")
            try await eventually("all is committed again", within: .seconds(60)) {
                try await Self.committed(stand) == ends
            }
            let runs = try stand.ledger.runs()
            let finished = Dictionary(grouping: runs.filter { $0.end != nil }, by: \.start.id).mapValues(\.count)
            for number in 0..<200 {
                // Every job ran at first and ran again; what was cancelled by the rewinds had no end that counted.
                #expect(finished["job-\(number)"] ?? 0 >= 2, "job-\(number)")
            }
            let error = await #expect(throws: ResetError.self) { try await undo.perform(undone, by: "me") }
            #expect(error?.message.contains("is at") == true)
            for worker in workers {
                worker.signal(SIGTERM)
                let outcome = try await worker.outcome(within: .seconds(60))
                #expect(outcome.code == 0, "\(outcome)")
            }
        }
    }

    @Test("a worker that is killed while it rewinds leaves nothing undone: the next one does it, for all partitions")
    func killed() async throws {
        try await Stand.withGroups(partitions: 4) { stand in
            try await Self.enqueue(400, "job", stand)
            let first = try stand.startWorker(concurrency: 4)
            try await stand.ledger.waitFor(lines: 800)
            try await eventually("all is committed") { try await stand.lag().isEmpty }
            let ends = try await Self.committed(stand)
            let live = try LiveRewind(ClientConfiguration(bootstrapServers: stand.bootstrapServers))
            let plan = try await live.plan(.earliest, of: try Queue(stand.queue))
            async let rewound = live.execute(plan, by: "me", words: "test", limit: .seconds(60))
            try await eventually("the worker rewinds") { first.error.contains("a partition is rewound") }
            first.signal(SIGKILL)
            _ = try await first.outcome()
            let before = stand.ledger.count
            _ = try stand.startWorker(concurrency: 4)
            let (record, answers) = try await rewound
            #expect(record.result?.state == .finished)
            #expect(answers.count == 4)
            try await eventually("all is committed again", within: .seconds(60)) {
                try await Self.committed(stand) == ends
            }
            let runs = try stand.ledger.runs()
            let finished = Dictionary(grouping: runs.filter { $0.end != nil }, by: \.start.id).mapValues(\.count)
            #expect(finished.count == 400)
            // Once before the rewind and once after it; what the killed worker had begun may have run in between.
            #expect(finished.values.allSatisfy { 2...3 ~= $0 }, "\(finished.filter { !(2...3 ~= $0.value) })")
            #expect(finished.values.reduce(0, +) <= 800 + (before - 800) / 2 + 8)
        }
    }

    @Test("a reset of a group without members, and its undo, are where confluent-kafka sees them")
    func reset() async throws {
        try await Stand.with(partitions: 3) { stand in
            try await Self.enqueue(90, "job", stand)
            try await stand.workUntilIdle()
            let before = try await Self.committed(stand)
            let configuration = ClientConfiguration(bootstrapServers: stand.bootstrapServers)
            let queue = try Queue(stand.queue)
            let plan = try await OffsetResetter(configuration).plan(.offset(5), of: queue)
            let record = try await RecordedReset(configuration).execute(plan, by: "me", words: "test")
            #expect(try await Self.committed(stand) == [5, 5, 5])
            _ = try await ReplayUndo(configuration).perform(record, by: "me")
            #expect(try await Self.committed(stand) == before)
            let again = try await RecordedReset(configuration)
                .execute(try await OffsetResetter(configuration).plan(.earliest, of: queue), by: "me", words: "test")
            let worked = try await stand.workUntilIdle()
            #expect(worked.completed == 90)
            await #expect(throws: ResetError.self) { try await ReplayUndo(configuration).perform(again, by: "me") }
        }
    }
}
