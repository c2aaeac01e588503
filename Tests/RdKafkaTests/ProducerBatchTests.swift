import RdKafka
import Synchronization
import TestSupport
import Testing

/// Records that are made only when librdkafka takes them.
private final class Numbers: RecordSource {
    let range: Range<Int>

    init(_ range: Range<Int>) {
        self.range = range
    }

    var count: Int { range.count }
    func topic(of index: Int) -> String { "t" }

    func offer(_ index: Int, to sink: inout RecordSink) {
        sink.begin(topic: "t", headers: 1)
        sink.add("number", text: "\(range.lowerBound + index)")
        sink.send(partition: 0, key: nil, value: Bytes("\(range.lowerBound + index)"), timestamp: nil)
    }
}

@Suite("The producer: records that are sent together", .timeLimit(.minutes(1)))
struct ProducerBatchTests {
    private func cluster() throws -> (broker: EmbeddedBroker, place: TopicPartition) {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 1)
        return (broker, TopicPartition(topic: "t", partition: 0))
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

    @Test(
        "batches and single records keep the order in which they were handed over, also where they wait for room",
        arguments: ["7", "100000"]
    )
    func mixedOrder(room: String) async throws {
        let (broker, place) = try cluster()
        let producer = try Producer(
            ClientConfiguration(
                bootstrapServers: broker.bootstrapServers,
                properties: ["queue.buffering.max.messages": room, "linger.ms": "0"]
            )
        )
        // Nothing is acknowledged until all have been handed over, in a known order.
        broker.failNext(.produce, with: Array(repeating: .notLeader, count: 10_000))
        let told = Mutex<[Int]>([])
        var next = 0
        var batches: [Task<SettledBatch, Never>] = []
        for round in 1...5 {
            for _ in 1...round {
                let number = next
                producer.produce(ProducerRecord(topic: "t", partition: 0, value: Bytes("\(number)"))) { result in
                    if case .success = result { told.withLock { $0.append(number) } }
                }
                next += 1
            }
            let numbers = Numbers(next..<next + 200)
            next += 200
            batches.append(Task { await producer.send(numbers) })
            let all = next
            try await eventually("the batch is handed over") { producer.unacknowledged == all }
        }
        broker.stopFailing(.produce)
        for batch in batches {
            let settled = await batch.value
            let first = try #require(settled.place(of: 0)).offset
            for index in 0..<settled.count { #expect(settled.place(of: index)?.offset == first + Int64(index)) }
        }
        await producer.close()
        #expect(try await read(broker, place).compactMap(\.value?.text) == (0..<next).map(String.init))
        #expect(told.withLock { $0.count == 15 && $0 == $0.sorted() })
    }

    @Test("after a fatal error what was not acknowledged of a batch is produced again, nothing is lost or in disorder")
    func fatal() async throws {
        let (broker, place) = try cluster()
        let fatals = Atomic(0)
        var client = ClientConfiguration(
            bootstrapServers: broker.bootstrapServers,
            // A request holds all that librdkafka has room for, so that none can be on its way behind the refused one:
            // the embedded broker would take it, where Kafka refuses a gap in the sequence.
            properties: ["linger.ms": "60000", "batch.num.messages": "50", "queue.buffering.max.messages": "50"]
        )
        client.log = { _, facility, _ in if facility == "FATAL" { fatals.add(1, ordering: .relaxed) } }
        let producer = try Producer(client)
        // The first two requests are acknowledged; the next is refused for good, as OUT_OF_ORDER_SEQUENCE_NUMBER.
        broker.failNext(.produce, with: [0, 0, 45].map { KafkaError.Code(rawValue: $0) })
        let settled = await producer.send(Numbers(0..<1000))
        #expect(fatals.load(ordering: .relaxed) > 0)
        for index in 0..<settled.count { #expect(settled.place(of: index) != nil) }
        await producer.close()
        var seen: Set<String> = []
        let numbers = try await read(broker, place).compactMap { record in
            #expect(record.headers == [Header("number", record.value)])
            return record.value.flatMap { seen.insert($0.text).inserted ? Int($0.text) : nil }
        }
        #expect(numbers == Array(0..<1000))
    }

    @Test("bytes are the same whether they are few, an array's or a text's")
    func bytes() {
        for count in 0...40 {
            let array = (0..<count).map { UInt8($0) }
            let copy = array.withUnsafeBytes { Bytes(copying: $0) }
            #expect(copy == Bytes(array) && copy.array == array && copy.count == count)
            let text = String(repeating: "ä", count: count)
            #expect(Bytes(text).text == text && Bytes(text) == Bytes(Array(text.utf8)))
        }
    }
}
