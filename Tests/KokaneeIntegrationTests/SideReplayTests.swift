import Foundation
import RdKafka
import TestSupport
import Testing

/// `kokanee replay`, as somebody would type it, and as Python's confluent-kafka sees what it does.
@Suite(.alone)
struct SideReplayTests {
    struct Plan: Decodable {
        struct Partition: Decodable {
            let partition: Int
            let from: Int64
            let to: Int64
            let records: Int64
        }

        let replay: String
        let partitions: [Partition]
        let records: Int64
        let lostToRetention: Int64
        let selected: Int64?
        let notes: [String]
    }

    struct Ended: Decodable {
        let replay: String
        let state: String
        let records: Int64
        let done: Int64
        let dead: Int64
        let counts: [String: Int64]
        let selected: Int64
        let completed: Int
        let lostToRetention: Int64
        let notes: [String]
    }

    /// A queue of 60 jobs, of two types in turn, completed by build `one`.
    private static func withHistory(
        _ count: Int = 60,
        data: String = "{}",
        _ body: (Stand) async throws -> Void
    ) async throws {
        try await Stand.withGroups(partitions: 4) { stand in
            try await stand.enqueue(
                (0..<count).map {
                    #"{"type":"\#($0.isMultiple(of: 2) ? "even" : "odd")","id":"job-\#($0)","key":"key-\#($0 % 10)","data":\#(data)}"#
                }
            )
            try await stand.workUntilIdle(flags: ["--build", "one"])
            try await body(stand)
        }
    }

    private static func handler(_ stand: Stand, _ program: String, _ ledger: Ledger) throws -> [String] {
        let file = stand.scratch.file("handler-\(UUID().uuidString).py")
        try Data(program.utf8).write(to: file)
        return [
            "--handler", "exec python3 '\(file.path)' '\(ledger.file.path)'", "--concurrency", "4", "-X",
            "session.timeout.ms=6000",
        ]
    }

    private static func begin(_ stand: Stand, _ words: String...) async throws -> String {
        let outcome = try await stand.start(["replay", stand.queue, "--execute", "--json"] + words).outcome()
        guard outcome.code == 0 else { throw StandError("\(outcome)") }
        return try outcome.object(Plan.self).replay
    }

    @Test("a plan is only said; executed it runs what it said, under a group of its own, and live work is as it was")
    func whole() async throws {
        try await Self.withHistory { stand in
            let before = try await stand.oracle.positions(of: stand.queue, group: stand.group).map(\.committed)
            let said = try await stand.kokanee("replay", stand.queue, "--type", "odd", "--json")
            let plan = try said.object(Plan.self)
            #expect(plan.records == 60 && plan.selected == 30 && plan.lostToRetention == 0, "\(said)")

            let ledger = Ledger(file: stand.scratch.file("replayed"))
            let run = try await stand.start(
                ["replay", stand.queue, "--type", "odd", "--execute", "--json", "--build", "two"]
                    + Self.handler(stand, HandlerProgram.recording, ledger)
            ).outcome()
            #expect(run.code == 0, "\(run)")
            let executed = try JSONDecoder().decode(Plan.self, from: Data(run.lines[0].utf8))
            let ended = try JSONDecoder().decode(Ended.self, from: Data(run.lines[1].utf8))
            #expect(ended.state == "finished" && ended.done == 60 && ended.selected == 30, "\(run)")
            #expect(ended.counts == ["covered": 60, "completed": 30, "dead": 0, "lostToRetention": 0], "\(run)")

            struct Job: Decodable {
                let id: String
                let replay: String?
            }
            let jobs = try Data(contentsOf: ledger.file).split(separator: UInt8(ascii: "\n")).map {
                try JSONDecoder().decode(Job.self, from: $0)
            }
            #expect(jobs.map(\.id).sorted() == (0..<60).filter { $0 % 2 == 1 }.map { "job-\($0)" }.sorted())
            #expect(jobs.allSatisfy { $0.replay == executed.replay })
            #expect(try await stand.oracle.positions(of: stand.queue, group: stand.group).map(\.committed) == before)
            let own = try await stand.oracle.positions(
                of: stand.queue,
                group: "kokanee.\(stand.queue).replay.\(executed.replay)"
            )
            for part in executed.partitions where part.records > 0 {
                #expect(own[part.partition].committed == part.to)
            }
            #expect(try await stand.oracle.count(of: stand.queue) == 60)

            // Done by the second build: nothing of the first one's is left to do.
            let again = try await stand.start(
                ["replay", stand.queue, "--only-completed-by", "one", "--type", "odd", "--skip-done", "--execute"]
                    + Self.handler(stand, HandlerProgram.recording, ledger)
            ).outcome()
            #expect(again.code == 0 && again.error.contains("nothing to do"), "\(again)")
            let rest = try await stand.kokanee(
                "replay",
                stand.queue,
                "--only-completed-by",
                "one",
                "--skip-done",
                "--json"
            )
            #expect(try rest.object(Plan.self).selected == 30, "\(rest)")
        }
    }

    @Test("killed at any point and gone on with, by two processes, it covers exactly its plan")
    func killed() async throws {
        try await Self.withHistory(400) { stand in
            let id = try await Self.begin(stand, "--type", "even")
            let ledger = Ledger(file: stand.scratch.file("replayed"))
            let words = try ["replay", "work", id] + Self.handler(stand, HandlerProgram.counting, ledger)
            for lines in [20, 90] {
                let process = try stand.start(words + ["--timeout", "30s"])
                try await ledger.waitFor(lines: lines)
                process.signal(SIGKILL)
                _ = try await process.outcome()
            }
            let last = try (0..<2).map { _ in try stand.start(words) }
            for process in last {
                let outcome = try await process.outcome(within: .seconds(120))
                #expect(outcome.code == 0, "\(outcome)")
            }
            let ran = String(decoding: try Data(contentsOf: ledger.file), as: UTF8.self).split(separator: "\n").map(
                String.init
            )
            #expect(Set(ran) == Set((0..<400).filter { $0.isMultiple(of: 2) }.map { "job-\($0)" }))
            let shown = try await stand.kokanee("replay", "show", id, "--json")
            #expect(shown.output.contains("\"state\":\"finished\""), "\(shown)")
            #expect(shown.output.contains("\"completed\":200"), "\(shown)")
            // What is finished is not gone on with.
            let late = try await stand.start(words).outcome()
            #expect(late.code == 0 && late.error.contains("it is finished"), "\(late)")
        }
    }

    @Test("what fails dies in the replay's own dead letters; the live ones stay as they are")
    func failures() async throws {
        try await Self.withHistory { stand in
            let ledger = Ledger(file: stand.scratch.file("replayed"))
            let failing = HandlerProgram.counting.replacing(
                "\"ok\": True",
                with: "\"ok\": False, \"error\": \"no\", \"retry\": False"
            )
            let run = try await stand.start(
                ["replay", stand.queue, "--key", "key-3", "--execute", "--json"] + Self.handler(stand, failing, ledger)
            ).outcome()
            #expect(run.code == 0, "\(run)")
            let ended = try JSONDecoder().decode(Ended.self, from: Data(run.lines[1].utf8))
            #expect(ended.dead == 6 && ended.completed == 0, "\(run)")
            #expect(try await stand.deadLetters().isEmpty)
            let letters = try await stand.kokanee("dlq", "list", "\(stand.queue).replay.\(ended.replay)", "--json")
            #expect(letters.lines.count == 6, "\(letters)")
            let failed = try await stand.kokanee("replay", stand.queue, "--only-failed", "--json")
            #expect(try failed.object(Plan.self).selected == 6, "\(failed)")
        }
    }

    @Test("retention that overtakes a plan is reported with how many records it took, and the rest is run")
    func retention() async throws {
        // The embedded brokers delete nothing on request.
        guard !Stand.isEmbedded else { return }
        try await Stand.with(partitions: 1) { stand in
            try await stand.enqueue((0..<50).map { #"{"type":"t","id":"job-\#($0)","data":{}}"# })
            let id = try await Self.begin(stand, "--from", "-1h")
            let admin = try AdminClient(ClientConfiguration(bootstrapServers: stand.bootstrapServers))
            let place = TopicPartition(topic: stand.queue, partition: 0)
            _ = try await admin.deleteRecords(before: [place: 20])
            let ledger = Ledger(file: stand.scratch.file("replayed"))
            let run = try await stand.start(
                ["replay", "work", id, "--json"] + Self.handler(stand, HandlerProgram.counting, ledger)
            ).outcome()
            #expect(run.code == 0, "\(run)")
            let ended = try run.object(Ended.self)
            #expect(ended.lostToRetention == 20 && ended.completed == 30, "\(run)")
            #expect(ended.notes.contains { $0.contains("20 records") }, "\(run)")
            let plan = try await stand.kokanee("replay", stand.queue, "--offsets", "0=0:40", "--json")
            #expect(try plan.object(Plan.self).lostToRetention == 20, "\(plan)")
        }
    }

    @Test("paused and slowed from another terminal, cancelled for good, and listed with all that was said")
    func wishes() async throws {
        try await Self.withHistory(200) { stand in
            let ledger = Ledger(file: stand.scratch.file("replayed"))
            let process = try stand.start(
                [
                    "replay", stand.queue, "--from", "-1h", "--rate", "20/s", "--reason", "why not", "--execute",
                    "--json",
                ]
                    + Self.handler(stand, HandlerProgram.counting, ledger)
            )
            try await ledger.waitFor(lines: 5)
            let id = try JSONDecoder().decode(Plan.self, from: Data(process.output.split(separator: "\n")[0].utf8))
                .replay
            #expect(try await stand.kokanee("replay", "pause", id).code == 0)
            var last = -1
            try await eventually("nothing more starts") {
                defer { last = ledger.count }
                return ledger.count == last
            }
            let status = try await stand.kokanee("status", stand.queue)
            #expect(status.output.contains("replay \(id) paused"), "\(status)")
            #expect(try await stand.kokanee("replay", "rate", id, "none").code == 0)
            let cancelled = try await stand.kokanee("replay", "cancel", id, "--by", "ann")
            #expect(cancelled.code == 0, "\(cancelled)")
            let outcome = try await process.outcome()
            #expect(outcome.code == 1 && outcome.error.contains("was cancelled"), "\(outcome)")
            #expect(ledger.count < 200)
            let list = try await stand.kokanee("replay", "list", stand.queue)
            #expect(list.output.contains("cancelled") && list.output.contains("why not"), "\(list)")
            let again = try await stand.kokanee("replay", "resume", id)
            #expect(again.code == 1 && again.error.contains("has ended"), "\(again)")
        }
    }
}
