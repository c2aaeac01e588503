import Foundation
import RdKafka
import TestSupport
import Testing

@testable import Kokanee

/// A replay's plan is what an independent client sees in the log.
@Suite(.besideOthers)
struct ReplayPlanTests {
    /// What confluent-kafka says of a partition.
    private struct Seen: Decodable {
        let partition: Int32
        let low: Int64
        let end: Int64
        /// The offsets that it has for the times that were asked for; the end where no record is so young.
        let offsets: [Int64]
        /// Records in the range, with their times.
        let times: [Int64]
    }

    private static let script = """
        import json, sys
        from confluent_kafka import Consumer, TopicPartition
        servers, topic, *times = sys.argv[1:]
        consumer = Consumer({"bootstrap.servers": servers, "group.id": "oracle", "enable.auto.commit": False,
                             "enable.partition.eof": True, "auto.offset.reset": "earliest"})
        result = []
        for partition in sorted(consumer.list_topics(topic, timeout=20).topics[topic].partitions):
            low, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)
            offsets = []
            for time in times:
                found = consumer.offsets_for_times([TopicPartition(topic, partition, int(time))], timeout=20)[0].offset
                offsets.append(end if found < 0 else found)
            consumer.assign([TopicPartition(topic, partition, low)])
            seen = []
            while low < end:
                message = consumer.poll(20)
                if message is None: sys.exit("nothing came")
                if message.error(): break
                seen.append(message.timestamp()[1])
            result.append({"partition": partition, "low": low, "end": end, "offsets": offsets, "times": seen})
        consumer.close()
        print(json.dumps(result))
        """

    @Test(
        "a plan's offsets and counts are those that confluent-kafka finds, also where retention has taken some",
        arguments: ["CreateTime", "LogAppendTime"]
    )
    func offsets(timestampType: String) async throws {
        let cluster = try await TestCluster.shared(.server)
        let topic = try await cluster.makeTopic(
            "plan",
            partitions: 3,
            configs: ["message.timestamp.type": timestampType]
        )
        let start = Timestamp.now - 7_200_000
        var random = SeededGenerator(seed: 5)
        let producer = try Producer(cluster.configuration)
        for wave in 0..<20 {
            let records = (0..<30).map { _ in
                // Two minutes apart, each up to five minutes late.
                let time = start + Int64(wave) * 120_000 - Int64.random(in: 0..<300_000, using: &random)
                let partition = Int32.random(in: 0..<3, using: &random)
                return ProducerRecord(topic: topic, partition: partition, value: "{}", timestamp: time)
            }
            for result in await producer.send(records) { _ = try result.get() }
        }
        await producer.close()
        _ = try await cluster.admin.deleteRecords(before: [TopicPartition(topic: topic, partition: 2): 40])

        let isByBroker = timestampType == "LogAppendTime"
        let all = try await see(cluster, topic, []).flatMap(\.times).sorted()
        let from = isByBroker ? all[all.count / 4] : start + 600_000
        let to = isByBroker ? all[all.count * 3 / 4] + 1 : start + 1_200_000
        let seen = try await see(cluster, topic, [from, to])
        var selection = Selection()
        (selection.from, selection.to) = (from, to)
        let planner = try ReplayPlanner(cluster.configuration) { _, _ in [:] }
        let plan = try await planner.plan(selection, of: Queue(topic), id: ReplayID.make(at: 0), scans: true).plan
        #expect(plan.partitions.map(\.partition) == seen.map(\.partition))
        #expect(plan.partitions.map(\.from) == seen.map { max($0.low, $0.offsets[0]) })
        // The first record past the range; where the producers' times are in no order, the last one of the range.
        let ends = seen.map { each in
            let last = each.times.lastIndex { $0 >= from && $0 < to }.map { each.low + Int64($0) + 1 } ?? 0
            return max(each.low, each.offsets[0], each.offsets[1], last)
        }
        #expect(plan.partitions.map(\.to) == ends)
        let wanted = seen.map { each in Int64(each.times.count { $0 >= from && $0 < to }) }
        #expect(plan.partitions.map { $0.count?.matched } == wanted, "no job of the range is missing")
        #expect(wanted.allSatisfy { $0 > 0 })
        // Whether the lost ones were of the range nobody can say; where the log begins within it, some may have been.
        let isCut = seen[2].times[0] > from
        #expect(plan.partitions.map(\.lostToRetention) == [0, 0, isCut ? 40 : 0])
    }

    private func see(_ cluster: TestCluster, _ topic: String, _ times: [Int64]) async throws -> [Seen] {
        let text = try await Oracle.python(Self.script, [cluster.bootstrapServers, topic] + times.map(String.init))
        return try JSONDecoder().decode([Seen].self, from: Data(text.utf8))
    }
}
