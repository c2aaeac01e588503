import Foundation
import TestSupport
import Testing

/// What jobs leave for others, and jobs that go on where they were.
@Suite(.alone)
struct ResultsTests {
    private struct State: Decodable {
        struct Checkpoint: Decodable { let row: Int }
        struct Result: Decodable { let rows: Int }

        let ending: String?
        let progress: Double?
        let note: String?
        let attempt: Int
        let checkpoint: Checkpoint?
        let result: Result?
        let error: String?
    }

    private static var handler: String {
        "exec python3 '\(ExamplesTests.root.appending(path: "docs/examples/export_handler.py").path)'"
    }

    private static func rows(_ file: URL) -> [Int] {
        ((try? String(contentsOf: file, encoding: .utf8)) ?? "").split(separator: "\n").compactMap { Int($0) }
    }

    private func worker(_ stand: Stand) throws -> KokaneeProcess {
        try stand.start(
            ["work", stand.queue, "--handler", Self.handler, "--concurrency", "1", "-X", "session.timeout.ms=6000"]
        )
    }

    /// Starts an export, and waits until it is under way.
    private func export(_ stand: Stand, rows: Int) async throws -> (file: URL, worker: KokaneeProcess) {
        let file = stand.scratch.file("rows")
        let data = #"{"rows":\#(rows),"to":"\#(file.path)","pause":0.05}"#
        let enqueued = try await stand.kokanee(
            "enqueue",
            stand.queue,
            "--type",
            "export",
            "--id",
            "e",
            "--data",
            data,
            "--keep-result",
            "1h"
        )
        #expect(enqueued.code == 0, "\(enqueued)")
        let worker = try worker(stand)
        try await eventually("it is under way", within: .seconds(60)) { Self.rows(file).count >= 200 }
        return (file, worker)
    }

    private func result(_ stand: Stand) async throws -> State {
        let outcome = try await stand.kokanee(
            "result",
            stand.queue,
            "e",
            "--wait",
            "1m",
            "--json",
            within: .seconds(90)
        )
        #expect(outcome.code == 0, "\(outcome)")
        return try outcome.object(State.self)
    }

    @Test("a process whose worker is killed in the middle of a job goes on from its checkpoint, and leaves its result")
    func killed() async throws {
        try await Stand.withGroups(partitions: 2) { stand in
            let (file, first) = try await export(stand, rows: 1000)
            let shown = try await stand.kokanee("jobs", "show", stand.queue, "e", "--json")
            let state = try shown.object(State.self)
            #expect(state.ending == nil && state.checkpoint.map { $0.row > 0 } == true, "\(shown)")
            first.signal(SIGKILL)
            _ = try await first.outcome()
            _ = try worker(stand)
            let ended = try await result(stand)
            #expect(ended.ending == "completed" && ended.result?.rows == 1000 && ended.attempt == 1)
            let rows = Self.rows(file)
            #expect(Set(rows) == Set(0..<1000))
            // What was behind the last checkpoint that the brokers had was written again, and no more.
            #expect(rows.filter { $0 == 0 }.count == 1)
            #expect(rows.count <= 1100)
        }
    }

    @Test("a process that is asked to stop ends between two steps, and goes on elsewhere without a row written twice")
    func stopped() async throws {
        try await Stand.withGroups(partitions: 2) { stand in
            let (file, first) = try await export(stand, rows: 1000)
            first.signal(SIGTERM)
            let left = try await first.outcome(within: .seconds(40))
            #expect(left.code == 0, "\(left)")
            let written = Self.rows(file).count
            #expect(written < 1000, "the job was let finish, not stopped")
            _ = try worker(stand)
            let ended = try await result(stand)
            #expect(ended.ending == "completed" && ended.attempt == 1)
            #expect(Self.rows(file) == Array(0..<1000))
        }
    }

    @Test("who waits at the command line gets the result, or why there is none")
    func commandLine() async throws {
        try await Stand.with { stand in
            _ = try worker(stand)
            let file = stand.scratch.file("few").path
            let good = try await stand.kokanee(
                "enqueue",
                stand.queue,
                "--type",
                "export",
                "--data",
                #"{"rows":20,"to":"\#(file)"}"#,
                "--wait",
                "50s"
            )
            #expect(good.code == 0 && good.output == #"{"rows": 20, "file": "\#(file)"}"# + "\n", "\(good)")
            let bad = try await stand.kokanee(
                "enqueue",
                stand.queue,
                "--type",
                "export",
                "--id",
                "bad",
                "--data",
                "{}",
                "--wait",
                "50s"
            )
            #expect(bad.code == 1 && bad.error.contains("the job has no result, it is dead: "), "\(bad)")
            #expect(bad.error.contains("bad export: 'rows'"), "\(bad)")
            let unknown = try await stand.kokanee("result", stand.queue, "nobody")
            #expect(unknown.code == 1 && unknown.error.contains("has nothing of job"), "\(unknown)")
        }
    }
}
