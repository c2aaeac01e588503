internal import RdKafka
internal import Synchronization

/// Does on another thread what may block: the watch itself must go on whatever happens to a log or a lock.
final class Relay: Sendable {
    /// More than this wait only behind one that hangs.
    private static let limit = 1000

    private struct State {
        var waiting = Fifo<@Sendable () -> Void>()
        var isWorking = false
    }

    private let state = Mutex(State())

    /// Whether all that was asked for is done.
    var isIdle: Bool { state.withLock { !$0.isWorking } }

    /// Does it soon, after what was asked for before. Dropped where too much waits already.
    func run(_ errand: @escaping @Sendable () -> Void) {
        let mustStart = state.withLock { state in
            guard state.waiting.count < Self.limit else { return false }
            state.waiting.append(errand)
            defer { state.isWorking = true }
            return !state.isWorking
        }
        guard mustStart else { return }
        // For as long as there is something to do; that is seldom.
        OSThread.start(name: "kokanee:relay") { [self] in
            while let errand = next() { errand() }
        }
    }

    private func next() -> (@Sendable () -> Void)? {
        state.withLock { state in
            let errand = state.waiting.popFirst()
            if errand == nil { state.isWorking = false }
            return errand
        }
    }
}
