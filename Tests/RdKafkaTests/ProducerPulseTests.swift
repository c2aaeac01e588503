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
        let delivery = try await producer.send(ProducerRecord(topic: "t", value: "v"))
        #expect(delivery.timestamp > 1_600_000_000_000 && delivery.timestampType == .createTime)
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
}
