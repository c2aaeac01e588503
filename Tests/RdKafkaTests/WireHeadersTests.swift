import CRdKafka
import Synchronization
import TestSupport
import Testing

@testable import RdKafka

/// `Tests/Fuzz` compares what librdkafka itself makes of any bytes.
@Suite("Headers that are read where they stand", .timeLimit(.minutes(1)))
struct WireHeadersTests {
    private static let headers = [
        Header("ce_id", "0190-a"), Header("empty", ""), Header("null", nil), Header("", "no name"),
        Header("twice", "1"), Header("twice", "2"), Header("ä", "ö"),
        Header(String(repeating: "n", count: 70), Bytes(String(repeating: "v", count: 20_000))),
    ]

    private func records(_ records: [ProducerRecord], _ configuration: ClientConfiguration) async throws -> [Record] {
        let producer = try Producer(configuration)
        for result in await producer.send(records) { _ = try result.get() }
        await producer.close()
        let partition = TopicPartition(topic: records[0].topic, partition: 0)
        let read = Mutex<[Record]>([])
        let range = 0..<Int64(records.count)
        _ = try await TopicReader.read([partition: range], configuration: configuration) { record in
            read.withLock { $0.append(record) }
            return true
        }
        return read.withLock(\.self)
    }

    private func list(_ forEach: (ConsumedMessage.HeaderBody) -> Bool) -> [Header]? {
        var headers: [Header] = []
        let isReadable = forEach { name, value in
            headers.append(Header(String(decoding: name, as: UTF8.self), value.map { Bytes(Array($0)) }))
        }
        return isReadable ? headers : nil
    }

    @Test(
        "they are what was produced, and what librdkafka's list of them is",
        .enabled(if: WireHeaders.isKnown),
        arguments: TestCluster.Kind.allCases,
        ["none", "gzip", "lz4"]
    )
    func agreement(kind: TestCluster.Kind, compression: String) async throws {
        let cluster = try await TestCluster.shared(kind)
        let topic = try await cluster.makeTopic()
        var configuration = cluster.configuration
        configuration.properties["compression.type"] = compression
        let many = (0..<1000).map { Header("h\($0)", Bytes("\($0)")) }
        let sent = [Self.headers, [], many, [Header("last", "1")]]
        let records = try await records(
            sent.map { ProducerRecord(topic: topic, partition: 0, key: "k", value: "v", headers: $0) },
            configuration
        )
        try #require(records.count == sent.count)
        for (record, headers) in zip(records, sent) {
            let message = record.storage.message.message
            let wire = try #require(WireHeaders(of: message))
            #expect(list(wire.forEachHeader) == headers)
            #expect(record.headers == headers && record.hasReadableHeaders)
            // Last, for it makes the list, which counts from then on.
            #expect(list(HeaderParsing(message).forEachHeader) == headers)
        }
    }

    @Test("without a value, or with an empty one, the key says where they are; without either librdkafka is asked")
    func withoutValue() async throws {
        let cluster = try await TestCluster.shared(.embedded)
        let topic = try await cluster.makeTopic()
        let sent: [(key: Bytes?, value: Bytes?)] = [("k", nil), ("k", ""), (nil, nil), (nil, ""), ("", nil), ("", "")]
        let records = try await records(
            sent.map { ProducerRecord(topic: topic, partition: 0, key: $0, value: $1, headers: Self.headers) },
            cluster.configuration
        )
        try #require(records.count == sent.count)
        for (record, sent) in zip(records, sent) {
            let isConfirmed = WireHeaders.isKnown && sent.key == "k"
            #expect((WireHeaders(of: record.storage.message.message) != nil) == isConfirmed, "\(sent)")
            #expect(record.headers == Self.headers && record.hasReadableHeaders)
        }
    }

    @Test("a worker's records are read so", .enabled(if: WireHeaders.isKnown))
    func ofPartitionQueue() async throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 1)
        let client = ClientConfiguration(bootstrapServers: broker.bootstrapServers)
        let producer = try Producer(client)
        _ = try await producer.send(ProducerRecord(topic: "t", value: "v", headers: Self.headers))
        await producer.close()
        let read = try await OSThread.run(name: "test:consumer") {
            let (consumer, queues) = try LifetimeTests.member(client)
            let record = try LifetimeTests.first(of: queues[0], consumer)
            return withExtendedLifetime(record) {
                WireHeaders(of: record.storage.message.message).flatMap { list($0.forEachHeader) }
            }
        }
        #expect(read == Self.headers)
    }

    @Test("as many as librdkafka takes are read, and not one more")
    func most() {
        func count(_ number: [UInt8], _ headers: Int) -> Int? {
            // Each has an empty name and a null value.
            (number + (0..<headers).flatMap { _ in [0, 1] as [UInt8] })
                .withUnsafeBytes { list(WireHeaders($0).forEachHeader)?.count }
        }
        #expect(count([0xC0, 0x9A, 0x0C], 100_000) == 100_000)
        #expect(count([0xC2, 0x9A, 0x0C], 100_001) == nil)
    }

    @Test("a name with a zero byte is whole, and no other's")
    func zeroByte() {
        let bytes: [UInt8] = [2, 6, 0x61, 0, 0x62, 2, 0x31]
        #expect(bytes.withUnsafeBytes { list(WireHeaders($0).forEachHeader) } == [Header("a\0b", "1")])
    }

    @Test("bytes that end within a header are refused as a whole")
    func cut() {
        // Two headers, a: 1 and b: null, and what librdkafka does not look at.
        let bytes: [UInt8] = [4, 2, 0x61, 2, 0x31, 2, 0x62, 1, 0xFF]
        for count in 0...bytes.count {
            let headers = bytes[..<count].withUnsafeBytes { list(WireHeaders($0).forEachHeader) }
            #expect(headers == (count < 8 ? nil : [Header("a", "1"), Header("b", nil)]), "\(count) bytes")
        }
        // The last value says that it has a byte more than there are.
        #expect(([2, 2, 0x61, 4, 0x31] as [UInt8]).withUnsafeBytes { list(WireHeaders($0).forEachHeader) } == nil)
    }

    @Test("they are looked for in releases whose source has been read, and in no other")
    func releases() {
        for version: CInt in [0x0200_00ff, 0x0200_02ff, 0x0208_00ff, 0x020f_00ff] {
            #expect(WireHeaders.knows(version: version))
        }
        for version: CInt in [0x0109_02ff, 0x020f_01ff, 0x0210_00ff, 0x0300_00ff] {
            #expect(!WireHeaders.knows(version: version))
        }
    }

    @Test("a place that is not behind the value is not read", .enabled(if: WireHeaders.isKnown))
    func place() async throws {
        let cluster = try await TestCluster.shared(.embedded)
        let topic = try await cluster.makeTopic()
        let record = try #require(
            try await records(
                [ProducerRecord(topic: topic, partition: 0, value: "value", headers: Self.headers)],
                cluster.configuration
            ).first
        )
        withExtendedLifetime(record) {
            func isRead(_ change: (inout crdkafka_fetched_message_t) -> Void) -> Bool {
                var fetched = UnsafeRawPointer(record.storage.message.message)
                    .loadUnaligned(as: crdkafka_fetched_message_t.self)
                change(&fetched)
                return withUnsafePointer(to: fetched) { fetched in
                    let message = UnsafeRawPointer(fetched).assumingMemoryBound(to: rd_kafka_message_t.self)
                    return WireHeaders(of: message) != nil
                }
            }
            #expect(isRead { _ in })
            #expect(!isRead { $0.header_bytes += 1 })
            #expect(!isRead { $0.message.len -= 1 })
            #expect(!isRead { $0.message.payload = nil })
            #expect(!isRead { $0.headers = OpaquePointer(bitPattern: 64) }, "somebody else has made a list of them")
            #expect(!isRead { $0.header_bytes = nil })
            #expect(!isRead { $0.header_length = 0 })
            #expect(!isRead { $0.header_length = -1 })
        }
    }
}
