import Foundation
import TestSupport
import Testing

/// `status` says what everybody else says, and `replay --reset` moves what it says it moves.
@Suite(.besideOthers)
struct StatusTests {
    struct Status: Decodable {
        struct Partition: Decodable {
            let partition: Int
            let committed: Int64?
            let end: Int64
            let owner: String?
        }

        struct Running: Decodable {
            let partition: Int
            let id: String
        }

        let queue: String
        let group: String
        let waiting: Int64
        let running: [Running]
        let retrying: [String: Int64]
        let dead: Int64
        let oldestWaitingSeconds: Double?
        let workers: Int
        let stalledPartitions: [Int]
        let circuit: String
        let partitions: [Partition]
    }

    struct Reset: Decodable {
        struct Partition: Decodable, Equatable {
            let partition: Int
            let old: Int64?
            let new: Int64?
        }

        let partitions: [Partition]
        let executed: Bool
    }

    /// As the workers of tests have it: the embedded broker holds all members to the newest one's, and would take a
    /// worker for dead that waits for what a reset with a longer one began.
    static let session = ["-X", "session.timeout.ms=6000"]

    static func reset(_ stand: Stand, _ flags: String...) async throws -> Outcome {
        try await stand.start(["replay", stand.queue, "--reset", "--to-earliest"] + flags + session)
            .outcome(within: .seconds(60))
    }

    static func status(of stand: Stand, _ flags: String...) async throws -> Status {
        let outcome = try await stand.start(["status", stand.queue, "--json"] + flags).outcome(within: .seconds(30))
        guard outcome.code == 0 else { throw StandError("\(outcome)") }
        return try outcome.object(Status.self)
    }

    /// Compares a queue that nobody works with what a Python client and kcat say of it.
    @discardableResult
    static func expectAgreement(_ stand: Stand, rungs: [String] = ["1s"]) async throws -> Status {
        let status = try await Self.status(of: stand)
        #expect(status.queue == stand.queue)
        #expect(status.group == stand.group)
        let positions = try await stand.oracle.positions(of: stand.queue, group: stand.group)
        #expect(status.partitions.map(\.partition) == positions.map(\.partition))
        #expect(status.partitions.map(\.committed) == positions.map(\.committed))
        #expect(status.partitions.map(\.end) == positions.map(\.end))
        #expect(status.waiting == positions.reduce(0) { $0 + $1.lag })
        #expect(try await stand.oracle.count(of: stand.queue) == positions.reduce(0) { $0 + Int($1.end - $1.low) })
        for rung in rungs {
            let lag = try await stand.oracle.positions(of: "\(stand.queue).retry.\(rung)", group: stand.group)
                .reduce(0) { $0 + $1.lag }
            #expect(status.retrying[rung] == lag, "rung \(rung)")
        }
        #expect(status.retrying.count == rungs.count)
        #expect((status.oldestWaitingSeconds == nil) == (status.waiting == 0))
        return status
    }

    static let jobsHalfway = 4_000

    /// A queue that was worked halfway: jobs that wait, one on a rung, one dead.
    static func halfway(_ stand: Stand) async throws {
        try await stand.enqueue(
            [
                #"{"type":"t","id":"dead","key":"dead","data":{"do":"reject"}}"#,
                #"{"type":"t","id":"climbs","key":"climbs","data":{"do":"fail"}}"#,
            ]
                + (0..<jobsHalfway - 2).map {
                    #"{"type":"t","id":"\#($0)","key":"\#($0)","data":{"do":"sleep","seconds":0.005}}"#
                }
        )
        let worker = try stand.startWorker()
        try await eventually("a job has climbed, one has died, and others are done") {
            guard stand.ledger.count > 600 else { return false }
            return try Set(stand.ledger.entries().filter { $0.event == .end }.map(\.id)).isSuperset(of: [
                "dead", "climbs",
            ])
        }
        worker.signal(SIGTERM)
        let outcome = try await worker.outcome(within: .seconds(40))
        #expect(outcome.code == 0, "\(outcome)")
    }

    @Test("status agrees with kcat and a Python client: before, in the middle and at the end")
    func agreement() async throws {
        try await Stand.with(partitions: 3, ladder: "1h,2h") { stand in
            let empty = try await Self.expectAgreement(stand, rungs: ["1h", "2h"])
            #expect(empty.waiting == 0)
            #expect(empty.workers == 0)
            try await Self.halfway(stand)
            let half = try await Self.expectAgreement(stand, rungs: ["1h", "2h"])
            #expect(half.dead == 1)
            #expect(half.waiting > 0)
            if Stand.describesGroups { #expect(half.workers == 0) }
            #expect(half.retrying.values.reduce(0, +) == 1)
            // Each has run, or waits.
            let done = Set(try stand.ledger.runs().ids).count
            #expect(half.waiting + Int64(done) == Int64(Self.jobsHalfway))
        }
    }

    @Test("a running worker, its partitions and a job that holds one up are seen")
    func owners() async throws {
        try await Stand.with(partitions: 2) { stand in
            let release = stand.scratch.file("release")
            try await stand.enqueue(
                [#"{"type":"t","id":"the-holder","key":"a","data":{"do":"wait","file":"\#(release.path)"}}"#]
                    + (0..<40).map { #"{"type":"t","id":"\#($0)","key":"k\#($0)","data":{}}"# }
            )
            let worker = try stand.startWorker()
            try await stand.ledger.waitFor(lines: 81)
            try await eventually("status sees what is finished beyond the job that runs", within: .seconds(40)) {
                let status = try await Self.status(of: stand, "--stalled-after", "1s")
                // The worker says that it has time left.
                guard status.waiting == 1, status.stalledPartitions.isEmpty,
                    status.running.map(\.id) == ["the-holder"]
                else { throw StandError("\(status)") }
                guard Stand.describesGroups else { return true }
                guard status.workers == 1 else { throw StandError("\(status)") }
                return status.partitions.allSatisfy { $0.owner != nil }
            }
            let told = try await stand.kokanee("status", stand.queue, "--stalled-after", "1s")
            #expect(told.code == 0)
            #expect(told.output.contains("job the-holder of type t is running since "), "\(told)")
            #expect(told.output.contains("stalled   0"), "\(told)")
            try Data().write(to: release)
            try await eventually("nothing waits") { try await Self.status(of: stand).waiting == 0 }
            worker.signal(SIGTERM)
            #expect(try await worker.outcome(within: .seconds(40)).code == 0)
            try await Self.expectAgreement(stand)
        }
    }

    @Test("a reset is refused while there are workers; then it moves the offsets, and its undo line moves them back")
    func reset() async throws {
        try await Stand.with(partitions: 3) { stand in
            try await Self.halfway(stand)
            let before = try await stand.oracle.positions(of: stand.queue, group: stand.group)
            let rung = try await stand.oracle.positions(of: "\(stand.queue).retry.1s", group: stand.group)
            let dry = try await Self.reset(stand, "--json")
            #expect(dry.code == 0, "\(dry)")
            let plan = try dry.object(Reset.self)
            #expect(!plan.executed)
            #expect(plan.partitions.map(\.old) == before.map(\.committed))
            #expect(plan.partitions.map(\.new) == before.map(\.low))
            #expect(
                try await stand.oracle.positions(of: stand.queue, group: stand.group).map(\.committed)
                    == before.map(\.committed)
            )

            let executed = try await Self.reset(stand, "--execute")
            #expect(executed.code == 0, "\(executed)")
            let after = try await stand.oracle.positions(of: stand.queue, group: stand.group)
            #expect(after.map(\.committed) == before.map(\.low))
            #expect(
                try await stand.oracle.positions(of: "\(stand.queue).retry.1s", group: stand.group).map(\.committed)
                    == rung.map(\.committed)
            )
            let undo = try #require(executed.lines.first { $0.hasPrefix("undo: ") }?.dropFirst("undo: ".count))
            _ = try await stand.shell(String(undo))
            #expect(
                try await stand.oracle.positions(of: stand.queue, group: stand.group).map(\.committed)
                    == before.map(\.committed)
            )
        }
    }

    @Test("a reset is refused while the group has members, who are named")
    func refused() async throws {
        try await Stand.with { stand in
            try await stand.enqueue([#"{"type":"t","id":"1","data":{}}"#])
            let worker = try stand.startWorker()
            try await eventually("the job is done") { try await Self.status(of: stand).waiting == 0 }
            let refused = try await Self.reset(stand, "--execute")
            #expect(refused.code == 1, "\(refused)")
            #expect(refused.error.contains("members"), "\(refused)")
            worker.signal(SIGTERM)
            #expect(try await worker.outcome(within: .seconds(40)).code == 0)
            let executed = try await Self.reset(stand, "--execute")
            #expect(executed.code == 0, "\(executed)")
            #expect(try await stand.workUntilIdle().completed == 1)
            #expect(try stand.ledger.runs().ids == ["1", "1"])
        }
    }

    @Test("a reset wants exactly one target, and a queue that there is")
    func wrongReset() async throws {
        try await Stand.with(partitions: 1) { stand in
            let none = try await stand.kokanee("replay", stand.queue, "--reset")
            #expect(none.code == 64, "\(none)")
            let two = try await stand.kokanee("replay", stand.queue, "--reset", "--to-earliest", "--to-latest")
            #expect(two.code == 64, "\(two)")
            let unknown = try await stand.kokanee("replay", "\(stand.queue)x", "--reset", "--to-earliest")
            #expect(unknown.code == 1, "\(unknown)")
            #expect(unknown.error.contains("kokanee topics create"), "\(unknown)")
            let status = try await stand.kokanee("status", "\(stand.queue)x")
            #expect(status.code == 1, "\(status)")
            #expect(status.error.contains("kokanee topics create"), "\(status)")
        }
    }
}
