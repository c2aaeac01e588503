import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("What is refused for its neighbours", .timeLimit(.minutes(1)))
struct BisectionTests {
    /// What a topic takes of eight jobs, some of which it never takes, where so many fit into a batch.
    private func landed(fitting most: Int, huge: Set<Int> = []) async -> [Int] {
        var log: [Int] = []
        await Bisection.resend(Array(0..<8)) { part in
            guard part.count <= most, huge.isDisjoint(with: part) else { return part }
            log += part
            return []
        }
        return log
    }

    @Test("jobs land in the order in which they were enqueued, however few fit together", arguments: 1...8)
    func order(most: Int) async {
        #expect(await landed(fitting: most) == Array(0..<8))
        #expect(await landed(fitting: most, huge: [0, 5]) == [1, 2, 3, 4, 6, 7])
    }

    @Test("a part of which some are taken is gone on with by what is left")
    func partly() async {
        var sent: [[Int]] = []
        await Bisection.resend([1, 3, 5, 7]) { part in
            sent.append(part)
            return part.count > 1 ? part.filter { $0 == 3 } : []
        }
        #expect(sent == [[1, 3], [3], [5, 7]])
    }

    /// A queue whose topic takes two jobs of 8000 bytes in a batch.
    private func queue(on cluster: TestCluster) async throws -> (queue: Queue, client: ClientConfiguration) {
        let topic = try await cluster.makeTopic(configs: ["max.message.bytes": "20000"])
        // All that is enqueued at one time is one batch.
        let client = ClientConfiguration(
            bootstrapServers: cluster.bootstrapServers,
            properties: ["linger.ms": "200"]
        )
        return (try Queue(topic), client)
    }

    private static func job(_ number: Int, bytes: Int = 8000) -> NewJob {
        var job = NewJob(type: "t", payload: Bytes([UInt8](repeating: 65, count: bytes)))
        job.id = "\(number)"
        job.key = "k"
        return job
    }

    @Test("jobs of a key that are more than a topic's batch keep their order")
    func together() async throws {
        let cluster = try await TestCluster.shared(.server)
        let (queue, configuration) = try await queue(on: cluster)
        let client = try JobClient(configuration)
        let jobs = (0..<8).map { Self.job($0) } + [Self.job(8, bytes: 30_000)]
        let results = await client.enqueue(jobs, to: queue)
        await client.close()
        #expect(throws: InputError.self) { try results[8].get() }
        let offsets = try results.dropLast().map { try $0.get().offset }
        #expect(offsets == offsets.sorted())
    }

    @Test("jobs that are enqueued one by one at the same time are refused for their own size only")
    func besideEachOther() async throws {
        let cluster = try await TestCluster.shared(.server)
        let (queue, configuration) = try await queue(on: cluster)
        let client = try JobClient(configuration)
        let results = await withTaskGroup(of: Result<EnqueuedJob, any Error>.self) { group in
            for number in 0..<20 {
                let job = Self.job(number, bytes: number == 10 ? 30_000 : 8000)
                group.addTask { await client.enqueue([job], to: queue)[0] }
            }
            var results: [Result<EnqueuedJob, any Error>] = []
            for await result in group { results.append(result) }
            return results
        }
        await client.close()
        let refused = results.filter { result in
            guard case .failure(let error) = result else { return false }
            return error is InputError
        }
        #expect(refused.count == 1, "\(refused)")
        #expect(results.count { (try? $0.get()) != nil } == 19)
    }
}
