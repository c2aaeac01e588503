import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("The eras of outputs", .timeLimit(.minutes(1)))
struct QueueOutputsTests {
    @Test(
        "an attempt that has outlived its partition waits for no era, whether it asks before the next assignment or after it"
    )
    func stranded() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(1)
        let record = try #require(try await fixture.records(of: "q").first)
        let content = JobContent(record, runtime: try fixture.runtime())
        let place = content.message.source.topicPartition
        let outputs = QueueOutputs()
        outputs.begin([place])
        outputs.end()
        outputs.letGo([place])
        let early = Task { try await outputs.areCommitted(of: content) }
        try await eventually("it waits: its partition may come back") { outputs.isAwaited }
        outputs.begin([TopicPartition(topic: place.topic, partition: place.partition + 1)])
        #expect(try await early.value == .gone)
        #expect(try await outputs.areCommitted(of: content) == .gone)
        #expect(!outputs.isAwaited)
    }
}
