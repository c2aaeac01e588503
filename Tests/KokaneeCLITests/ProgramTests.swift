import Foundation
import Kokanee
import RdKafka
import Testing

@testable import kokanee

@Suite(.timeLimit(.minutes(1)))
struct ProgramTests {
    struct Run {
        let code: ExitCode
        let output: Recorder
        let error: Recorder
    }

    static func run(
        _ words: [String],
        servers: String? = nil,
        interruption: Interruption = Interruption(),
        error: Recorder = Recorder(),
        isRead: Bool = true
    ) async -> Run {
        let output = Recorder()
        let program = Program(
            environment: servers.map { [Connection.environmentVariable: $0] } ?? [:],
            output: isRead ? output.sink() : TextSink { _ in throw TextSink.ReaderGone() },
            error: error.sink(),
            interruption: interruption
        )
        return Run(code: await program.run(words), output: output, error: error)
    }

    /// A broker with the topics of queue `orders`, run by the command itself.
    static func withBroker(partitions: Int = 2, _ body: (_ servers: String) async throws -> Void) async throws {
        let interruption = Interruption()
        let output = Recorder()
        let program = Program(
            environment: [:],
            output: output.sink(),
            error: Recorder().sink(),
            interruption: interruption
        )
        async let code = program.run(["broker", "--queue", "orders", "--partitions", "\(partitions)", "--ladder", "1s"])
        let line = await output.firstLine()
        let parts = line.split(separator: "=")
        #expect(parts.first == "bootstrap.servers")
        try await body(String(parts.last ?? ""))
        interruption.request()
        #expect(await code == .success)
    }

    static func file(_ text: String) throws -> String {
        let url = FileManager.default.temporaryDirectory.appending(path: "kokanee-\(UUID().uuidString).ndjson")
        try Data(text.utf8).write(to: url)
        return url.path()
    }

    @Test("--help works on every command, goes to stdout and exits 0", arguments: Program.root.paths)
    func help(path: [String]) async {
        let run = await Self.run(path + ["--help"])
        #expect(run.code == .success)
        #expect(run.output.text.contains("Usage: \((["kokanee"] + path).joined(separator: " "))"))
        #expect(run.output.text.contains("Examples:"))
        #expect(run.error.text.isEmpty)
    }

    @Test("--version works on every command, whatever else is wrong", arguments: Program.root.paths)
    func version(path: [String]) async {
        let run = await Self.run(path + ["--redact", "a..b", "--version"])
        #expect(run.code == .success)
        #expect(run.output.text == "kokanee \(Program.version)\n")
        #expect(run.error.text.isEmpty)
    }

    @Test("broker --brokers runs a cluster of so many")
    func brokers() async throws {
        let interruption = Interruption()
        let output = Recorder()
        let program = Program(
            environment: [:],
            output: output.sink(),
            error: Recorder().sink(),
            interruption: interruption
        )
        async let code = program.run(["broker", "--brokers", "3", "--queue", "orders"])
        let servers = await output.firstLine().split(separator: "=").last ?? ""
        let admin = try AdminClient(ClientConfiguration(bootstrapServers: String(servers)))
        #expect(try await admin.metadata().brokers.count == 3)
        interruption.request()
        #expect(await code == .success)
    }

    @Test("wrong use exits 64 with one clear line and how to get help, and says nothing on stdout")
    func usage() async {
        let run = await Self.run(["topics", "create", "orders", "--partition", "3"])
        #expect(run.code == .usage)
        #expect(
            run.error.lines == [
                "kokanee: unknown flag --partition (did you mean --partitions?)", "See `kokanee topics create --help`.",
            ]
        )
        #expect(run.output.text.isEmpty)
    }

    @Test(
        "what a queue or a number can't be is wrong use",
        arguments: [
            ["topics", "show", "a/b"], ["topics", "show", "orders.dlq"],
            ["topics", "create", "q", "--ladder", "2s,1s"],
            ["topics", "create", "q", "--partitions", "0"], ["enqueue", "q"], ["enqueue", "q", "--keep-going"],
            ["enqueue", "q", "--type", "t", "--delay", "soon"], ["enqueue", "q", "--file", "-", "--data", "1"],
            ["enqueue", "q", "--type", "t", "--delay", "1s", "--at", "now"], ["completion", "tcsh"],
            ["enqueue", "q", "--type", "t", "--payload-version", "0"],
            ["enqueue", "q", "--type", "t", "--payload-version", "two"],
            ["enqueue", "q", "--type", "t", "--version", "2"],
            ["cron", "add", "q", "n", "--type", "t", "--schedule", "@daily", "--version", "2"],
            ["cron", "add", "q", "n", "--type", "t", "--schedule", "@daily", "--payload-version", "-1"],
            ["enqueue", "q", "--type", ""], ["enqueue", "q", "--type", "t", "--id", ""],
            ["enqueue", "q", "--type", "t", "--delay", "400d"],
            ["enqueue", "q", "--type", "t", "--delay", "10m", "--expires", "5m"],
            ["enqueue", "q", "--type", "t", "--idempotency-window", "1h"],
            ["work", "q", "q", "--exec", "true"], ["work", "q.dlq", "--exec", "true"],
            ["work", "q", "--exec", "true", "--wedge-limit", "500ms"],
            ["bench", "-X", "linger.ms=5"], ["bench", "-b", "127.0.0.1:1", "--rows", "wrok"],
        ]
    )
    func wrongUse(words: [String]) async {
        #expect(await Self.run(words).code == .usage)
    }

    @Test("--payload-version is the payload's, and --version with a value is refused", arguments: [1, 7])
    func payloadVersion(version: Int) async throws {
        let parser = CommandLineParser(root: Program.root, globals: Program.globals)
        let words = ["enqueue", "q", "--type", "t", "--payload-version", "\(version)"]
        let context = Context(
            values: try parser.parse(words).values,
            console: Console(output: Recorder().sink(), error: Recorder().sink()),
            interruption: Interruption(),
            environment: [:]
        )
        #expect(try Command.job(context).version == version)
        let mistaken = await Self.run(["enqueue", "q", "--type", "t", "--version", "\(version)"])
        #expect(mistaken.code == .usage && mistaken.output.text.isEmpty)
        #expect(mistaken.error.text.contains("the payload's is --payload-version"), "\(mistaken.error.text)")
        let asked = await Self.run(["enqueue", "q", "--version"])
        #expect(asked.code == .success && asked.output.text.contains(Program.version))
    }

    @Test("a schedule has the payload's version, and shows its payload without redacted fields")
    func cronVersion() async throws {
        try await Self.withBroker { servers in
            let add = ["cron", "add", "orders", "n", "--type", "t", "--schedule", "@daily"]
            let data = #"{"email":"a@b.c","n":1}"#
            let added = await Self.run(add + ["--payload-version", "3", "--data", data], servers: servers)
            #expect(added.code == .success, "\(added.error.text)")
            let paused = await Self.run(["pause", "orders"], servers: servers)
            #expect(paused.error.text.contains("schedule n of orders fires all the same"), "\(paused.error.text)")
            let listed = await Self.run(["cron", "list", "orders", "--json", "--redact", "email"], servers: servers)
            #expect(listed.output.text.contains(#""version":3"#), "\(listed.output.text)")
            #expect(listed.output.text.contains(#""data":{"email":"[redacted]","n":1}"#), "\(listed.output.text)")
            let changed = await Self.run(add + ["--data", "{}", "--redact", "email"], servers: servers)
            #expect(changed.error.text.contains("version 3 → 1"), "\(changed.error.text)")
            #expect(!changed.error.text.contains("a@b.c"), "\(changed.error.text)")
        }
    }

    @Test("bench measures on no Kafka that the command line does not name, and says so")
    func benchWithoutKafka() async throws {
        let path = try Self.file("security.protocol=ssl")
        defer { try? FileManager.default.removeItem(atPath: path) }
        let run = await Self.run(["bench", "--command-config", path], servers: "127.0.0.1:1")
        #expect(run.code == .usage && run.output.text.isEmpty)
        #expect(run.error.text.contains("name it too, by -b or their bootstrap.servers"), "\(run.error.text)")
    }

    @Test(
        "no broker is 69 within seconds, and names the address",
        arguments: [
            ["enqueue", "q", "--type", "t"], ["topics", "show", "q"], ["bench", "-b", "127.0.0.1:1"],
            ["bench", "-X", "bootstrap.servers=127.0.0.1:1"],
        ]
    )
    func noBroker(words: [String]) async {
        let start = ContinuousClock.now
        let run = await Self.run(words, servers: "127.0.0.1:1")
        #expect(run.code == .unavailable)
        #expect(run.error.text.contains("no broker answers at 127.0.0.1:1; is it running? -b sets the address"))
        #expect(ContinuousClock.now - start < .seconds(30))
    }

    @Test(
        "what --knows names is checked before anything begins",
        arguments: [
            ["work", "q", "--exec", "true"], ["replay", "q", "--from", "-1h", "--execute", "--exec", "true"],
            ["replay", "q", "--from", "-1h", "--rehearse", "--exec", "true"],
        ]
    )
    func knownTypes(words: [String]) async {
        let run = await Self.run(words + ["--knows", "@x"], servers: "127.0.0.1:1")
        #expect(run.code == .usage)
        #expect(run.error.text.contains("--knows is TYPE or TYPE@VERSION"))
    }

    @Test("a closed stdout ends a command quietly")
    func readerGone() async {
        let error = Recorder()
        let program = Program(
            environment: [:],
            output: TextSink { _ in throw TextSink.ReaderGone() },
            error: error.sink(),
            interruption: Interruption()
        )
        #expect(await program.run(["completion", "bash"]) == .success)
        #expect(error.text.isEmpty)
    }

    @Test("an interruption ends a command that waits, with 130")
    func interrupted() async {
        let interruption = Interruption()
        async let run = Self.run(["topics", "show", "q"], servers: "127.0.0.1:1", interruption: interruption)
        interruption.request()
        #expect(await run.code == .interrupted)
    }

    @Test("topics are made once, and shown as they are")
    func topics() async throws {
        try await Self.withBroker { servers in
            let shown = await Self.run(["topics", "show", "orders", "--ladder", "1s", "--json"], servers: servers)
            #expect(shown.code == .success)
            #expect(
                shown.output.lines.first
                    == #"{"topic":"orders","partitions":2,"state":"ok","differences":[],"found":2}"#
            )
            let other = ["topics", "show", "orders", "--ladder", "5s", "--partitions", "3", "--json"]
            let differs = await Self.run(other, servers: servers)
            #expect(differs.code == .failure)
            let lines = differs.output.lines
            #expect(lines.first?.hasPrefix(#"{"topic":"orders","partitions":3,"state":"differs","#) == true)
            #expect(lines.first?.hasSuffix(#","found":2}"#) == true)
            let rung = #"{"topic":"orders.retry.5s","partitions":3,"state":"missing","differences":[],"found":null}"#
            #expect(lines.contains(rung), "\(lines)")
            let missing = await Self.run(["topics", "show", "mail"], servers: servers)
            #expect(missing.code == .failure)
            #expect(missing.error.text.contains("create them with: kokanee topics create mail"))
            let created = await Self.run(["topics", "create", "mail"], servers: servers)
            #expect(created.code == .success)
            #expect(created.output.lines.count == 10)
            let again = await Self.run(["topics", "create", "mail"], servers: servers)
            #expect(again.code == .success)
            #expect(again.error.lines == ["nothing to do: all topics of mail are there"])
            let many = await Self.run(["topics", "create", "many", "--partitions", "8"], servers: servers)
            #expect(many.code == .failure)
            #expect(many.error.text.contains("kokanee broker --queue many --partitions 8"))
        }
    }

    @Test("without --ladder a queue is held against the rungs that it has, and gets no others")
    func ownLadder() async throws {
        try await Self.withBroker { servers in
            let shown = await Self.run(["topics", "show", "orders", "--json"], servers: servers)
            #expect(shown.code == .success, "\(shown.error.text)")
            #expect(shown.output.lines.filter { $0.contains("orders.retry.") }.count == 1, "\(shown.output.text)")
            let named = ["topics", "show", "orders", "--ladder", "\(Ladder.standard)"]
            let standard = await Self.run(named, servers: servers)
            #expect(standard.code == .failure)
            let advice = "create them with: kokanee topics create orders --ladder \(Ladder.standard)\n"
            #expect(standard.error.text.contains(advice), "\(standard.error.text)")
            let made = await Self.run(["topics", "create", "mail", "--ladder", "1s,5s"], servers: servers)
            #expect(made.code == .success, "\(made.error.text)")
            let more = await Self.run(["topics", "create", "mail", "--priorities", "--json"], servers: servers)
            #expect(more.code == .success, "\(more.error.text)")
            #expect(more.output.lines.filter { $0.contains("mail.retry.") }.count == 2, "\(more.output.text)")
            #expect(more.output.lines.filter { $0.contains(#""state":"created""#) }.count == 2, "\(more.output.text)")
        }
    }

    @Test("the command that an error advises asks for all that was asked for")
    func advice() async throws {
        try await Self.withBroker { servers in
            let flags = "--partitions 8 --ladder 1s,5s --priorities"
            let words = ["mail"] + flags.split(separator: " ").map(String.init)
            let missing = await Self.run(["topics", "show"] + words, servers: servers)
            #expect(missing.code == .failure)
            let create = "create them with: kokanee topics create mail \(flags)\n"
            #expect(missing.error.text.contains(create), "\(missing.error.text)")
            let refused = await Self.run(["topics", "create"] + words, servers: servers)
            #expect(refused.code == .failure)
            let start = "start it with: kokanee broker --queue mail \(flags)\n"
            #expect(refused.error.text.contains(start), "\(refused.error.text)")
            let some = await Self.run(["topics", "show", "orders", "--priorities"], servers: servers)
            let advice = "with: kokanee topics create orders --ladder 1s --priorities\n"
            #expect(some.error.text.contains(advice), "\(some.error.text)")
        }
    }

    @Test("one job is enqueued, and its id printed")
    func enqueueOne() async throws {
        try await Self.withBroker { servers in
            let words = ["enqueue", "orders", "--type", "t", "--data", "[1]", "--key", "k", "--id", "j1"]
            let plain = await Self.run(words, servers: servers)
            #expect(plain.code == .success)
            #expect(plain.output.text == "j1\n")
            let json = await Self.run(words + ["--json"], servers: servers)
            #expect(json.output.text.hasPrefix(#"{"id":"j1","topic":"orders","partition":"#))
            let notJSON = await Self.run(["enqueue", "orders", "--type", "t", "--data", "{x}"], servers: servers)
            #expect(notJSON.code == .input)
            #expect(notJSON.error.text.contains("--data is not JSON"))
            let noQueue = await Self.run(["enqueue", "nosuch", "--type", "t"], servers: servers)
            #expect(noQueue.code == .failure)
            #expect(noQueue.error.text.contains("kokanee topics create nosuch"))
        }
    }

    @Test("a bad line is named, what is before it is sent, and what is after it only with --keep-going")
    func enqueueFile() async throws {
        let path = try Self.file(
            """
            {"type":"t","data":1}

            {"data":2,"key":"k"}
            {"type":"t","dat":3}
            {"type":"t","data":"\(String(repeating: "x", count: 1_100_000))"}
            {"type":"t","data":4}
            """
        )
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await Self.withBroker { servers in
            let words = ["enqueue", "orders", "--file", path, "--type", "other", "--json"]
            let stopped = await Self.run(words, servers: servers)
            #expect(stopped.code == .input)
            #expect(stopped.output.text.hasPrefix(#"{"sent":2,"rejected":1,"seconds":"#))
            #expect(stopped.error.lines.first == #"line 4: unknown member "dat" (did you mean data?)"#)
            let whole = await Self.run(words + ["--keep-going"], servers: servers)
            #expect(whole.code == .input)
            #expect(whole.output.text.hasPrefix(#"{"sent":3,"rejected":2,"seconds":"#))
            #expect(whole.error.text.contains("line 5: a payload of 1100002 bytes is too large"))
        }
    }

    @Test("neighbours that failed for the same reason are told together")
    func groupedFailures() {
        #expect(
            BulkEnqueue.grouped([(1, "a"), (2, "a"), (4, "a"), (5, "b"), (6, "a")]) == [
                "lines 1 to 4: a", "line 5: b", "line 6: a",
            ]
        )
        #expect(BulkEnqueue.grouped([]).isEmpty)
    }

    @Test("wrong input does not hide that the brokers failed")
    func tally() {
        var tally = BulkEnqueue.Tally()
        tally.reject(JobLine.Problem(line: 1, message: "x"))
        #expect(tally.code == .input)
        let undelivered = KafkaError(code: .localMessageTimedOut, operation: "x")
        tally.reject(undelivered)
        #expect(tally.code == .failure)
        tally.reject(InputError("x"))
        #expect(tally == BulkEnqueue.Tally(sent: 0, rejected: 3, code: .failure, undelivered: undelivered))
    }

    @Test("a file of many chunks arrives whole")
    func enqueueManyChunks() async throws {
        let count = 30_000
        let path = try Self.file(
            (0..<count).map { #"{"type":"t","data":{"number":\#($0)},"key":"k"}"# }.joined(separator: "\n")
        )
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await Self.withBroker { servers in
            let run = await Self.run(["enqueue", "orders", "--file", path, "--json"], servers: servers)
            #expect(run.code == .success)
            #expect(run.output.text.hasPrefix(#"{"sent":\#(count),"rejected":0,"seconds":"#))
            let next = await Self.run(
                ["enqueue", "orders", "--type", "t", "--data", "1", "--key", "k", "--json"],
                servers: servers
            )
            #expect(next.output.text.contains(#""offset":\#(count)}"#))
        }
    }
}

extension Command {
    /// The words after `kokanee` that name it and its subcommands.
    var paths: [[String]] {
        [[]] + subcommands.flatMap { child in child.paths.map { [child.name] + $0 } }
    }
}
