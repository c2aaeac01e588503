import RdKafka
import TestSupport
import Testing

@Suite("Test brokers", .timeLimit(.minutes(2)))
struct BrokerProcessTests {
    @Test("a broker process keeps its data across a restart")
    func restart() async throws {
        let broker = try await BrokerProcess()
        let admin = try AdminClient(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        #expect(try await admin.createTopics([NewTopic(name: "kept", partitions: 2)]).isEmpty)
        try await broker.stop()
        let down = try await kafkaError {
            let fresh = try AdminClient(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
            try await fresh.reachable(timeout: .milliseconds(500))
        }
        #expect(down != nil)
        try await broker.start()
        try await eventually("the topic is there again") {
            try await admin.metadata().partitions(of: "kept")?.count == 2
        }
    }

    @Test("an oracle that fails says so, with its stderr")
    func oracleFailure() async throws {
        await #expect(throws: Oracle.Failed.self) { try await Oracle.run("sh", ["-c", "echo no >&2; exit 3"]) }
        await #expect(throws: Oracle.Failed.self) { try await Oracle.run("no-such-program-of-ours", []) }
    }
}
