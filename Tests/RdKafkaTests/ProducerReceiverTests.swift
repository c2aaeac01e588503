import RdKafka
import Synchronization
import TestSupport
import Testing

/// Records of some partitions in turn, of which some are too large for the producer.
private final class Mixed: RecordSource {
    static let room = 2000
    let count: Int
    let partitions: Int
    let tooLarge: Set<Int>

    init(_ count: Int, partitions: Int = 2, tooLarge: Set<Int> = []) {
        self.count = count
        self.partitions = partitions
        self.tooLarge = tooLarge
    }

    func topic(of index: Int) -> String { "t" }

    func offer(_ index: Int, to sink: inout RecordSink) {
        sink.begin(topic: "t", headers: 0)
        let value = [UInt8](repeating: 1, count: tooLarge.contains(index) ? 2 * Self.room : 10)
        sink.send(partition: Int32(index % partitions), key: nil, value: Bytes(value), timestamp: nil)
    }
}

/// A record made of another one's headers.
private final class Copies: RecordSource {
    let record: Record
    let count: Int

    init(_ record: Record, count: Int) {
        self.record = record
        self.count = count
    }

    func topic(of index: Int) -> String { "t" }

    func offer(_ index: Int, to sink: inout RecordSink) {
        sink.begin(topic: "t", headersOf: record.storage.message) { name in
            String(decoding: name, as: UTF8.self).hasPrefix("drop")
        }
        sink.add("own", text: "\(index)")
        sink.send(partition: 1, key: nil, value: Bytes("\(index)"), timestamp: nil)
    }
}

/// What was told of each record.
private final class Fates: DeliveryReceiver {
    private let told = Mutex<[Int: [KafkaError.Code?]]>([:])

    func settled(_ records: [SettledRecord]) {
        told.withLock { told in
            for record in records { told[record.index, default: []].append(record.error?.code) }
        }
    }

    var count: Int { told.withLock { $0.count } }
    /// Nil where a record has not been told of, or more than once.
    func fate(_ index: Int) -> KafkaError.Code?? {
        told.withLock { told in told[index].flatMap { $0.count == 1 ? .some($0[0]) : nil } }
    }

    func isDelivered(_ index: Int) -> Bool { fate(index) == .some(nil) }
}

@Suite("The producer: records of which each is told of by itself", .timeLimit(.minutes(1)))
struct ProducerReceiverTests {
    private func cluster() throws -> EmbeddedBroker {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 2)
        return broker
    }

    private func producer(_ broker: EmbeddedBroker, _ properties: [String: String] = [:]) throws -> Producer {
        try Producer(ClientConfiguration(bootstrapServers: broker.bootstrapServers, properties: properties))
    }

    private let stuck = TopicPartition(topic: "t", partition: 1)

    @Test("a record is told of when its partition has it, and waits for no other of those it was sent with")
    func apart() async throws {
        let broker = try cluster()
        try broker.setLeader(of: stuck, to: nil)
        let producer = try producer(broker)
        let fates = Fates()
        producer.produce(Mixed(300), telling: fates)
        try await eventually("those of the other partition are delivered") { fates.count == 150 }
        for index in 0..<300 { #expect(fates.isDelivered(index) == (index % 2 == 0)) }
        #expect(producer.unacknowledged == 150)
        try broker.setLeader(of: stuck, to: 1)
        try await eventually("all are delivered") { fates.count == 300 }
        for index in 0..<300 { #expect(fates.isDelivered(index)) }
        await producer.close()
    }

    @Test("a record that librdkafka refuses fails by itself", arguments: [1, 300])
    func refused(count: Int) async throws {
        let broker = try cluster()
        defer { withExtendedLifetime(broker) {} }
        let producer = try producer(broker, ["message.max.bytes": "\(Mixed.room)"])
        let fates = Fates()
        let tooLarge = Set([0, 7, 200, 299].filter { $0 < count })
        producer.produce(Mixed(count, tooLarge: tooLarge), telling: fates)
        try await eventually("all are told of") { fates.count == count }
        for index in 0..<count {
            #expect(fates.fate(index) == .some(tooLarge.contains(index) ? .messageTooLarge : nil))
        }
        #expect(producer.unacknowledged == 0)
        await producer.close()
    }

    @Test("a producer that is closed meanwhile tells of what it has not delivered, once, and of what comes later")
    func closed() async throws {
        let broker = try cluster()
        try broker.setLeader(of: stuck, to: nil)
        let producer = try producer(broker, ["message.max.bytes": "\(Mixed.room)"])
        let (fates, late) = (Fates(), Fates())
        producer.produce(Mixed(300, tooLarge: [8]), telling: fates)
        try await eventually("those of the other partition are delivered") { fates.count == 150 }
        await producer.close(within: .zero)
        producer.produce(Mixed(3), telling: late)
        for index in 0..<300 {
            let expected: KafkaError.Code? = index == 8 ? .messageTooLarge : index % 2 == 0 ? nil : .localDestroyed
            #expect(fates.fate(index) == .some(expected))
        }
        for index in 0..<3 { #expect(late.fate(index) == .some(.localDestroyed)) }
    }

    @Test("after a fatal error each record is told of once")
    func fatal() async throws {
        let broker = try cluster()
        let producer = try producer(
            broker,
            ["linger.ms": "60000", "batch.num.messages": "50", "queue.buffering.max.messages": "50"]
        )
        broker.failNext(.produce, with: [0, 0, 45].map { KafkaError.Code(rawValue: $0) })
        let fates = Fates()
        producer.produce(Mixed(1000, partitions: 1), telling: fates)
        try await eventually("all are told of") { fates.count == 1000 }
        for index in 0..<1000 { #expect(fates.isDelivered(index)) }
        await producer.close()
    }

    @Test(
        "a record that takes over headers has them as they were, without those left out, also where it waits for room",
        arguments: [10, 64, 200]
    )
    func takenHeaders(count: Int) async throws {
        let broker = try cluster()
        let producer = try producer(broker, ["queue.buffering.max.messages": "3", "linger.ms": "0"])
        let headers = (0..<count).map { index in
            let name = index % 5 < 2 ? "drop-\(index % 3)" : "keep-\(index % 20)"
            return Header(name, index % 7 == 0 ? nil : Bytes(String(repeating: "v", count: index % 9)))
        }
        let place = try await producer.send(ProducerRecord(topic: "t", partition: 0, value: "v", headers: headers))
        let source = try #require(try await read(broker, place.topicPartition).first)
        let fates = Fates()
        producer.produce(Copies(source, count: 50), telling: fates)
        try await eventually("all are delivered") { fates.count == 50 }
        await producer.close()
        let kept = headers.filter { !$0.name.hasPrefix("drop") }
        let copies = try await read(broker, stuck)
        #expect(copies.count == 50)
        for (index, copy) in copies.enumerated() { #expect(copy.headers == kept + [Header("own", Bytes("\(index)"))]) }
        #expect(source.headers == headers)
    }

    private func read(_ broker: EmbeddedBroker, _ place: TopicPartition) async throws -> [Record] {
        let records = Mutex<[Record]>([])
        let client = ClientConfiguration(bootstrapServers: broker.bootstrapServers)
        try await TopicReader.read([place: 0..<Int64.max], configuration: client) { record in
            records.withLock { $0.append(record) }
            return true
        }
        return records.withLock { $0 }
    }
}
