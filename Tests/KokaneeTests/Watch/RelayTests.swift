import Glibc
import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("What the watch leaves to another thread", .timeLimit(.minutes(1)))
struct RelayTests {
    /// A value of the thread that asks for it; a new thread has none.
    private final class ThreadMark: Sendable {
        private let key: pthread_key_t

        init() {
            var key = pthread_key_t()
            pthread_key_create(&key, nil)
            self.key = key
        }

        deinit { pthread_key_delete(key) }

        var isSet: Bool { pthread_getspecific(key) != nil }

        func set() { pthread_setspecific(key, UnsafeRawPointer(bitPattern: 1)) }
    }

    @Test("one thread does it all, also what comes when it was idle: a process at its task limit gets no other")
    func oneThread() async throws {
        let relay = try Relay()
        let mark = ThreadMark()
        let marks = Mutex<[Bool]>([])
        relay.start()
        for count in 1...5 {
            relay.run {
                marks.withLock { $0.append(mark.isSet) }
                mark.set()
            }
            try await eventually("it is done") { relay.isIdle }
            #expect(marks.withLock(\.count) == count)
        }
        #expect(marks.withLock(\.self) == [false, true, true, true, true])
        relay.end()
    }

    @Test("what was asked for before the end is done, and nothing after it; then the thread is gone")
    func end() async throws {
        let done = Mutex<[Int]>([])
        weak var gone: Relay?
        do {
            let relay = try Relay()
            gone = relay
            for number in 1...3 { relay.run { done.withLock { $0.append(number) } } }
            relay.end()
            relay.run { done.withLock { $0.append(4) } }
            relay.start()
        }
        try await eventually("the thread has ended") { gone == nil }
        #expect(done.withLock(\.self) == [1, 2, 3])
    }
}
