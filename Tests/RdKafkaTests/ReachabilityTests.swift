import RdKafka
import TestSupport
import Testing

@Suite("AdminClient: brokers that do and don't answer", .timeLimit(.minutes(1)))
struct ReachabilityTests {
    @Test("a broker that answers is reachable", arguments: TestCluster.Kind.allCases)
    func reachable(kind: TestCluster.Kind) async throws {
        let cluster = try await TestCluster.shared(kind)
        try await AdminClient(cluster.configuration).reachable(timeout: .seconds(10))
    }

    @Test("where no broker answers the error names the address and the reason")
    func refused() async throws {
        let admin = try AdminClient(ClientConfiguration(bootstrapServers: "127.0.0.1:1"))
        let error = try await kafkaError { try await admin.reachable(timeout: .seconds(1)) }
        #expect(error?.description.contains("127.0.0.1:1") == true)
        #expect(error?.description.contains("Connection refused") == true, "\(String(describing: error))")

        let other = try await kafkaError { _ = try await admin.listGroups(timeout: .seconds(1)) }
        #expect(other?.operation == "listing groups")
        #expect(other?.message.contains("Connection refused") == true, "\(String(describing: other))")
    }

    @Test("a name that does not resolve is told as that")
    func unresolvable() async throws {
        let admin = try AdminClient(ClientConfiguration(bootstrapServers: "no-such-host.invalid:9092"))
        let error = try await kafkaError { try await admin.reachable(timeout: .seconds(2)) }
        #expect(error?.code == .localResolve, "\(String(describing: error))")
        #expect(error?.description.contains("no-such-host.invalid:9092") == true)
    }

    @Test("brokers that are down are not reachable, and are again when up")
    func downAndUp() async throws {
        let broker = try EmbeddedBroker(brokers: 2)
        let admin = try AdminClient(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        try await admin.reachable()
        try broker.setBrokerDown(1)
        try await admin.reachable()
        try broker.setBrokerDown()
        let error = try await kafkaError { try await admin.reachable(timeout: .seconds(1)) }
        #expect(error != nil)
        try broker.setBrokerUp()
        try await admin.reachable(timeout: .seconds(20))
    }

    @Test("a property that librdkafka refuses is named")
    func badProperty() throws {
        let configuration = ClientConfiguration(bootstrapServers: "a:1", properties: ["no.such": "1"])
        let error = #expect(throws: KafkaError.self) { try AdminClient(configuration) }
        #expect(error?.operation.contains("no.such") == true)
    }
}
