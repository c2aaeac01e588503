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
}
