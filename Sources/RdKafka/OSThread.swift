internal import CRdKafka
internal import Glibc

/// A thread of the operating system, for calls that block: those never run on Swift's cooperative pool.
package enum OSThread {
    /// Starts a detached thread that runs `body` and ends.
    ///
    /// - Parameter name: shown by `top -H` and debuggers; Linux keeps its first 15 bytes.
    package static func start(name: String, _ body: @escaping @Sendable () -> Void) {
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var thread = pthread_t()
        let status = pthread_create(&thread, nil, OSThread.main, start.toOpaque())
        // EAGAIN: the process may have no more threads; nothing that this package does works without them.
        precondition(status == 0, "can't start thread \(name): \(String(cString: strerror(status)))")
        pthread_detach(thread)
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

    private final class Start {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    private static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
        let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
        crdkafka_name_thread(start.name)
        start.body()
        return nil
    }
}
