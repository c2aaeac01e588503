import Foundation
import RdKafka
import Testing

@testable import Kokanee
@testable import kokanee

private struct Order: Codable, Sendable {
    var id: Int
}

private struct OrderByText: Codable, Sendable {
    var id: String
}

@Suite(.timeLimit(.minutes(1)))
struct JobsCheckTests {
    private static func file<Payload: Codable & Sendable>(_ payload: Payload.Type, build: String?) throws -> String {
        var jobs = JobRegistry()
        try jobs.register("order.place", payload: payload) { _, _ in }
        try jobs.register("raw") { (_: Bytes, _) in }
        let path = FileManager.default.temporaryDirectory.appending(path: "jobs-\(UUID()).json").path()
        try jobs.writeShapes(to: path, build: build)
        return path
    }

    private func run(
        _ words: [String],
        isRead: Bool = true
    ) async -> (code: ExitCode, output: [String], error: String) {
        let (output, error) = (Recorder(), Recorder())
        let program = Program(
            environment: [:],
            output: isRead ? output.sink() : TextSink { _ in throw TextSink.ReaderGone() },
            error: error.sink(),
            interruption: Interruption()
        )
        let code = await program.run(["jobs", "check"] + words)
        return (code, output.lines, error.text)
    }

    @Test("builds that read each other's jobs are compatible: 0, and a line for each type")
    func compatible() async throws {
        let old = try Self.file(Order.self, build: "1.0")
        let new = try Self.file(Order.self, build: "1.1")
        let result = await run([old, new])
        #expect(result.code == .success)
        #expect(result.output.first == "order.place version 1: compatible")
        #expect(result.error == "compatible from build 1.0 to 1.1\n")
    }

    @Test("what breaks is named with its member and direction, for people and for programs: 1")
    func breaking() async throws {
        let old = try Self.file(Order.self, build: nil)
        let new = try Self.file(OrderByText.self, build: nil)
        let result = await run([old, new])
        #expect(result.code == .failure)
        #expect(await run([old, new], isRead: false).code == .failure, "whoever reads it")
        #expect(
            result.output[..<3] == [
                "order.place version 1: BREAKING",
                "  breaks, new code reads old jobs: id: the new build reads a string (String), and the old one writes an "
                    + "integer (Int)",
                "  breaks, old code reads new jobs: id: the old build reads an integer (Int), and the new one writes a "
                    + "string (String)",
            ]
        )
        #expect(result.error == "kokanee: 1 of 2 job types breaks\n")
        let lines = await run([old, new, "--json"]).output
        let objects = try lines.map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
        #expect(objects.map { $0?["compatible"] as? Bool } == [false, true])
        let findings = try #require(objects[0]?["findings"] as? [[String: Any]])
        #expect(findings.map { $0["direction"] as? String } == ["new-reads-old", "old-reads-new"])
        #expect(findings.allSatisfy { $0["breaking"] as? Bool == true && $0["member"] as? String == "id" })
    }

    @Test("a file that is something else, or is not there: 65, with its name")
    func wrong() async throws {
        let good = try Self.file(Order.self, build: nil)
        let bad = FileManager.default.temporaryDirectory.appending(path: "jobs-\(UUID()).json").path()
        let missing = await run([bad, good])
        #expect(missing.code == .input && missing.error.contains(bad))
        try Data("{\"a\":1}".utf8).write(to: URL(filePath: bad))
        let other = await run([good, bad])
        #expect(other.code == .input && other.error.contains("\(bad): these are no job shapes"), "\(other.error)")
        #expect(await run([good]).code == .usage)
    }
}

@Suite(.timeLimit(.minutes(1)))
struct KnownJobsOptionTests {
    private func values(_ words: String...) throws -> OptionValues {
        let parser = CommandLineParser(root: Program.root, globals: Program.globals)
        return try parser.parse(["work", "orders", "--exec", "true"] + words).values
    }

    private struct Handler: JobHandler {
        func perform(_ payload: Bytes, _ context: JobContext) async throws {}
    }

    @Test("--knows limits a handler to types and versions; without it it is given all")
    func knows() throws {
        let jobs = try values("--knows", "a@2", "--knows", "b").jobs(Handler())
        guard case .handler = jobs.resolve(type: "a", version: 2), case .handler = jobs.resolve(type: "b", version: 99),
            case .versionTooNew(known: 2) = jobs.resolve(type: "a", version: 3),
            case .unknownType(known: ["a", "b"]) = jobs.resolve(type: "c", version: 1)
        else {
            Issue.record("\(jobs)")
            return
        }
        guard case .handler = try values().jobs(Handler()).resolve(type: "c", version: 9) else {
            Issue.record("a handler is given all")
            return
        }
        for wrong in ["a@", "a@0", "a@x", "", "@1"] {
            #expect(throws: UsageError.self, "\(wrong)") { try values("--knows", wrong).jobs(Handler()) }
        }
    }

    @Test("--wait-for-deploy, --expired and --redact come to the worker's configuration")
    func configuration() throws {
        let configuration = try values(
            "--knows",
            "a",
            "--wait-for-deploy",
            "10m",
            "--expired",
            "dead-letter",
            "--redact",
            "email"
        ).workerConfiguration()
        #expect(configuration.unknownTypes == .wait(upTo: .seconds(600)))
        #expect(configuration.newerVersions == .wait(upTo: .seconds(600)))
        #expect(configuration.expiredJobs == .deadLetter && configuration.redactedFields == ["email"])
        let defaults = try values().workerConfiguration(environment: ["KOKANEE_REDACT": "a.b, c"])
        #expect(defaults.unknownTypes == .deadLetter && defaults.expiredJobs == .discard)
        #expect(defaults.redactedFields == ["a.b", "c"])
    }

    @Test("--wait-for-deploy without --knows, or for no time, is refused")
    func refused() {
        #expect(throws: UsageError.self) { try values("--wait-for-deploy", "10m").workerConfiguration() }
        #expect(throws: UsageError.self) {
            try values("--knows", "a", "--wait-for-deploy", "0s").workerConfiguration()
        }
    }
}
