import RdKafka
import Synchronization
import TestSupport

@testable import Kokanee

/// A queue with a topic for outputs, in which a job's value is the number that it produces; on a broker that isolates
/// transactions and shuts producers out.
struct OutputPlace {
    let cluster: TestCluster
    let queue: Queue
    let topic: String

    init() async throws {
        cluster = try await TestCluster.shared(.server)
        queue = try Queue(TestCluster.uniqueName("out"), ladder: Ladder(text: "1s"))
        _ = try await TopicAdministrator(cluster.admin).create(queue, partitions: 2)
        topic = try await cluster.makeTopic("outputs")
    }

    func enqueue(_ numbers: Range<Int>, partition: Int32 = 0) async throws {
        let producer = try Producer(cluster.configuration)
        let records = numbers.map {
            ProducerRecord(topic: queue.mainTopic, partition: partition, value: Bytes("\($0)"))
        }
        for result in await producer.send(records) { _ = try result.get() }
        await producer.close()
    }

    /// Deletes the main topic, and makes it again.
    func recreate() async throws {
        let script = """
            import sys, time
            from confluent_kafka.admin import AdminClient, NewTopic
            servers, topic = sys.argv[1:]
            admin = AdminClient({'bootstrap.servers': servers})
            for each in admin.delete_topics([topic]).values(): each.result(20)
            deadline = time.monotonic() + 20
            while topic in admin.list_topics(timeout=20).topics:
                assert time.monotonic() < deadline, 'the topic is still there'
                time.sleep(0.1)
            for each in admin.create_topics([NewTopic(topic, 2)]).values(): each.result(20)
            """
        _ = try await Oracle.python(script, [cluster.bootstrapServers, queue.mainTopic])
    }

    /// - Parameter name: to the group; the next worker of one takes the place of the one before.
    func worker(
        named name: String? = nil,
        isRegistered: Bool = true,
        logger: Logger = .disabled,
        _ configure: (inout WorkerConfiguration) -> Void = { _ in },
        perform: @escaping @Sendable (String, JobContext) async throws -> Void
    ) throws -> Worker {
        var jobs = JobRegistry()
        try jobs.register("default") { (payload: Bytes, context) in try await perform(payload.text, context) }
        if isRegistered { try jobs.commitsOutputs("default") }
        var configuration = WorkerConfiguration()
        configuration.commitInterval = .milliseconds(50)
        configuration.shutdownLimit = .seconds(2)
        configure(&configuration)
        var client = cluster.configuration
        client.properties["group.instance.id"] = name
        return Worker(queues: [queue], jobs: jobs, configuration: configuration, client: client, logger: logger)
    }

    /// Has a worker complete so many jobs whose offsets nobody commits: the first commit names the era, and after it nothing is
    /// committed any more.
    func completeUncommitted(
        _ count: Int,
        perform: @escaping @Sendable (String, JobContext) async throws -> Void
    ) async throws {
        try FailPoints.arm("commit.sending=fail@2-")
        defer { FailPoints.disarm() }
        let worker = try worker(perform: perform)
        try await running(worker) {
            try await eventually("all have completed") { worker.statistics.completed == count }
        }
    }

    /// What readers of `read_committed` see.
    func outputs() async throws -> [String] { try await records(of: topic, partitions: 1).map { $0.value?.text ?? "" } }

    /// What they see of any topic.
    func records(of topic: String, partitions: Int32 = 2) async throws -> [Record] {
        let places = (0..<partitions).map { TopicPartition(topic: topic, partition: $0) }
        let ranges = try await cluster.admin.extents(of: places)
        let seen = Mutex<[Record]>([])
        try await TopicReader.read(ranges, configuration: cluster.configuration) { record in
            seen.withLock { $0.append(record) }
            return true
        }
        return seen.withLock { $0 }
    }

    func committed(_ partition: Int32 = 0) async throws -> Int64? {
        let place = TopicPartition(topic: queue.mainTopic, partition: partition)
        return try await (cluster.admin.committedOffsets(group: queue.group, [place])[place] ?? nil)?.offset
    }
}
