import RdKafka
import TestSupport
import Testing

@Suite("The producer's pulse")
struct ProducerPulseTests {
    @Test("its thread goes round also where nothing is produced, and an acknowledged record waits no more")
    func calm() async throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 1)
        let producer = try Producer(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        let before = producer.pulse(now: .now).turns
        try await eventually("it goes round") { producer.pulse(now: .now).turns > before + 3 }
        _ = try await producer.send(ProducerRecord(topic: "t", value: "v"))
        try await eventually("nothing waits") { producer.pulse(now: .now).load?.oldest == nil }
        await producer.close()
    }

    @Test("the age of the oldest record that waits is told, but for those produced in passing")
    func waiting() async throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 1)
        let producer = try Producer(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        broker.failNext(.produce, with: Array(repeating: .notLeader, count: 10_000))
        producer.produceInPassing(ProducerRecord(topic: "t", value: "1")) { _ in }
        try await eventually("it waits") { producer.pulse(now: .now).load?.unacknowledged == 1 }
        #expect(producer.pulse(now: .now + .seconds(100)).load?.oldest == nil)
        producer.produce(ProducerRecord(topic: "t", value: "2")) { _ in }
        let load = producer.pulse(now: .now + .seconds(100)).load
        #expect(try #require(load?.oldest) > .seconds(99))
        broker.stopFailing(.produce)
        await producer.close()
    }

    @Test("an acknowledgement tells the broker's time where the topic has LogAppendTime, else the record's")
    func timestamps() async throws {
        let cluster = try await TestCluster.shared(.server)
        let producer = try Producer(cluster.configuration)
        let stamped = try await cluster.makeTopic(configs: ["message.timestamp.type": "LogAppendTime"])
        let plain = try await cluster.makeTopic()
        let byBroker = try await producer.send(ProducerRecord(topic: stamped, value: "v", timestamp: 1000))
        #expect(byBroker.timestampType == .logAppendTime && byBroker.timestamp > 1_600_000_000_000)
        let byProducer = try await producer.send(ProducerRecord(topic: plain, value: "v", timestamp: 1000))
        #expect(byProducer.timestampType == .createTime && byProducer.timestamp == 1000)
        await producer.close()
    }

    @Test("the embedded broker's made-up time is none")
    func noTimestamp() async throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 1)
        let producer = try Producer(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        let delivery = try await producer.send(ProducerRecord(topic: "t", value: "v"))
        #expect(delivery.timestampType == .none && delivery.timestamp == -1)
        await producer.close()
    }
}
