import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("The memory of jobs that are finished")
struct ReleasedJobTests {
    private final class Seen: Sendable {
        private struct Reference: Sendable {
            weak let content: JobContent?
        }

        private let references = Mutex<[Reference]>([])

        func note(_ context: JobContext) {
            // What a handler is given does not show it.
            let source = Mirror(reflecting: context).descendant("context")
            let content = source.flatMap { Mirror(reflecting: $0).children.first?.value as? JobContent }
            guard let content else { return }
            references.withLock { $0.append(Reference(content: content)) }
        }

        var count: Int { references.withLock { $0.count } }
        var alive: Int { references.withLock { $0.count { $0.content != nil } } }
    }

    @Test("a job is let go once it is finished, also one that was delayed or retried")
    func released() async throws {
        let fixture = try WorkerFixture()
        let seen = Seen()
        let worker = try fixture.worker { _, context in
            seen.note(context)
            if context.attempt == 1 { throw JobError.retry("not yet") }
        }
        try await fixture.enqueue(20)
        try await running(worker) {
            try await eventually("all have run twice", within: .seconds(40)) { worker.statistics.completed == 20 }
            #expect(seen.count == 40)
            try await eventually("and nothing is left of them") { seen.alive == 0 }
        }
    }
}
