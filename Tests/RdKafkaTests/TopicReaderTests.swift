import RdKafka
import Synchronization
import TestSupport
import Testing

@Suite("TopicReader", .timeLimit(.minutes(2)))
struct TopicReaderTests {
    private final class Collector: Sendable {
        private let state = Mutex<[Record]>([])

        var records: [Record] { state.withLock(\.self) }

        func add(_ record: Record) -> Int {
            state.withLock {
                $0.append(record)
                return $0.count
            }
        }
    }

    @Test("it gives exactly the records of the ranges, in order, and returns", arguments: TestCluster.Kind.allCases)
    func ranges(kind: TestCluster.Kind) async throws {
        let cluster = try await TestCluster.shared(kind)
        let topic = try await cluster.makeTopic(partitions: 3)
        let partitions = (0..<3).map { TopicPartition(topic: topic, partition: Int32($0)) }
        for partition in partitions { try await cluster.produce((0..<10).map(String.init), to: partition) }
        let collector = Collector()
        let ranges = [partitions[0]: Int64(0)..<10, partitions[1]: 3..<7, partitions[2]: 5..<5]
        let ends = try await TopicReader.read(ranges, configuration: cluster.configuration) { record in
            _ = collector.add(record)
            return true
        }
        #expect(ends == ranges.mapValues(\.upperBound))
        // The reader's client is gone by now but for these.
        for (partition, range) in ranges {
            let values = collector.records.filter { $0.topicPartition == partition }.map { $0.value?.text }
            #expect(values == range.map(String.init))
        }
    }

    @Test("ten thousand records are read, each once", arguments: TestCluster.Kind.allCases)
    func tenThousand(kind: TestCluster.Kind) async throws {
        let cluster = try await TestCluster.shared(kind)
        let partition = TopicPartition(topic: try await cluster.makeTopic(), partition: 0)
        try await cluster.produce((0..<10_000).map { "value \($0)" }, to: partition)
        let count = Mutex(0)
        try await TopicReader.read([partition: 0..<10_000], configuration: cluster.configuration) { _ in
            count.withLock { $0 += 1 }
            return true
        }
        #expect(count.withLock(\.self) == 10_000)
    }

    @Test("a range beyond the log's end ends there", arguments: TestCluster.Kind.allCases)
    func beyondTheEnd(kind: TestCluster.Kind) async throws {
        let cluster = try await TestCluster.shared(kind)
        let partition = TopicPartition(topic: try await cluster.makeTopic(), partition: 0)
        try await cluster.produce(["a", "b"], to: partition)
        let collector = Collector()
        let ends = try await TopicReader.read([partition: 1..<100], configuration: cluster.configuration) {
            _ = collector.add($0)
            return true
        }
        #expect(ends == [partition: 2])
        #expect(collector.records.map { $0.value?.text } == ["b"])
    }

    @Test("a range that lies wholly beyond the end gives nothing", arguments: TestCluster.Kind.allCases)
    func whollyBeyond(kind: TestCluster.Kind) async throws {
        let cluster = try await TestCluster.shared(kind)
        let partition = TopicPartition(topic: try await cluster.makeTopic(), partition: 0)
        try await cluster.produce(["a", "b"], to: partition)
        let collector = Collector()
        try await TopicReader.read([partition: 50..<100], configuration: cluster.configuration) {
            _ = collector.add($0)
            return true
        }
        #expect(collector.records.isEmpty)
    }

    @Test("what retention took from the start of a range is passed over")
    func retention() async throws {
        let cluster = try await TestCluster.shared(.server)
        let partition = TopicPartition(topic: try await cluster.makeTopic(), partition: 0)
        try await cluster.produce((0..<10).map(String.init), to: partition)
        _ = try await cluster.admin.deleteRecords(before: [partition: 6])
        let collector = Collector()
        try await TopicReader.read([partition: 2..<9], configuration: cluster.configuration) {
            _ = collector.add($0)
            return true
        }
        #expect(collector.records.map(\.offset) == [6, 7, 8])
    }

    @Test("the markers of transactions at the end are not waited for, aborted records not given")
    func transactions() async throws {
        let cluster = try await TestCluster.shared(.server)
        let partition = TopicPartition(topic: try await cluster.makeTopic(), partition: 0)
        let script = """
            import sys
            from confluent_kafka import Producer
            servers, topic = sys.argv[1:]
            producer = Producer({'bootstrap.servers': servers, 'transactional.id': topic})
            producer.init_transactions(20)
            for value, commit in (('a', True), ('b', False), ('c', True)):
                producer.begin_transaction()
                producer.produce(topic, value, partition=0)
                producer.flush(20)
                producer.commit_transaction(20) if commit else producer.abort_transaction(20)
            """
        _ = try await Oracle.python(script, [cluster.bootstrapServers, partition.topic])
        let end = try #require(try await cluster.admin.listOffsets([partition], .latest)[partition])
        let collector = Collector()
        let ends = try await TopicReader.read([partition: 0..<end], configuration: cluster.configuration) {
            _ = collector.add($0)
            return true
        }
        #expect(collector.records.map { $0.value?.text } == ["a", "c"])
        #expect(ends == [partition: end])
    }

    @Test("false from the closure ends it, and tells how far it came")
    func stopsEarly() async throws {
        let cluster = try await TestCluster.shared(.embedded)
        let partition = TopicPartition(topic: try await cluster.makeTopic(), partition: 0)
        try await cluster.produce((0..<100).map(String.init), to: partition)
        let collector = Collector()
        let ends = try await TopicReader.read([partition: 0..<100], configuration: cluster.configuration) {
            collector.add($0) < 5
        }
        #expect(collector.records.count == 5)
        #expect(ends == [partition: 5])
    }

    @Test("an error of the closure ends it and is thrown")
    func throwsThrough() async throws {
        struct Stop: Error {}
        let cluster = try await TestCluster.shared(.embedded)
        let partition = TopicPartition(topic: try await cluster.makeTopic(), partition: 0)
        try await cluster.produce(["a", "b"], to: partition)
        await #expect(throws: Stop.self) {
            try await TopicReader.read([partition: 0..<2], configuration: cluster.configuration) { _ in throw Stop() }
        }
    }

    @Test("cancelling the task ends it")
    func cancellation() async throws {
        let configuration = ClientConfiguration(bootstrapServers: "127.0.0.1:1")
        let task = Task {
            try await TopicReader.read(
                [TopicPartition(topic: "a", partition: 0): 0..<1],
                configuration: configuration
            ) { _ in true }
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("a broker that stalls is an error after the time given")
    func stall() async throws {
        let error = try await kafkaError {
            try await TopicReader.read(
                [TopicPartition(topic: "a", partition: 0): 0..<1],
                configuration: ClientConfiguration(bootstrapServers: "127.0.0.1:1"),
                stallTimeout: .milliseconds(500)
            ) { _ in true }
        }
        #expect(error?.code == .localTimedOut)
        #expect(error?.operation.contains("a/0") == true)
    }

    @Test("nothing to read needs no broker")
    func nothing() async throws {
        let configuration = ClientConfiguration(bootstrapServers: "127.0.0.1:1")
        #expect(try await TopicReader.read([:], configuration: configuration) { _ in true }.isEmpty)
    }
}
