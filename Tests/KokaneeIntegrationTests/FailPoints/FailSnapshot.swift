import Foundation
import TestSupport

@testable import Kokanee

/// What stands on a broker at one moment, as Python's confluent-kafka sees it: of each topic, of one partition, its
/// records and how far its group has committed.
struct FailSnapshot: Sendable {
    struct Record: Decodable, Hashable, Sendable {
        let offset: Int64
        let id: String
        let attempt: Int
    }

    struct Topic: Decodable, Sendable {
        let records: [Record]
        let low: Int64
        let end: Int64
        /// Nil where the group committed nothing.
        let committed: Int64?
        let metadata: String?

        var lag: Int64 { end - (committed ?? low) }

        /// Whether the commit says that the record is finished: its offset is passed, or in the completion map.
        func covers(_ record: Record) -> Bool {
            guard let committed else { return false }
            if record.offset < committed { return true }
            guard let map = metadata.flatMap({ CommitMetadata(text: $0, above: committed)?.completed }) else {
                return false
            }
            return map.runs.contains { $0.contains(record.offset) }
        }
    }

    private let topics: [String: Topic]

    subscript(topic: String) -> Topic {
        topics[topic] ?? Topic(records: [], low: 0, end: 0, committed: nil, metadata: nil)
    }

    /// - Parameter groups: the topics, each with the group whose offsets are of interest.
    init(of groups: [String: String], on servers: String) async throws {
        let python = ProcessInfo.processInfo.environment["KOKANEE_ORACLE_PYTHON"] ?? "python3"
        let question = String(decoding: try JSONEncoder().encode(groups), as: UTF8.self)
        let answer = try await Oracle.run(python, ["-c", Self.script, servers], input: question)
        topics = try JSONDecoder().decode([String: Topic].self, from: Data(answer.utf8))
    }

    private static let script = """
        import json, sys, uuid
        from confluent_kafka import Consumer, TopicPartition, OFFSET_BEGINNING
        groups = json.load(sys.stdin)
        def consumer(group):
            return Consumer({"bootstrap.servers": sys.argv[1], "group.id": group, "enable.auto.commit": False,
                             "enable.partition.eof": True})
        result = {topic: {"records": [], "low": 0, "end": 0, "committed": None, "metadata": None} for topic in groups}
        reader = consumer("oracle-" + uuid.uuid4().hex)
        reader.assign([TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in groups])
        unread = set(groups)
        while unread:
            message = reader.poll(20)
            if message is None: sys.exit("no end of %s after 20 s" % sorted(unread))
            if message.error():
                if message.error().code() != -191: sys.exit(str(message.error()))
                unread.discard(message.topic())
                continue
            headers = {name: value.decode() for name, value in message.headers()}
            result[message.topic()]["records"].append({"offset": message.offset(), "id": headers["ce_id"],
                                                       "attempt": int(headers.get("kokanee-attempt", "1"))})
        for topic in groups:
            low, end = reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=20)
            result[topic].update(low=low, end=end)
        reader.close()
        for group in set(groups.values()):
            member = consumer(group)
            topics = [TopicPartition(topic, 0) for topic in groups if groups[topic] == group]
            for each in member.committed(topics, timeout=20):
                if each.error: sys.exit(str(each.error))
                if each.offset >= 0: result[each.topic].update(committed=each.offset, metadata=each.metadata)
            member.close()
        print(json.dumps(result))
        """
}
