import RdKafka
import Synchronization

@testable import Kokanee

/// Hooks that keep what they are told, in its order, and then do what a test wants.
final class Told: JobHooks {
    private let calls = Mutex<[String]>([])
    private let then: @Sendable (String) async throws -> Void

    init(then: @escaping @Sendable (String) async throws -> Void = { _ in }) {
        self.then = then
    }

    var all: [String] { calls.withLock { $0 } }

    func count(_ call: String) -> Int { all.count { $0 == call } }

    private func note(_ call: String) async throws {
        calls.withLock { $0.append(call) }
        try await then(call)
    }

    func before(_ context: JobContext) async throws { try await note("\(context.id) before") }

    func after(_ context: JobContext, _ outcome: AttemptOutcome, took: Duration) async throws {
        guard took > .zero else { return try await note("\(context.id) took \(took)") }
        try await note("\(context.id) after \(outcome)")
    }

    func onRetry(_ context: JobContext, attempt: Int, wait: Duration, error: Envelope.Failure) async throws {
        try await note("\(context.id) retry \(attempt) in \(wait.text) \(error.text)")
    }

    func onDead(_ context: JobContext, reason: DeadReason, error: Envelope.Failure?) async throws {
        try await note("\(context.id) dead \(reason)")
    }

    func onDiscard(_ context: JobContext, reason: String) async throws {
        try await note("\(context.id) discard \(reason)")
    }
}
