import Foundation
import RdKafka
import TestSupport

@testable import Kokanee

/// What stands on a broker at one moment: of each topic, of one partition, its records, as Python's confluent-kafka sees
/// them, and how far its group has committed.
struct FailSnapshot: Sendable {
    struct Record: Decodable, Hashable, Sendable {
        let offset: Int64
        let id: String
        let attempt: Int
    }

    struct Topic: Sendable {
        var contents: Contents
        /// Nil where the group committed nothing.
        var committed: CommittedOffset?

        var records: [Record] { contents.records }

        var lag: Int64 { contents.end - (committed?.offset ?? contents.low) }

        /// Whether the commit says that the record is finished: its offset is passed, or in the completion map.
        func covers(_ record: Record) -> Bool {
            guard let committed else { return false }
            if record.offset < committed.offset { return true }
            let metadata = CommitMetadata(text: committed.metadata, above: committed.offset)
            return metadata?.completed.runs.contains { $0.contains(record.offset) } == true
        }
    }

    struct Contents: Decodable, Sendable {
        let records: [Record]
        let low: Int64
        let end: Int64
    }

    private var topics: [String: Topic]

    subscript(topic: String) -> Topic {
        topics[topic] ?? Topic(contents: Contents(records: [], low: 0, end: 0))
    }

    /// - Parameter groups: the topics, each with the group whose offsets are of interest.
    init(of groups: [String: String], on servers: String) async throws {
        let python = ProcessInfo.processInfo.environment["KOKANEE_ORACLE_PYTHON"] ?? "python3"
        let question = String(decoding: try JSONEncoder().encode(groups), as: UTF8.self)
        let answer = try await Oracle.run(python, ["-c", Self.script, servers], input: question)
        topics = try JSONDecoder().decode([String: Contents].self, from: Data(answer.utf8))
            .mapValues { Topic(contents: $0) }
        // Not the oracle's word: it takes a commit's metadata for text that ends with a zero.
        let admin = try AdminClient(ClientConfiguration(bootstrapServers: servers))
        for (group, topics) in Dictionary(grouping: groups.keys, by: { groups[$0] ?? "" }) {
            let partitions = topics.map { TopicPartition(topic: $0, partition: 0) }
            for (partition, offset) in try await admin.committedOffsets(group: group, partitions) {
                self.topics[partition.topic]?.committed = offset
            }
        }
    }

    private static let script = """
        import json, sys
        from concurrent.futures import ThreadPoolExecutor
        from confluent_kafka import Consumer, TopicPartition, OFFSET_BEGINNING
        groups = json.load(sys.stdin)
        def look(group):
            it = Consumer({"bootstrap.servers": sys.argv[1], "group.id": group, "enable.auto.commit": False,
                           "enable.partition.eof": True})
            topics = [topic for topic in groups if groups[topic] == group]
            found = {topic: {"records": []} for topic in topics}
            it.assign([TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in topics])
            unread = set(topics)
            while unread:
                message = it.poll(20)
                if message is None: raise Exception("no end of %s after 20 s" % sorted(unread))
                if message.error():
                    if message.error().code() != -191: raise Exception(str(message.error()))
                    unread.discard(message.topic())
                    continue
                headers = {name: value.decode() for name, value in message.headers()}
                found[message.topic()]["records"].append({"offset": message.offset(), "id": headers["ce_id"],
                                                          "attempt": int(headers.get("kokanee-attempt", "1"))})
            for topic in topics:
                low, end = it.get_watermark_offsets(TopicPartition(topic, 0), timeout=20)
                found[topic].update(low=low, end=end)
            it.close()
            return found
        # A consumer a group: what they do is wait, and newer librdkafkas can't read an embedded broker's answer about
        # a hundred topics.
        result = {}
        with ThreadPoolExecutor(16) as threads:
            for found in threads.map(look, sorted(set(groups.values()))): result.update(found)
        print(json.dumps(result))
        """
}
