import Foundation
import TestSupport
import Testing

/// What people see who type something wrong, or ask for help.
@Suite(.besideOthers)
struct CommandLineTests {
    static let commands = [
        [], ["broker"], ["topics"], ["topics", "create"], ["topics", "show"], ["enqueue"], ["work"], ["status"],
        ["top"], ["replay"], ["replay", "list"], ["replay", "show"], ["replay", "work"], ["replay", "pause"],
        ["replay", "resume"],
        ["replay", "rate"], ["replay", "cancel"], ["replay", "undo"], ["bench"], ["dlq"], ["dlq", "list"],
        ["dlq", "show"], ["dlq", "retry"], ["dlq", "discard"], ["limits"],
    ]

    @Test("--help works on every command and shows examples", arguments: commands)
    func help(command: [String]) async throws {
        try await Stand.with(ladder: nil) { stand in
            let outcome = try await stand.start(command + ["--help"]).outcome()
            #expect(outcome.code == 0, "\(outcome)")
            #expect(outcome.output.contains("Usage: kokanee"), "\(outcome)")
            #expect(outcome.output.contains("Examples:"), "\(outcome)")
            #expect(outcome.error.isEmpty, "\(outcome)")
        }
    }

    @Test(
        "an unknown flag is 64, and the nearest known one is suggested",
        arguments: [
            (["work", "q", "--handeler", "x"], "--handler"), (["enqueue", "q", "--tipe", "t"], "--type"),
            (["topics", "create", "q", "--partition", "3"], "--partitions"),
            (["work", "q", "--until-idel"], "--until-idle"),
            (["work", "q", "--concurency=3"], "--concurrency"),
            (["enqueue", "q", "--bootstrap-sever", "x"], "--bootstrap-server"),
        ]
    )
    func suggestion(words: [String], flag: String) async throws {
        try await Stand.with(ladder: nil) { stand in
            let outcome = try await stand.start(words).outcome()
            #expect(outcome.code == 64, "\(outcome)")
            #expect(outcome.error.contains("did you mean \(flag)?"), "\(outcome)")
            #expect(outcome.output.isEmpty)
        }
    }

    @Test(
        "no broker is 69 within seconds, and the address is named",
        arguments: [
            ["enqueue", "q", "--type", "t"], ["work", "q", "--exec", "true"], ["topics", "create", "q"],
            ["topics", "show", "q"], ["status"], ["status", "q"], ["replay", "q", "--reset", "--to-latest"],
            ["replay", "q", "--from", "-1h"], ["replay", "list"],
            ["dlq", "list", "q"], ["dlq", "retry", "q", "--all", "--execute"],
        ]
    )
    func noBroker(words: [String]) async throws {
        try await Stand.with(ladder: nil) { stand in
            let start = Ledger.monotonicNow
            let outcome = try await stand.start(words + ["-b", "127.0.0.1:1"]).outcome()
            #expect(outcome.code == 69, "\(outcome)")
            #expect(outcome.error.contains("127.0.0.1:1"), "\(outcome)")
            #expect(Ledger.monotonicNow - start < 30_000_000_000)
            #expect(outcome.output.isEmpty)
        }
    }

    @Test(
        "a queue that does not exist is 1, and the command that makes it is named",
        arguments: [["enqueue", "--type", "t"], ["work", "--exec", "true"], ["topics", "show"], ["dlq", "list"]]
    )
    func noQueue(words: [String]) async throws {
        try await Stand.with(ladder: nil) { stand in
            var words = words
            words.insert(stand.queue, at: ["topics", "dlq"].contains(words[0]) ? 2 : 1)
            let outcome = try await stand.start(words).outcome(within: .seconds(30))
            #expect(outcome.code == 1, "\(outcome)")
            #expect(outcome.error.contains("kokanee topics create \(stand.queue)"), "\(outcome)")
        }
    }

    @Test("a worker of several queues works them all")
    func severalQueues() async throws {
        try await Stand.with { one in
            try await Stand.with(on: one.bootstrapServers) { other in
                for stand in [one, other] {
                    try await stand.enqueue((0..<10).map { #"{"type":"t","id":"\#(stand.queue)-\#($0)","data":1}"# })
                }
                let notes = one.scratch.file("notes").path
                let outcome = try await one.kokanee(
                    "work",
                    one.queue,
                    other.queue,
                    "--exec",
                    "echo $KOKANEE_JOB_ID >>'\(notes)'",
                    "--until-idle",
                    "--json"
                )
                #expect(outcome.code == 0, "\(outcome)")
                #expect(try outcome.object(Stand.Summary.self).completed == 20)
                let ids = try String(contentsOfFile: notes, encoding: .utf8).split(separator: "\n")
                #expect(Set(ids).count == 20)
                #expect(try await one.lag().isEmpty)
                #expect(try await other.lag().isEmpty)
            }
        }
    }

    @Test("-X is over -F, which is over the environment")
    func precedence() async throws {
        try await Stand.with { stand in
            let file = stand.scratch.file("client.properties")
            try "bootstrap.servers=127.0.0.1:1\n".write(to: file, atomically: true, encoding: .utf8)
            let overridden = try await stand.kokanee("topics", "show", stand.queue, "--ladder", "1s", "-F", file.path)
            #expect(overridden.code == 69, "\(overridden)")
            let property = "bootstrap.servers=\(stand.bootstrapServers)"
            let back = try await stand.kokanee(
                "topics",
                "show",
                stand.queue,
                "--ladder",
                "1s",
                "-F",
                file.path,
                "-X",
                property
            )
            #expect(back.code == 0, "\(back)")
        }
    }

    @Test("an idle queue says so and exits 0")
    func nothingToDo() async throws {
        try await Stand.with { stand in
            let outcome = try await stand.kokanee(
                "work",
                stand.queue,
                "--exec",
                "true",
                "--until-idle",
                "--json",
                within: .seconds(30)
            )
            #expect(outcome.code == 0, "\(outcome)")
            let summary = try outcome.object(Stand.Summary.self)
            #expect(summary.completed == 0)
            #expect(summary.dead == 0)
        }
    }

    @Test("the embedded broker's first line names its address, and its file is fit for -F")
    func broker() async throws {
        try await Stand.with(ladder: nil) { stand in
            let file = stand.scratch.file("dev.properties")
            let broker = try stand.start(
                ["broker", "--queue", "orders", "--partitions", "2", "--ladder", "1s", "--write-config", file.path]
            )
            try await eventually("the broker says where it is") { broker.output.contains("\n") }
            #expect(broker.output.hasPrefix("bootstrap.servers=127.0.0.1:"), "\(broker.output)")
            let sent = try await stand.kokanee(
                "enqueue",
                "orders",
                "--type",
                "t",
                "--data",
                "1",
                "--id",
                "one",
                "-F",
                file.path
            )
            #expect(sent.code == 0, "\(sent)")
            let worked = try await stand.kokanee(
                "work",
                "orders",
                "--exec",
                "test \"$(cat)\" = 1",
                "--until-idle",
                "--json",
                "-F",
                file.path
            )
            #expect(worked.code == 0, "\(worked)")
            #expect(try worked.object(Stand.Summary.self).completed == 1)
            broker.signal(SIGTERM)
            let ended = try await broker.outcome(within: .seconds(20))
            #expect(ended.code == 0, "\(ended)")
        }
    }
}
