import TestSupport
import Testing

@testable import Kokanee

struct WorkerBatchSizeTests {
    @Test("a worker's batches are no larger than the least that a topic of its queue takes")
    func batchLimit() async throws {
        let cluster = try await TestCluster.shared(.server)
        let small = try await cluster.makeTopic(configs: ["max.message.bytes": "20000"])
        let others = [try await cluster.makeTopic(configs: ["max.message.bytes": "30000"]), "there is no such topic"]
        let configuration = cluster.configuration
        #expect(await TopicAdministrator.smallestBatchLimit(of: others + [small], configuration) == 20_000)
        #expect(await TopicAdministrator.smallestBatchLimit(of: [others[1]], configuration) == nil)
    }
}
