import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("What a worker has where nobody says otherwise", .timeLimit(.minutes(2)))
struct WorkerDefaultsTests {
    @Test("its group misses it after 15 seconds, or as it was told", arguments: [nil, "7000"] as [String?])
    func sessionTimeout(asked: String?) async throws {
        let fixture = try WorkerFixture()
        let told = Mutex<[String]>([])
        var client = ClientConfiguration(bootstrapServers: fixture.broker.bootstrapServers)
        client.properties["session.timeout.ms"] = asked
        // librdkafka tells then what a client was made with.
        client.properties["debug"] = "conf"
        client.log = { _, _, line in
            if line.contains("session.timeout.ms = ") { told.withLock { $0.append(line) } }
        }
        let worker = try fixture.worker(client: client) { _, _ in }
        try await running(worker) {
            try await eventually("its consumer is there") { told.withLock { !$0.isEmpty } }
        }
        let lines = told.withLock { $0 }
        #expect(lines.allSatisfy { $0.hasSuffix(" = \(asked ?? "15000")") }, "\(lines)")
    }
}
