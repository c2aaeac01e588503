import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("The eras of outputs", .timeLimit(.minutes(1)))
struct QueueOutputsTests {
    private final class Answers: Sendable {
        let all = Mutex<[OutputDesk.Answer]>([])
    }

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
        // Nobody waits for these: one that is stranded would never come.
        let answers = Answers()
        func ask() {
            Task {
                let answer = try await outputs.areCommitted(of: content)
                answers.all.withLock { $0.append(answer) }
            }
        }
        ask()
        try await eventually("it waits: its partition may come back") { outputs.isAwaited }
        outputs.begin([TopicPartition(topic: place.topic, partition: place.partition + 1)])
        try await eventually("it is told that it has not") { answers.all.withLock { $0 == [.gone] } }
        ask()
        try await eventually("so is who asks later") { answers.all.withLock { $0 == [.gone, .gone] } }
        #expect(!outputs.isAwaited)
    }
}
