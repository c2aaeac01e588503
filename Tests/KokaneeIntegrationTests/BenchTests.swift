import Foundation
import TestSupport
import Testing

/// That `bench` measures at all; how fast things are is not for tests to say.
@Suite(.besideOthers)
struct BenchTests {
    /// A line of `bench --json`, by CLI.md.
    private struct Line: Decodable {
        let row: String
        let value: Double
        let unit: String
        let baseline: Double?
        let ratio: Double?
        let spread: Double
        let target: String
        let met: Bool
    }

    private struct Listed: Decodable {
        let row: String
        let quick: Bool
    }

    // Under a sanitizer it would take most of an hour, and show nothing that the parts' own tests don't.
    @Test(
        "every quick row is measured beside its baseline, and tells it in the fields of the contract",
        .enabled(if: !Sanitizer.isOn)
    )
    func quick() async throws {
        try await Stand.with(ladder: nil) { stand in
            let list = try await stand.start(["bench", "--list", "--json"]).outcome()
            // A program of the machine's, which need not be there, is not asked for.
            let rows = try list.objects(Listed.self).filter { $0.quick && $0.row != "handler" }.map(\.row)
            let words = ["--rows", rows.joined(separator: ","), "--quick", "--rounds", "1", "--scale", "0.01"]
            let outcome = try await stand.start(["bench", "--json"] + words).outcome(within: .seconds(600))
            #expect(outcome.code == 0, "\(outcome)")
            let lines = try outcome.objects(Line.self)
            #expect(lines.map(\.row) == rows, "\(outcome)")
            for line in lines {
                #expect(!line.unit.isEmpty && !line.target.isEmpty)
                #expect((line.baseline == nil) == (line.ratio == nil), "\(line)")
                if line.target.hasPrefix("ratio") {
                    #expect(line.value > 0 && line.baseline ?? 0 > 0, "\(line)")
                }
            }
            #expect(lines.first { $0.row == "rung-early" }?.value == 0)
        }
    }

    @Test("a row that does not exist is 64, and nothing is started")
    func unknown() async throws {
        try await Stand.with(ladder: nil) { stand in
            let outcome = try await stand.start(["bench", "--rows", "wrok"]).outcome()
            #expect(outcome.code == 64, "\(outcome)")
            #expect(outcome.error.contains("wrok"), "\(outcome)")
        }
    }

    @Test("an interruption ends all that runs, and is 130")
    func interruption() async throws {
        try await Stand.with(ladder: nil) { stand in
            let bench = try stand.start(["bench", "--rows", "join", "--rounds", "1000"])
            try await eventually("the first round begins", within: .seconds(120)) {
                bench.error.contains("round 1")
            }
            let children = try Self.children(of: bench.pid)
            #expect(!children.isEmpty)
            bench.signal(SIGINT)
            let outcome = try await bench.outcome(within: .seconds(60))
            #expect(outcome.code == 130, "\(outcome)")
            try await eventually("the parts are gone", within: .seconds(30)) {
                children.allSatisfy { kill($0, 0) != 0 }
            }
        }
    }

    private static func children(of pid: pid_t) throws -> [pid_t] {
        let tasks = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
        return tasks.flatMap { task in
            let text = (try? String(contentsOfFile: "/proc/\(pid)/task/\(task)/children", encoding: .utf8)) ?? ""
            return text.split(separator: " ").compactMap { pid_t($0) }
        }
    }
}
