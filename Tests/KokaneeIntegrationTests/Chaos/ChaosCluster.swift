import Foundation
import Kokanee
import RdKafka
import TestSupport

/// The brokers of a chaos run, and what can be done to them.
final class ChaosCluster: Sendable {
    let profile: ChaosProfile
    let bootstrapServers: String
    private let embedded: EmbeddedBroker?
    private let process: BrokerProcess?

    init(_ profile: ChaosProfile) async throws {
        self.profile = profile
        embedded = profile == .embedded ? try EmbeddedBroker(brokers: Int(ChaosProfile.embeddedBrokers)) : nil
        process = profile == .process ? try await BrokerProcess() : nil
        let external = ProcessInfo.processInfo.environment["KOKANEE_TEST_BOOTSTRAP"]
        bootstrapServers = embedded?.bootstrapServers ?? process?.bootstrapServers ?? external ?? ""
    }

    /// Creates a queue's topics.
    func createTopics(of stand: Stand) async throws {
        guard let embedded else {
            return try await stand.createTopics(partitions: profile.partitions, ladder: ChaosJobs.ladder)
        }
        for topic in stand.topics(ladder: ChaosJobs.ladder) + [Queue.controlTopic] {
            try embedded.createTopic(
                topic,
                partitions: profile.partitions,
                replicationFactor: Int(ChaosProfile.embeddedBrokers)
            )
        }
    }

    /// Does to the brokers what an event says, and undoes what is for a while; other events are none of its business.
    func perform(_ event: ChaosPlan.Event, on stand: Stand) async throws {
        switch event {
        case .brokerDown(let broker, let time):
            try embedded?.setBrokerDown(broker)
            try await Task.sleep(for: time)
            try embedded?.setBrokerUp(broker)
        case .slowBrokers(let delay, let time):
            try embedded?.setRoundTripTime(delay)
            try await Task.sleep(for: time)
            try embedded?.setRoundTripTime(.zero)
        case .refuseProduces(let count, let code):
            embedded?.failNext(.produce, with: Array(repeating: KafkaError.Code(rawValue: code), count: count))
        case .moveCoordinator(let broker):
            try embedded?.setCoordinator(ofGroup: stand.group, to: broker)
        case .moveLeaders(let partition, let broker):
            for topic in stand.topics(ladder: ChaosJobs.ladder) {
                try embedded?.setLeader(of: TopicPartition(topic: topic, partition: partition), to: broker)
            }
        case .restartBroker(let time):
            try await process?.stop()
            try await Task.sleep(for: time)
            try await process?.start()
        case .kill, .freeze, .deploy, .join, .leave: return
        }
    }

    func stop() async throws {
        try await process?.stop()
    }
}

extension Stand {
    /// The queue's topics.
    func topics(ladder: String) -> [String] {
        [queue] + rungTopics(ladder) + [deadLetterTopic, "\(queue).state"]
    }

    func rungTopics(_ ladder: String) -> [String] {
        ladder.split(separator: ",").map { "\(queue).retry.\($0)" }
    }
}
