import Foundation
import Kokanee
import RdKafka
import TestSupport
import Testing

@testable import kokanee

// How a command comes to its brokers, and what it says where they are not to be had.
extension ProgramTests {
    @Test(
        "what is wrong by itself is told before anybody is connected to",
        arguments: [
            ("cancel q ID,", ExitCode.usage, "a job's id is not empty"),
            ("replay q --from -1h --execute --exec true --by,", .usage, "--by has 1 to 1000 bytes"),
            ("replay q --from -1h --execute --exec true --reason,", .usage, "--reason has 1 to 1000 bytes"),
            (
                "-X security.protocol=sasl_plaintext -X sasl.mechanisms=PLAIN status", .input,
                "the client's properties (-F, -X) don't go together"
            ),
        ]
    )
    func wrongByItself(line: String, code: ExitCode, message: String) async {
        // A comma ends the line with an empty word.
        let words = line.split(separator: " ").flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }
        let run = await Self.run(words.map(String.init), servers: "localhost:1")
        #expect(run.code == code)
        #expect(run.error.text.contains(message), "\(run.error.text)")
    }

    @Test("a property file that can be read once only is read once, also where the command fails")
    func pipedProperties() async throws {
        let servers = try await TestCluster.shared(.embedded).bootstrapServers
        let path = FileManager.default.temporaryDirectory.appending(path: "kokanee-\(UUID().uuidString)").path()
        try #require(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        OSThread.start(name: "writer") {
            // Opened once there is a reader.
            let descriptor = open(path, O_WRONLY | O_CLOEXEC)
            let text = Array("bootstrap.servers=\(servers)\n".utf8)
            _ = write(descriptor, text, text.count)
            close(descriptor)
        }
        let run = await Self.run(["-F", path, "status", "nope"])
        #expect(run.code == .failure)
        #expect(run.error.text.hasPrefix("kokanee: there is no queue nope; "), "\(run.error.text)")
    }

    @Test("a job that is not delivered in time is 69 where no broker answers any more, and else its own error")
    func undelivered() async throws {
        let error = KafkaError(code: .localMessageTimedOut, operation: "producing")
        func cause(_ servers: String) async throws -> any Error {
            let parser = CommandLineParser(root: Program.root, globals: Program.globals)
            let context = Context(
                values: try parser.parse(["-b", servers, "status"]).values,
                console: Console(output: Recorder().sink(), error: Recorder().sink()),
                interruption: Interruption(),
                environment: [:]
            )
            return await context.cause(of: error)
        }
        #expect((try await cause("localhost:1") as? Failure)?.code == .unavailable)
        let servers = try await TestCluster.shared(.embedded).bootstrapServers
        #expect(try await cause(servers) as? KafkaError == error)
    }

    /// Enqueues a job at a broker that gets it and does not acknowledge it.
    private static func enqueueUnheard(
        _ words: [String],
        interruption: Interruption = Interruption(),
        meanwhile body: (AdminClient) async throws -> Void = { _ in }
    ) async throws -> Run {
        let broker = try EmbeddedBroker()
        defer { withExtendedLifetime(broker) {} }
        let queue = try Queue("q")
        for topic in queue.allTopics { try broker.createTopic(topic, partitions: 1) }
        for _ in 0..<10 { try broker.delayNext(.produce, ofBroker: 1, by: .seconds(30)) }
        let servers = broker.bootstrapServers
        async let run = Self.run(["enqueue", "q", "--type", "t"] + words, servers: servers, interruption: interruption)
        try await body(try AdminClient(ClientConfiguration(bootstrapServers: servers)))
        return await run
    }

    @Test("a job of which nothing is heard in time is named, with how to send it again")
    func unheard() async throws {
        let run = try await Self.enqueueUnheard(["-X", "message.timeout.ms=2000"])
        #expect(run.code == .failure && run.output.text.isEmpty)
        let advice = /job ([0-9a-f-]{36}) may be in the queue: send it again only with --id ([0-9a-f-]{36})\n/
        let match = try #require(run.error.text.firstMatch(of: advice), "\(run.error.text)")
        #expect(match.output.1 == match.output.2)
    }

    @Test("so is one under whose sending the command is interrupted")
    func interruptedSending() async throws {
        let interruption = Interruption()
        let run = try await Self.enqueueUnheard(["--id", "j1"], interruption: interruption) { admin in
            let place = TopicPartition(topic: "q", partition: 0)
            try await eventually("the broker has the job", within: .seconds(30)) {
                try await admin.listOffsets([place], .latest)[place] == 1
            }
            interruption.request()
        }
        #expect(run.code == .interrupted && run.output.text.isEmpty)
        let advice = "job j1 may be in the queue: send it again only with --id j1\n"
        #expect(run.error.text.contains(advice), "\(run.error.text)")
    }

    /// Makes a pipe that nobody else opens until `body` has ended, and lets go of whoever waits for that then.
    private static func withPipe(_ body: (_ path: String) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "kokanee-\(UUID().uuidString)").path()
        try #require(mkfifo(path, 0o600) == 0)
        defer {
            // On Linux this waits for nobody, and is either end.
            close(open(path, O_RDWR | O_CLOEXEC))
            unlink(path)
        }
        try await body(path)
    }

    @Test(
        "an interruption ends a command that waits for a pipe's writer",
        arguments: [["enqueue", "q"], ["dlq", "import", "q"]]
    )
    func interruptedOpening(words: [String]) async throws {
        try await Self.withPipe { path in
            let interruption = Interruption()
            async let run = Self.run(words + ["--file", path], interruption: interruption)
            interruption.request()
            #expect(await run.code == .interrupted)
        }
    }

    @Test("an interruption ends the wait for a pipe's reader")
    func interruptedOpeningOutput() async throws {
        try await Self.withPipe { path in
            let interruption = Interruption()
            let parser = CommandLineParser(root: Program.root, globals: Program.globals)
            let context = Context(
                values: try parser.parse(["status"]).values,
                console: Console(output: Recorder().sink(), error: Recorder().sink()),
                interruption: interruption,
                environment: [:]
            )
            let file = Task { try await context.opening { try WholeFile(path: path) } }
            interruption.request()
            await #expect(throws: CancellationError.self) { _ = try await file.value }
        }
    }

    @Test("a queue that can't be read hides no other from the status of all")
    func unreadableQueue() async throws {
        let broker = try EmbeddedBroker()
        defer { withExtendedLifetime(broker) {} }
        for name in ["a", "b"] {
            for topic in try Queue(name).allTopics { try broker.createTopic(topic, partitions: 1) }
        }
        broker.setTopicError("a", to: .topicAuthorizationFailed)
        let all = await Self.run(["status", "--json"], servers: broker.bootstrapServers)
        #expect(all.code == .failure)
        #expect(all.output.lines.count == 1 && all.output.text.hasPrefix(#"{"queue":"b","#), "\(all.output.text)")
        #expect(all.error.text.contains("queue a can't be read: "), "\(all.error.text)")
        #expect(all.error.text.hasSuffix("kokanee: 1 of 2 queues can't be read\n"), "\(all.error.text)")
        let named = await Self.run(["status", "a"], servers: broker.bootstrapServers)
        #expect(named.code == .failure && named.output.text.isEmpty)
    }

    @Test("a replay that can't be read is named beside its queue's status")
    func unreadableReplay() async throws {
        try await Self.withBroker { servers in
            let id = "20261125-214400-k3f9"
            let book = try ReplayBook(ClientConfiguration(bootstrapServers: servers))
            try await book.begin(
                ReplayRecord.Beginning(
                    id: id,
                    kind: .side,
                    queue: "orders",
                    group: "kokanee.orders.replay.\(id)",
                    at: Timestamp.now,
                    by: "ann",
                    words: "replay",
                    ladder: "no ladder"
                )
            )
            let run = await Self.run(["status", "orders", "--json"], servers: servers)
            #expect(run.code == .success && run.output.text.hasPrefix(#"{"queue":"orders","#), "\(run.error.text)")
            #expect(run.error.text.contains("replay \(id) of orders can't be read: "), "\(run.error.text)")
        }
    }
}
