import Foundation
import TestSupport

/// What Python's confluent-kafka and kcat see on a cluster.
struct KafkaOracle: Sendable {
    let bootstrapServers: String

    /// One partition of a topic, and what a group committed of it.
    struct Position: Decodable, Sendable {
        let partition: Int
        /// Nil where the group committed nothing.
        let committed: Int64?
        let low: Int64
        let end: Int64

        /// Records that the group has still to do, by its offset alone.
        var lag: Int64 { end - (committed ?? low) }
    }

    struct Record: Codable, Sendable {
        struct Header: Codable, Sendable {
            let name: String
            let value: Data?
        }

        var partition: Int?
        var offset: Int64?
        /// Milliseconds since the epoch.
        var timestamp: Int64?
        var key: Data?
        var value: Data?
        var headers: [Header]

        init(key: String? = nil, value: Data?, headers: [Header] = []) {
            self.key = key.map { Data($0.utf8) }
            self.value = value
            self.headers = headers
        }

        init(key: String? = nil, value: String, headers: KeyValuePairs<String, String?> = [:]) {
            self.init(
                key: key,
                value: Data(value.utf8),
                headers: headers.map { Header(name: $0.key, value: $0.value.map { Data($0.utf8) }) }
            )
        }

        /// The text of a header, if there is exactly one of that name.
        func header(_ name: String) -> String? {
            let found = headers.filter { $0.name == name }
            guard found.count == 1, let value = found[0].value else { return nil }
            return String(decoding: value, as: UTF8.self)
        }
    }

    func positions(of topic: String, group: String) async throws -> [Position] {
        try await ask("positions", [topic, group])
    }

    /// All records of a topic, by partition and offset.
    ///
    /// - Parameter isCommitted: without those of transactions that are open or were taken back.
    func records(of topic: String, isCommitted: Bool = true) async throws -> [Record] {
        try await ask("records", [topic, isCommitted ? "read_committed" : "read_uncommitted"])
    }

    func produce(_ records: [Record], to topic: String) async throws {
        let input = String(decoding: try JSONEncoder().encode(records), as: UTF8.self)
        let _: Int = try await ask("produce", [topic], input: input)
    }

    /// How many records kcat reads from a topic.
    func count(of topic: String) async throws -> Int {
        let arguments = ["-b", bootstrapServers, "-t", topic, "-C", "-e", "-q", "-f", "%p %o\\n"]
        return try await Oracle.kcat(arguments).utf8.count { $0 == UInt8(ascii: "\n") }
    }

    private func ask<T: Decodable>(_ question: String, _ arguments: [String], input: String? = nil) async throws -> T {
        let python = ProcessInfo.processInfo.environment["KOKANEE_ORACLE_PYTHON"] ?? "python3"
        let text = try await Oracle.run(
            python,
            ["-c", Self.script, question, bootstrapServers] + arguments,
            input: input
        )
        return try JSONDecoder().decode(T.self, from: Data(text.utf8))
    }

    private static let script = """
        import base64, json, sys, uuid
        from confluent_kafka import Consumer, Producer, TopicPartition, OFFSET_BEGINNING
        question, servers, topic = sys.argv[1:4]
        def consumer(group, isolation="read_committed"):
            return Consumer({"bootstrap.servers": servers, "group.id": group, "enable.auto.commit": False,
                             "enable.partition.eof": True, "isolation.level": isolation})
        def partitions(consumer):
            metadata = consumer.list_topics(topic, timeout=20).topics[topic]
            if metadata.error: sys.exit("%s: %s" % (topic, metadata.error))
            return [TopicPartition(topic, partition) for partition in sorted(metadata.partitions)]
        def encoded(data): return None if data is None else base64.b64encode(data).decode()
        def decoded(text): return None if text is None else base64.b64decode(text)
        def positions():
            it = consumer(sys.argv[4])
            result = []
            for each in it.committed(partitions(it), timeout=20):
                low, end = it.get_watermark_offsets(TopicPartition(topic, each.partition), timeout=20)
                result.append({"partition": each.partition, "low": low, "end": end,
                               "committed": each.offset if each.offset >= 0 else None})
            it.close()
            return result
        def records():
            it = consumer("oracle-" + uuid.uuid4().hex, sys.argv[4])
            left = partitions(it)
            it.assign([TopicPartition(topic, each.partition, OFFSET_BEGINNING) for each in left])
            open_ends = {each.partition for each in left}
            result = []
            while open_ends:
                message = it.poll(20)
                if message is None: sys.exit("no end of %s after 20 s" % topic)
                if message.error():
                    if message.error().code() != -191: sys.exit(str(message.error()))
                    open_ends.discard(message.partition())
                    continue
                result.append({"partition": message.partition(), "offset": message.offset(),
                               "timestamp": message.timestamp()[1], "key": encoded(message.key()),
                               "value": encoded(message.value()),
                               "headers": [{"name": name, "value": encoded(value)}
                                           for name, value in message.headers() or []]})
            it.close()
            return sorted(result, key=lambda each: (each["partition"], each["offset"]))
        def produce():
            it = Producer({"bootstrap.servers": servers, "acks": "all", "message.max.bytes": 4000000})
            failures = []
            for each in json.load(sys.stdin):
                it.produce(topic, key=decoded(each.get("key")), value=decoded(each.get("value")),
                           headers=[(header["name"], decoded(header.get("value"))) for header in each["headers"]],
                           timestamp=each.get("timestamp") or 0, partition=-1 if each.get("partition") is None else each["partition"],
                           on_delivery=lambda error, _: failures.append(error) if error else None)
            if it.flush(30) or failures: sys.exit("not delivered: %s" % failures)
            return 0
        print(json.dumps({"positions": positions, "records": records, "produce": produce}[question]()))
        """
}
