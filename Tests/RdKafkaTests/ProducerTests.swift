import RdKafka
import Synchronization
import TestSupport
import Testing

@Suite("The producer")
struct ProducerTests {
    /// One broker of its own: errors that are injected go to whoever asks next.
    private func cluster() throws -> (broker: EmbeddedBroker, place: TopicPartition) {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 1)
        return (broker, TopicPartition(topic: "t", partition: 0))
    }

    private func configuration(_ broker: EmbeddedBroker, _ properties: [String: String] = [:]) -> ClientConfiguration {
        ClientConfiguration(bootstrapServers: broker.bootstrapServers, properties: properties)
    }

    private func read(_ broker: EmbeddedBroker, _ place: TopicPartition) async throws -> [Record] {
        let records = Mutex<[Record]>([])
        try await TopicReader.read([place: 0..<Int64.max], configuration: configuration(broker)) { record in
            records.withLock { $0.append(record) }
            return true
        }
        return records.withLock { $0 }
    }

    @Test(
        "records beyond what librdkafka's queue holds wait for room, and all arrive in their order",
        .timeLimit(.minutes(1))
    )
    func backPressure() async throws {
        let (broker, place) = try cluster()
        let producer = try Producer(configuration(broker, ["queue.buffering.max.messages": "7", "linger.ms": "0"]))
        let records = (0..<500).map { ProducerRecord(topic: "t", partition: 0, value: Bytes("\($0)")) }
        let results = await producer.send(records)
        for (index, result) in results.enumerated() { #expect(try result.get().offset == Int64(index)) }
        let values = try await read(broker, place).compactMap(\.value?.text)
        #expect(values == (0..<500).map(String.init))
        #expect(producer.unacknowledged == 0)
        await producer.close()
    }

    /// Sends 20 records, every fifth of which is of so many bytes: those are refused as too large, and no others.
    private func expectRefusal(ofEachFifth bytes: Int, by producer: Producer) async {
        let large = Bytes([UInt8](repeating: 65, count: bytes))
        let records = (0..<20).map { index in
            ProducerRecord(topic: "t", partition: 0, value: index % 5 == 4 ? large : Bytes("\(index)"))
        }
        for (index, result) in await producer.send(records).enumerated() {
            switch result {
            case .success: #expect(index % 5 != 4)
            case .failure(let error): #expect(index % 5 == 4 && error.code == .messageTooLarge)
            }
        }
    }

    @Test(
        "a record that librdkafka's whole queue could not hold is refused, and holds up none",
        .timeLimit(.minutes(1))
    )
    func beyondQueue() async throws {
        let (broker, _) = try cluster()
        let producer = try Producer(configuration(broker, ["queue.buffering.max.kbytes": "64", "linger.ms": "50"]))
        await expectRefusal(ofEachFifth: 100_000, by: producer)
        await producer.close()
    }

    @Test("a record that librdkafka refuses fails by itself, also when it waited for room")
    func refused() async throws {
        let (broker, _) = try cluster()
        let properties = ["queue.buffering.max.messages": "3", "message.max.bytes": "1000", "linger.ms": "0"]
        let producer = try Producer(configuration(broker, properties))
        await expectRefusal(ofEachFifth: 5000, by: producer)
        let nameless = ProducerRecord(topic: String(repeating: "x", count: 600), value: "v")
        #expect(try await kafkaError { _ = try await producer.send(nameless) }?.code == .localInvalidArgument)
        await producer.close()
    }

    @Test("null and empty keys, values and headers are told apart, and bytes arrive as they were")
    func nothingAndEmpty() async throws {
        let (broker, place) = try cluster()
        let producer = try Producer(configuration(broker))
        let every = Bytes((0...255).map { UInt8($0) })
        let headers = [
            Header("null", nil), Header("empty", Bytes([])), Header("all", every), Header("all", "again"),
            Header("ünïcode", "ä"),
        ]
        let records = [
            ProducerRecord(topic: "t", partition: 0, key: nil, value: nil),
            ProducerRecord(topic: "t", partition: 0, key: Bytes([]), value: Bytes([])),
            ProducerRecord(topic: "t", partition: 0, key: every, value: every, headers: headers, timestamp: 1234),
        ]
        for result in await producer.send(records) { _ = try result.get() }
        await producer.close()
        let read = try await read(broker, place)
        try #require(read.count == 3)
        #expect(read[0].key == nil && read[0].value == nil && read[0].headers.isEmpty)
        #expect(read[1].key?.count == 0 && read[1].value?.count == 0)
        #expect(read[2].key == every && read[2].value == every)
        #expect(read[2].headers == headers)
        #expect(read[2].timestamp == 1234)
    }

    @Test("after a fatal error the producer is made anew, and what was not acknowledged arrives, in order")
    func fatal() async throws {
        let (broker, place) = try cluster()
        let producer = try Producer(configuration(broker, ["linger.ms": "0", "queue.buffering.max.messages": "7"]))
        // CLUSTER_AUTHORIZATION_FAILED while an idempotent producer asks for its id is fatal.
        broker.failNext(.initProducerID, with: [KafkaError.Code(rawValue: 31)])
        let records = (0..<50).map { ProducerRecord(topic: "t", partition: 0, value: Bytes("\($0)")) }
        for result in await producer.send(records) { _ = try result.get() }
        #expect(try await read(broker, place).compactMap(\.value?.text) == (0..<50).map(String.init))
        await producer.close()
    }

    @Test("fatal errors without end are told, not tried for ever", .timeLimit(.minutes(1)))
    func fatalForEver() async throws {
        let (broker, _) = try cluster()
        let producer = try Producer(configuration(broker))
        broker.failNext(.initProducerID, with: Array(repeating: KafkaError.Code(rawValue: 31), count: 50))
        let error = try await kafkaError { _ = try await producer.send(ProducerRecord(topic: "t", value: "v")) }
        #expect(error?.isFatal == true)
        broker.stopFailing(.initProducerID)
        await producer.close()
    }

    @Test("closing waits for what is under way; what comes later fails, and what can't be sent fails at the limit")
    func closing() async throws {
        let (broker, _) = try cluster()
        let producer = try Producer(configuration(broker, ["linger.ms": "50"]))
        async let sent = producer.send(ProducerRecord(topic: "t", partition: 0, value: "v"))
        try await eventually("the record is handed over") { producer.unacknowledged == 1 }
        await producer.close()
        #expect(try await sent.offset == 0)
        let late = try await kafkaError { _ = try await producer.send(ProducerRecord(topic: "t", value: "v")) }
        #expect(late?.code == .localDestroyed)

        let stranded = try Producer(configuration(broker))
        try broker.setBrokerDown()
        async let lost = kafkaError { _ = try await stranded.send(ProducerRecord(topic: "t", value: "v")) }
        try await eventually("the record is handed over") { stranded.unacknowledged == 1 }
        await stranded.close(within: .milliseconds(200))
        #expect(try await lost?.code == .localDestroyed)
    }

    @Test("what failed because its producer was closed is not sent after that", .timeLimit(.minutes(1)))
    func closedForGood() async throws {
        let (broker, place) = try cluster()
        let properties = ["reconnect.backoff.ms": "50", "reconnect.backoff.max.ms": "100"]
        let producer = try Producer(configuration(broker, properties))
        _ = try await producer.send(ProducerRecord(topic: "t", partition: 0, value: "sent"))
        try broker.setBrokerDown()
        let late = ProducerRecord(topic: "t", partition: 0, value: "late")
        async let lost = kafkaError { _ = try await producer.send(late) }
        try await eventually("the record is handed over") { producer.unacknowledged == 1 }
        await producer.close(within: .milliseconds(200))
        #expect(try await lost?.code == .localDestroyed)
        try broker.setBrokerUp()
        // If it were to be sent it would be in a tenth of a second.
        for _ in 1...10 {
            #expect(try await read(broker, place).map(\.value?.text) == ["sent"])
            try await Task.sleep(for: .milliseconds(50))
        }
        withExtendedLifetime(producer) {}
    }
}
