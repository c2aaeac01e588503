import Synchronization
import Testing

/// Bounds how many tests run beside each other: each of them runs several processes.
struct SlotsTrait: TestTrait, SuiteTrait, TestScoping {
    let count: Int
    let isRecursive = true

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        await Slots.shared.take(count)
        defer { Slots.shared.give(count) }
        try await function()
    }
}

extension Trait where Self == SlotsTrait {
    /// Runs beside a few others.
    static var besideOthers: Self { Self(count: 1) }
    /// Runs alone: it measures, or loads the machine.
    static var alone: Self { Self(count: Slots.total) }
}

/// A semaphore that serves those who wait in their order.
private final class Slots: Sendable {
    static let total = 4
    static let shared = Slots()

    private struct State {
        var free = Slots.total
        var waiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    func take(_ count: Int) async {
        await withCheckedContinuation { continuation in
            state.withLock { $0.waiters.append((count, continuation)) }
            serve()
        }
    }

    func give(_ count: Int) {
        state.withLock { $0.free += count }
        serve()
    }

    private func serve() {
        let served = state.withLock { state in
            var served: [CheckedContinuation<Void, Never>] = []
            while let first = state.waiters.first, first.count <= state.free {
                state.free -= first.count
                served.append(first.continuation)
                state.waiters.removeFirst()
            }
            return served
        }
        for continuation in served { continuation.resume() }
    }
}
