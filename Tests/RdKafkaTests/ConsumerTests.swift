import RdKafka
import Synchronization
import TestSupport
import Testing

@Suite("The consumer")
struct ConsumerTests {
    private static let topic = "t"

    /// A consumer and what it was given, on the thread of the test's body.
    private final class Member {
        let consumer: Consumer
        var queues: [PartitionQueue] = []
        var commits: [(tag: Int, result: Result<[TopicPartition], KafkaError>)] = []
        var failures: [KafkaError] = []

        init(_ broker: EmbeddedBroker, group: String, _ more: [String: String] = [:]) throws {
            // The embedded broker lets a rebalance last for the session timeout.
            let properties = ["session.timeout.ms": "4000", "heartbeat.interval.ms": "500"].merging(more) { $1 }
            let client = ClientConfiguration(bootstrapServers: broker.bootstrapServers, properties: properties)
            consumer = try Consumer(client, group: group, wakeup: try Wakeup())
            try consumer.subscribe([ConsumerTests.topic])
        }

        /// Answers events until `isDone`, for 20 seconds at most.
        func serve(_ what: String, until isDone: (Member) throws -> Bool) throws {
            let end = ContinuousClock.now + .seconds(20)
            while try !isDone(self) {
                guard ContinuousClock.now < end else { throw NeverHappened(what: what) }
                consumer.wait(upTo: .milliseconds(50))
                while let event = consumer.nextEvent() {
                    switch event {
                    case .assigned(let partitions):
                        let committed = try consumer.committed(partitions)
                        let starts = partitions.map { partition in
                            (partition, committed[partition].map { Consumer.Start.offset($0.offset) } ?? .beginning)
                        }
                        queues = try consumer.assign(Dictionary(uniqueKeysWithValues: starts))
                    case .revoked, .lost:
                        queues = []
                        try consumer.unassign()
                    case .committed(let tag, let result): commits.append((tag, result))
                    case .failed(let error): failures.append(error)
                    case .record: break
                    }
                }
            }
        }

        func read(_ partition: Int32, count: Int) throws -> [Record] {
            var records: [Record] = []
            try serve("\(count) records are there") { member in
                guard let queue = member.queues.first(where: { $0.topicPartition.partition == partition }) else {
                    return false
                }
                _ = queue.read(maximum: count - records.count) { item in
                    if case .record(let record) = item { records.append(record) }
                }
                return records.count == count
            }
            return records
        }

        /// Reads a partition's queue until its end is told.
        func readToEnd(_ partition: Int32) throws -> Int64? {
            var end: Int64?
            try serve("the partition ends") { member in
                let queue = member.queues.first { $0.topicPartition.partition == partition }
                _ = queue?.read(maximum: 10) { if case .end(let offset) = $0 { end = offset } }
                return end != nil
            }
            return end
        }

        func leave() throws {
            consumer.startClosing()
            try serve("the group is left") { $0.consumer.isClosed }
        }
    }

    private struct NeverHappened: Error {
        let what: String
    }

    /// A broker with `count` numbered records in each of two partitions.
    private func broker(_ count: Int) async throws -> EmbeddedBroker {
        let broker = try EmbeddedBroker()
        try broker.createTopic(Self.topic, partitions: 2)
        let producer = try Producer(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        let records = (0..<count * 2).map {
            ProducerRecord(topic: Self.topic, partition: Int32($0 % 2), value: Bytes("\($0 / 2)"))
        }
        for result in await producer.send(records) { _ = try result.get() }
        await producer.close()
        return broker
    }

    @Test("a partition that is not read holds up no other, keeps its records, and tells its end")
    func backPressure() async throws {
        let broker = try await broker(300)
        try await OSThread.run(name: "test:consumer") {
            let member = try Member(broker, group: "g")
            let first = try member.read(1, count: 300)
            #expect(first.map(\.offset) == (0..<300).map(Int64.init))
            let other = try member.read(0, count: 300)
            #expect(other.compactMap(\.value?.text) == (0..<300).map(String.init))
            #expect(try member.readToEnd(0) == 300)
            try member.leave()
        }
    }

    @Test("after a seek the records go on from there, and nothing from elsewhere comes between")
    func seek() async throws {
        let broker = try await broker(300)
        try await OSThread.run(name: "test:consumer") {
            let member = try Member(broker, group: "g")
            _ = try member.read(0, count: 10)
            let place = TopicPartition(topic: Self.topic, partition: 0)
            for target in [Int64(250), 0, 120] {
                try member.consumer.seek([place: target])
                #expect(try member.read(0, count: 20).map(\.offset) == (target..<target + 20).map { $0 })
            }
            try member.leave()
        }
    }

    @Test("a partition that is paused at its end goes on with the record that comes next, however often")
    func pauseAtEnd() async throws {
        let broker = try await broker(3)
        let producer = try Producer(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        let place = TopicPartition(topic: Self.topic, partition: 0)
        try await OSThread.run(name: "test:consumer") {
            let member = try Member(broker, group: "g")
            _ = try member.read(0, count: 3)
            for next in Int64(3)..<6 {
                #expect(try member.readToEnd(0) == next)
                try member.consumer.pause([place: next])
                let isWritten = Mutex(false)
                producer.produce(ProducerRecord(topic: Self.topic, partition: 0, value: Bytes("\(next)"))) { result in
                    isWritten.withLock { $0 = (try? result.get()) != nil }
                }
                try member.serve("it is written") { _ in isWritten.withLock(\.self) }
                try member.consumer.resume([place])
                #expect(try member.read(0, count: 1).map(\.offset) == [next])
            }
            try member.leave()
        }
        await producer.close()
    }

    @Test(
        "a member joins by the classic protocol, whatever its configuration says",
        .enabled(if: ClientConfiguration.problem(withProperty: "group.protocol", value: "consumer") == nil)
    )
    func classicProtocol() async throws {
        let broker = try await broker(3)
        try await OSThread.run(name: "test:consumer") {
            let member = try Member(broker, group: "g", ["group.protocol": "consumer"])
            #expect(try member.read(0, count: 3).map(\.offset) == [0, 1, 2])
            try member.leave()
        }
    }

    @Test("a commit carries its metadata, its result its tag, and the next member finds both")
    func commit() async throws {
        let broker = try await broker(3)
        try await OSThread.run(name: "test:consumer") {
            let place = TopicPartition(topic: Self.topic, partition: 0)
            let other = TopicPartition(topic: Self.topic, partition: 1)
            let first = try Member(broker, group: "g")
            try first.serve("partitions are assigned") { $0.queues.count == 2 }
            try first.consumer.commit([place: CommittedOffset(offset: 1, metadata: "one")], tag: 7)
            try first.serve("the commit has a result") { $0.commits.count == 1 }
            try first.consumer.commit([place: CommittedOffset(offset: 2, metadata: "two;ü")], tag: 8)
            var direct: (tag: Int, result: Result<[TopicPartition], KafkaError>)?
            while direct == nil { direct = first.consumer.nextCommitResult() }
            #expect(first.commits.map(\.tag) == [7] && direct?.tag == 8)
            #expect(try direct?.result.get() == [place])
            try first.leave()

            let second = try Member(broker, group: "g")
            try second.serve("partitions are assigned") { $0.queues.count == 2 }
            let committed = try second.consumer.committed([place, other])
            #expect(committed == [place: CommittedOffset(offset: 2, metadata: "two;ü")])
            #expect(try second.read(0, count: 1).map(\.offset) == [2])
            try second.leave()
        }
    }

    @Test("an error that ends the client is told as such, with its cause, and the consumer takes no leave after it")
    func fatal() async throws {
        let broker = try await broker(1)
        try await OSThread.run(name: "test:consumer") {
            let member = try Member(broker, group: "g", ["group.instance.id": "one"])
            try member.serve("partitions are assigned") { $0.queues.count == 2 }
            let fenced = KafkaError.Code(rawValue: 82)
            broker.failNext(.heartbeat, with: [fenced])
            try member.serve("it is told") { member in
                member.failures.contains { $0.isFatal && $0.code == fenced }
            }
            try member.leave()
        }
    }

    @Test("records outlive their queue, their consumer and their broker")
    func lifetimes() async throws {
        var broker: EmbeddedBroker? = try await broker(20)
        let running = try #require(broker)
        let records = try await OSThread.run(name: "test:consumer") {
            let member = try Member(running, group: "g")
            let records = try member.read(0, count: 20)
            try member.leave()
            return records
        }
        broker = nil
        #expect(records.compactMap(\.value?.text) == (0..<20).map(String.init))
    }
}
