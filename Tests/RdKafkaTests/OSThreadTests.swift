import Glibc
import Synchronization
import TestSupport
import Testing

@testable import RdKafka

@Suite("Threads", .timeLimit(.minutes(1)))
struct OSThreadTests {
    @Test("a process that may have no more threads for a moment waits, and its caller does not")
    func limit() async throws {
        let attempts = Atomic(0)
        let hasRun = Atomic(false)
        let start = OSThread.Start(name: "test:late") { hasRun.store(true, ordering: .sequentiallyConsistent) }
        OSThread.start(start) { start in
            attempts.add(1, ordering: .sequentiallyConsistent).newValue <= 3 ? EAGAIN : OSThread.create(start)
        }
        let hasRunAtOnce = hasRun.load(ordering: .sequentiallyConsistent)
        #expect(!hasRunAtOnce)
        try await eventually("the thread runs") { hasRun.load(ordering: .sequentiallyConsistent) }
        let count = attempts.load(ordering: .sequentiallyConsistent)
        #expect(count == 4)
    }
}
