import RdKafka
import Synchronization

@testable import Kokanee

extension WorkerFixture {
    /// With a second broker that has the state, and nothing else.
    static func withStateElsewhere() throws -> WorkerFixture {
        let fixture = try WorkerFixture(brokers: 2)
        let topics = fixture.queue.allTopics + [Queue.controlTopic]
        for topic in topics {
            let place = TopicPartition(topic: topic, partition: 0)
            try fixture.broker.setLeader(of: place, to: topic == fixture.queue.stateTopic ? 2 : 1)
        }
        try fixture.broker.setCoordinator(ofGroup: fixture.queue.group, to: 1)
        return fixture
    }

    /// A job whose payload is a number.
    func job(_ number: Int, once key: String? = nil) -> NewJob {
        var job = NewJob(type: "default", payload: Bytes("\(number)"))
        job.idempotencyKey = key
        return job
    }

    /// A job that is unique under the key `k`.
    func unique(_ number: Int, until: Uniqueness.Until) -> NewJob {
        var job = job(number)
        job.unique = .unique(until: until, key: "k")
        return job
    }

    func enqueue(_ jobs: [NewJob]) async throws {
        let client = try JobClient(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        for result in await client.enqueue(jobs, to: queue) { _ = try result.get() }
        await client.close()
    }

    /// The newest value of each key of the state topic that begins so.
    func state(_ prefix: String) async throws -> [String: Bytes?] {
        var found: [String: Bytes?] = [:]
        for record in try await records(of: queue.stateTopic) {
            guard let key = record.key?.text, key.hasPrefix(prefix) else { continue }
            found[key] = .some(record.value)
        }
        return found
    }

    func marks() async throws -> [(key: String, value: Bytes)] {
        try await state("mark/").compactMap { key, value in value.map { (key, $0) } }.sorted { $0.key < $1.key }
    }

    /// What nobody who restores a state should stumble over.
    func fillStateWithGarbage() async throws {
        let producer = try Producer(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        let keys: [Bytes?] = [
            nil, "", "mark/", "mark/garbage", "unique/garbage", "job/garbage", "outcome/completed/0/x", "dlq/q.dlq/0/1",
            Bytes([0xFF, 0x00]),
        ]
        let values: [Bytes?] = [
            nil, "", "{", "null", #"{"until":99}"#, #"{"until":"x","of":7,"at":[]}"#, Bytes([0, 255]),
        ]
        let records = (0..<Int32(partitions)).flatMap { partition in
            keys.flatMap { key in
                values.map { ProducerRecord(topic: queue.stateTopic, partition: partition, key: key, value: $0) }
            }
        }
        for result in await producer.send(records) { _ = try result.get() }
        await producer.close()
    }
}
