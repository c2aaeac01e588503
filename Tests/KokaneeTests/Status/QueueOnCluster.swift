import Kokanee
import RdKafka
import TestSupport

/// A queue of its own on a shared cluster, with what other people's clients say of it.
struct QueueOnCluster {
    let cluster: TestCluster
    let queue: Queue

    init(_ kind: TestCluster.Kind, partitions: Int = 3, ladder: String = "1s,1m") async throws {
        cluster = try await TestCluster.shared(kind)
        queue = try Queue(TestCluster.uniqueName("ops"), ladder: Ladder(text: ladder))
        for topic in queue.allTopics { try await cluster.makeTopic(named: topic, partitions: partitions) }
        // All queues share it: another test may have been first.
        do {
            try await cluster.makeTopic(named: Queue.controlTopic, partitions: 1)
        } catch let error as KafkaError {
            guard error.code == .topicAlreadyExists else { throw error }
        }
    }

    func produce(
        _ count: Int,
        to topic: String? = nil,
        partition: Int32,
        key: String? = nil,
        headers: [Header] = [],
        ago milliseconds: Int64 = 0
    ) async throws {
        let producer = try Producer(cluster.configuration)
        let records = (0..<count).map { _ in
            ProducerRecord(
                topic: topic ?? queue.mainTopic,
                partition: partition,
                key: key.map { Bytes($0) },
                value: "{}",
                headers: headers,
                timestamp: Timestamp.now - milliseconds
            )
        }
        for result in await producer.send(records) { _ = try result.get() }
        await producer.close()
    }

    /// Commits as a Python program that is no member of the group.
    func commit(_ offset: Int64, partition: Int32, topic: String? = nil) async throws {
        let script = """
            import sys
            from confluent_kafka import Consumer, TopicPartition
            servers, group, topic, partition, offset = sys.argv[1:]
            consumer = Consumer({'bootstrap.servers': servers, 'group.id': group})
            place = TopicPartition(topic, int(partition), int(offset))
            consumer.commit(offsets=[place], asynchronous=False)
            """
        let arguments = [queue.group, topic ?? queue.mainTopic, "\(partition)", "\(offset)"]
        _ = try await Oracle.python(script, [cluster.bootstrapServers] + arguments)
    }

    /// The group's offsets in the main topic with their metadata, as a Python client reads them: `7 -1 3 k1;…`.
    func committed() async throws -> String {
        let script = """
            import sys
            from confluent_kafka import Consumer, TopicPartition
            servers, group, topic, count = sys.argv[1:]
            consumer = Consumer({'bootstrap.servers': servers, 'group.id': group})
            wanted = [TopicPartition(topic, i) for i in range(int(count))]
            found = consumer.committed(wanted, timeout=10)
            print(' '.join(str(max(x.offset, -1)) + (' ' + x.metadata if x.metadata else '') for x in found))
            """
        let count = try await cluster.admin.metadata().partitions(of: queue.mainTopic)?.count ?? 0
        let arguments = [cluster.bootstrapServers, queue.group, queue.mainTopic, "\(count)"]
        return try await Oracle.python(script, arguments).split(separator: "\n").joined()
    }

    /// How many records of a topic `kcat` reads.
    func kcatCount(_ topic: String) async throws -> Int {
        let arguments = [
            "-b", cluster.bootstrapServers, "-C", "-q", "-e", "-o", "beginning", "-f", "%o\n", "-t", topic,
        ]
        return try await Oracle.kcat(arguments).split(separator: "\n").count
    }

    func alter(_ offset: Int64, partition: Int32, metadata: String) async throws {
        let place = TopicPartition(topic: queue.mainTopic, partition: partition)
        let offsets = [place: CommittedOffset(offset: offset, metadata: metadata)]
        if let failure = try await cluster.admin.alterOffsets(group: queue.group, offsets).values.first {
            throw failure
        }
    }
}

/// A member of a queue's group that does nothing, until ``leave()``.
final class IdleMember: Sendable {
    private let worker: Worker
    private let run: Task<Void, any Error>

    init(_ queue: Queue, _ client: ClientConfiguration, name: String) {
        var configuration = WorkerConfiguration()
        configuration.name = name
        var client = client
        client.properties["session.timeout.ms"] = "6000"
        let worker = Worker(
            queues: [queue],
            jobs: JobRegistry(),
            configuration: configuration,
            client: client
        )
        self.worker = worker
        run = Task { try await worker.run() }
    }

    func leave() async throws {
        worker.stop()
        try await run.value
    }
}
