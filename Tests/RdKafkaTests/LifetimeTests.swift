import Glibc
import RdKafka
import Synchronization
import TestSupport
import Testing

/// What is let go of in the middle of something. Under AddressSanitizer these also show that nobody touches memory
/// or descriptors of what has ended.
@Suite("Lifetimes", .timeLimit(.minutes(3)))
struct LifetimeTests {
    /// Tells when the last client made with a configuration has ended: its log callback is freed after its threads.
    private final class Witness: Sendable {
        private final class Token: Sendable {
            let witness: Witness

            init(_ witness: Witness) {
                self.witness = witness
            }

            deinit { witness.ended.store(true, ordering: .sequentiallyConsistent) }
        }

        private let ended = Atomic(false)

        var hasEnded: Bool { ended.load(ordering: .sequentiallyConsistent) }

        /// To be called once.
        func configuration(_ broker: EmbeddedBroker, _ properties: [String: String] = [:]) -> ClientConfiguration {
            let token = Token(self)
            var client = ClientConfiguration(bootstrapServers: broker.bootstrapServers, properties: properties)
            client.log = { _, _, _ in withExtendedLifetime(token) {} }
            return client
        }
    }

    private struct Nothing: Error {
        let what: String
    }

    private static let topic = "t"
    private static let place = TopicPartition(topic: topic, partition: 0)

    /// A broker whose one partition holds `count` records.
    private func broker(records count: Int) async throws -> EmbeddedBroker {
        let broker = try EmbeddedBroker()
        try broker.createTopic(Self.topic, partitions: 1)
        let producer = try Producer(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        let records = (0..<count).map { index in
            ProducerRecord(
                topic: Self.topic,
                partition: 0,
                key: Bytes("key \(index)"),
                value: Bytes("value \(index)"),
                headers: [Header("number", Bytes("\(index)"))]
            )
        }
        for result in await producer.send(records) { _ = try result.get() }
        await producer.close()
        return broker
    }

    /// A member with its partition's queue, on the calling thread; what it was given is answered for 20 seconds.
    static func member(
        _ client: ClientConfiguration,
        answers: Bool = true
    ) throws -> (consumer: Consumer, queues: [PartitionQueue]) {
        let consumer = try Consumer(client, group: "g", wakeup: try Wakeup())
        try consumer.subscribe([topic])
        let end = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < end {
            consumer.wait(upTo: .milliseconds(50))
            guard case .assigned(let partitions) = consumer.nextEvent() else { continue }
            guard answers else { return (consumer, []) }
            let starts = partitions.map { ($0, Consumer.Start.beginning) }
            return (consumer, try consumer.assign(Dictionary(uniqueKeysWithValues: starts)))
        }
        throw Nothing(what: "assignment")
    }

    /// The first record, once it is there.
    static func first(of queue: PartitionQueue, _ consumer: Consumer) throws -> Record {
        var first: Record?
        let end = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < end {
            _ = queue.read(maximum: 1) { if case .record(let record) = $0 { first = record } }
            if let first { return first }
            consumer.wait(upTo: .milliseconds(50))
            _ = consumer.nextEvent()
        }
        throw Nothing(what: "record")
    }

    @Test("a client lives for as long as a record of it, or the record's value alone, and no longer")
    func records() async throws {
        let broker = try await broker(records: 20)
        let witness = Witness()
        var record: Record? = try await OSThread.run(name: "test:consumer") {
            let (consumer, queues) = try Self.member(witness.configuration(broker))
            return try Self.first(of: queues[0], consumer)
        }
        #expect(record?.headers == [Header("number", Bytes("0"))])
        var value = record?.value
        #expect(value?.text == "value 0" && record?.key?.text == "key 0" && record?.timestampType == .createTime)
        record = nil
        // If it were to end it would do so in milliseconds, on a thread of its own.
        for _ in 1...20 {
            #expect(value?.array == Array("value 0".utf8))
            #expect(!witness.hasEnded)
            try await Task.sleep(for: .milliseconds(20))
        }
        value = nil
        try await eventually("the client ends") { witness.hasEnded }
    }

    @Test("what records are read for lives as long as the last of them, and no longer")
    func context() async throws {
        final class Context: Sendable {}
        let broker = try await broker(records: 20)
        let client = ClientConfiguration(
            bootstrapServers: broker.bootstrapServers,
            properties: ["enable.partition.eof": "true"]
        )
        try await OSThread.run(name: "test:consumer") {
            let (consumer, queues) = try Self.member(client)
            var messages: [ConsumedMessage] = []
            weak var context: Context?
            var isAtEnd = false
            let end = ContinuousClock.now + .seconds(20)
            do {
                let made = Context()
                context = made
                // The end comes among them: it is no record, and keeps nothing.
                while !isAtEnd, ContinuousClock.now < end {
                    _ = queues[0].fetch(maximum: 100, context: made) { item in
                        switch item {
                        case .message(let message): messages.append(message)
                        case .end: isAtEnd = true
                        case .failed(let error): Issue.record(error)
                        }
                    }
                    consumer.wait(upTo: .milliseconds(50))
                    _ = consumer.nextEvent()
                }
            }
            #expect(isAtEnd && messages.count == 20)
            while let message = messages.popLast() {
                #expect(context != nil)
                #expect(message.value.map { String(decoding: $0, as: UTF8.self) } == "value \(messages.count)")
                message.end()
            }
            #expect(context == nil)
        }
    }

    @Test("a consumer may be let go of with records unread and commits under way", arguments: 1...5)
    func consumerInTheMiddle(run: Int) async throws {
        let broker = try await broker(records: 500)
        let witness = Witness()
        try await OSThread.run(name: "test:consumer") {
            let (consumer, queues) = try Self.member(witness.configuration(broker))
            _ = try Self.first(of: queues[0], consumer)
            try broker.setRoundTripTime(.milliseconds(20 * (run - 1)))
            for offset in 1...100 { try consumer.commit([Self.place: CommittedOffset(offset: Int64(offset))]) }
        }
        try await eventually("the client ends") { witness.hasEnded }
    }

    @Test(
        "a consumer may be let go of while the group waits for its answer, or for it to leave",
        arguments: [false, true]
    )
    func consumerInARebalance(isClosing: Bool) async throws {
        let broker = try await broker(records: 1)
        let witness = Witness()
        try await OSThread.run(name: "test:consumer") {
            let (consumer, _) = try Self.member(witness.configuration(broker), answers: false)
            if isClosing { consumer.startClosing() }
        }
        try await eventually("the client ends", within: .seconds(60)) { witness.hasEnded }
    }

    @Test("a consumer's queues and its wakeup may outlive it")
    func queuesOutlive() async throws {
        let broker = try await broker(records: 200)
        let witness = Witness()
        let wakeup = try Wakeup()
        try await OSThread.run(name: "test:consumer") {
            var member: (consumer: Consumer, queues: [PartitionQueue])? = try Self.member(witness.configuration(broker))
            let queues = member?.queues ?? []
            member = nil
            for queue in queues { _ = queue.read(maximum: 500) { _ in } }
        }
        wakeup.wake()
        try await eventually("the client ends") { witness.hasEnded }
        wakeup.wake()
    }

    @Test("a producer closed with records on their way tells all of them, once, and ends", arguments: [false, true])
    func producer(isClosed: Bool) async throws {
        let broker = try await broker(records: 1)
        try broker.setBrokerDown()
        let witness = Witness()
        let told = Mutex<[Int: Int]>([:])
        let count = 500
        do {
            let producer = try Producer(witness.configuration(broker))
            for index in 0..<count {
                let record = ProducerRecord(topic: Self.topic, partition: 0, value: Bytes("more \(index)"))
                producer.produce(record) { result in
                    if case .failure(let error) = result, error.code == .localDestroyed {
                        told.withLock { $0[index, default: 0] += 1 }
                    }
                }
            }
            if isClosed { await producer.close(within: .milliseconds(100)) }
        }
        try await eventually("all are told") { told.withLock { $0.count == count } }
        #expect(told.withLock { $0.values.allSatisfy { $0 == 1 } })
        try await eventually("the client ends") { witness.hasEnded }
    }

    @Test("a producer closed while records are acknowledged ends, whatever has come back by then", arguments: 1...5)
    func producerInTheMiddle(run: Int) async throws {
        let broker = try await broker(records: 1)
        let witness = Witness()
        let told = Atomic(0)
        let count = 2000
        do {
            let producer = try Producer(witness.configuration(broker, ["linger.ms": "\(run - 1)"]))
            for index in 0..<count {
                let record = ProducerRecord(topic: Self.topic, partition: 0, value: Bytes("more \(index)"))
                producer.produce(record) { _ in _ = told.add(1, ordering: .relaxed) }
            }
        }
        try await eventually("all are told") { told.load(ordering: .relaxed) == count }
        try await eventually("the client ends") { witness.hasEnded }
    }

    @Test("clients outlive their embedded broker, tell that it is gone, and end")
    func brokerFirst() async throws {
        let (ofConsumer, ofProducer) = (Witness(), Witness())
        let outcome = Mutex<KafkaError.Code?>(nil)
        try await OSThread.run(name: "test:consumer") {
            var broker: EmbeddedBroker? = try EmbeddedBroker()
            try broker?.createTopic(Self.topic, partitions: 1)
            let (consumer, _) = try Self.member(ofConsumer.configuration(broker!))
            let producer = try Producer(ofProducer.configuration(broker!, ["delivery.timeout.ms": "1000"]))
            broker = nil
            let end = ContinuousClock.now + .seconds(20)
            while ContinuousClock.now < end {
                consumer.wait(upTo: .milliseconds(50))
                if case .failed = consumer.nextEvent() { break }
            }
            #expect(ContinuousClock.now < end, "the consumer says nothing")
            producer.produce(ProducerRecord(topic: Self.topic, partition: 0, value: "one")) { result in
                if case .failure(let error) = result { outcome.withLock { $0 = error.code } }
            }
            while outcome.withLock({ $0 == nil }), ContinuousClock.now < end { usleep(10_000) }
        }
        #expect(outcome.withLock(\.self) == .localMessageTimedOut)
        try await eventually("the clients end") { ofConsumer.hasEnded && ofProducer.hasEnded }
    }

    @Test("a call goes on while another, refused by a broker, has the client that both use made anew")
    func adminRenewed() async throws {
        let broker = try EmbeddedBroker(brokers: 2)
        for (topic, leader) in [("slow", Int32(1)), ("refused", 2)] {
            try broker.createTopic(topic, partitions: 1)
            try broker.setLeader(of: TopicPartition(topic: topic, partition: 0), to: leader)
        }
        let admin = try AdminClient(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        let slow = TopicPartition(topic: "slow", partition: 0)
        let refused = TopicPartition(topic: "refused", partition: 0)
        _ = try await admin.listOffsets([slow, refused], .latest)
        var fastest = Duration.seconds(60)
        for _ in 1...5 {
            try broker.delayNext(.listOffsets, ofBroker: 1, by: .milliseconds(300))
            try broker.delayNext(.listOffsets, ofBroker: 2, by: .milliseconds(50), with: .notLeader)
            let start = ContinuousClock.now
            async let first = admin.listOffsets([slow], .latest)
            async let second = admin.listOffsets([refused], .latest)
            #expect(try await first == [slow: 0])
            fastest = min(fastest, ContinuousClock.now - start)
            #expect(try await second == [refused: 0])
        }
        // A call whose client goes away under it asks again, of the new one, after a second.
        #expect(fastest < .milliseconds(950))
    }
}
