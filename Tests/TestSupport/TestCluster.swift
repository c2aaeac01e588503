internal import Foundation
public import RdKafka
internal import Synchronization

/// A cluster that suites share: topics and groups have names of their own, so that tests can run beside each other.
public final class TestCluster: Sendable {
    /// What a test can run against, for `@Test(arguments:)`.
    public enum Kind: String, CaseIterable, Sendable, CustomStringConvertible {
        /// librdkafka's mock cluster with three brokers.
        case embedded
        /// A broker in its own process; any Kafka instead where `KOKANEE_TEST_BOOTSTRAP` names one.
        case server

        public var description: String { rawValue }
    }

    public let kind: Kind
    public let bootstrapServers: String
    /// The embedded cluster, where it is one.
    public let embedded: EmbeddedBroker?
    public let admin: AdminClient
    private let process: BrokerProcess?

    public var configuration: ClientConfiguration { ClientConfiguration(bootstrapServers: bootstrapServers) }

    /// The cluster of a kind, started at the first asking; it ends with the test process.
    ///
    /// - Throws: where it can't be started: a broker that is not installed is an error, not a reason to skip.
    public static func shared(_ kind: Kind) async throws -> TestCluster {
        let task = clusters.withLock { clusters in
            if let known = clusters[kind] { return known }
            let task = Task { try await TestCluster(kind) }
            clusters[kind] = task
            return task
        }
        return try await task.value
    }

    private static let clusters = Mutex<[Kind: Task<TestCluster, any Error>]>([:])

    private init(_ kind: Kind) async throws {
        self.kind = kind
        switch kind {
        case .embedded:
            let broker = try EmbeddedBroker(brokers: 3)
            embedded = broker
            process = nil
            bootstrapServers = broker.bootstrapServers
        case .server:
            embedded = nil
            if let external = ProcessInfo.processInfo.environment["KOKANEE_TEST_BOOTSTRAP"] {
                process = nil
                bootstrapServers = external
            } else {
                let broker = try await BrokerProcess()
                process = broker
                bootstrapServers = broker.bootstrapServers
            }
        }
        admin = try AdminClient(ClientConfiguration(bootstrapServers: bootstrapServers))
        try await admin.reachable(timeout: .seconds(20))
    }

    /// A name that no other test or run has.
    public static func uniqueName(_ prefix: String) -> String {
        "\(prefix).\(run).\(counter.add(1, ordering: .relaxed).newValue)"
    }

    private static let run = String(UInt32.random(in: .min ... .max), radix: 36)
    private static let counter = Atomic(0)

    /// Creates a topic with a unique name and waits until it shows.
    public func makeTopic(
        _ prefix: String = "topic",
        partitions: Int = 1,
        configs: [String: String] = [:]
    ) async throws -> String {
        let name = Self.uniqueName(prefix)
        try await makeTopic(named: name, partitions: partitions, configs: configs)
        return name
    }

    /// Creates a topic and waits until it shows. The embedded broker knows no configs: they are left out there.
    public func makeTopic(named name: String, partitions: Int, configs: [String: String] = [:]) async throws {
        if let embedded {
            return try embedded.createTopic(name, partitions: partitions, replicationFactor: 3)
        }
        let failures = try await admin.createTopics([NewTopic(name: name, partitions: partitions, configs: configs)])
        if let failure = failures[name] { throw failure }
        try await eventually("topic \(name) shows") {
            try await self.admin.metadata(topics: [name]).partitions(of: name)?.count == partitions
        }
    }
}
