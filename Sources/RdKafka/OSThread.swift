internal import CRdKafka
internal import Glibc

/// A thread of the operating system, for calls that block: those never run on Swift's cooperative pool.
package enum OSThread {
    /// How long a process may have no thread left.
    private static let patience = Duration.seconds(60)
    private static let shortestPause = Duration.milliseconds(10)
    private static let longestPause = Duration.seconds(1)

    /// Starts a detached thread that runs `body` and ends. Returns at once.
    ///
    /// Where the process may have no more threads (a container's limit on tasks, `ulimit -u`) it is tried again until others
    /// have ended; that goes on for a minute, and then the process ends: nothing that this package does works without
    /// threads.
    ///
    /// - Parameter name: shown by `top -H` and debuggers; Linux keeps its first 15 bytes.
    package static func start(name: String, _ body: @escaping @Sendable () -> Void) {
        start(Start(name: name, body: body), by: create)
    }

    /// - Parameter create: gives it a thread; an error number is that there is none.
    static func start(_ start: Start, by create: @escaping @Sendable (Start) -> Int32) {
        guard !isUnderWay(start, create(start), mayWait: true) else { return }
        // Callers may hold a lock, be on the Swift pool, or on a thread that must not stand still.
        Task.detached {
            let end = ContinuousClock.now + patience
            var pause = shortestPause
            repeat {
                try? await Task.sleep(for: pause)
                pause = min(pause * 2, longestPause)
            } while !isUnderWay(start, create(start), mayWait: ContinuousClock.now < end)
        }
    }

    private static func isUnderWay(_ start: Start, _ status: Int32, mayWait: Bool) -> Bool {
        precondition(
            status == 0 || status == EAGAIN && mayWait,
            "can't start thread \(start.name): \(String(cString: strerror(status)))"
        )
        return status == 0
    }

    /// Runs blocking `body` on a thread of its own and awaits what it returns or throws.
    package static func run<R: Sendable>(
        name: String,
        _ body: @escaping @Sendable () throws -> R
    ) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            start(name: name) { continuation.resume(with: Result(catching: body)) }
        }
    }

    final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    @Sendable static func create(_ start: Start) -> Int32 {
        let argument = Unmanaged.passRetained(start)
        var thread = pthread_t()
        let status = pthread_create(&thread, nil, main, argument.toOpaque())
        guard status == 0 else {
            argument.release()
            return status
        }
        pthread_detach(thread)
        return 0
    }

    private static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
        let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
        crdkafka_name_thread(start.name)
        start.body()
        return nil
    }
}
