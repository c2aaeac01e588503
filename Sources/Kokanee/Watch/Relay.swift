internal import RdKafka
internal import Synchronization

/// Does on another thread what may block: the watch itself must go on whatever happens to a log or a lock.
///
/// The thread is there from the start on: one that is made when it is needed may not be had then.
final class Relay: Sendable {
    /// More than this wait only behind one that hangs.
    private static let limit = 1000

    private struct State {
        var waiting = Fifo<@Sendable () -> Void>()
        var isWorking = false
        var hasEnded = false
    }

    private let state = Mutex(State())
    private let wakeup: Wakeup

    init() throws(KafkaError) {
        wakeup = try Wakeup()
    }

    /// Whether all that was asked for is done.
    var isIdle: Bool { state.withLock { !$0.isWorking } }

    /// To be called once.
    func start() {
        OSThread.start(name: "kokanee:relay") { [self] in
            while let errand = next() { errand() }
        }
    }

    /// Does it soon, after what was asked for before. Dropped where too much waits already, and after the end.
    func run(_ errand: @escaping @Sendable () -> Void) {
        let mustWake = state.withLock { state in
            guard !state.hasEnded, state.waiting.count < Self.limit else { return false }
            state.waiting.append(errand)
            defer { state.isWorking = true }
            return !state.isWorking
        }
        if mustWake { wakeup.wake() }
    }

    /// The thread ends when all that was asked for is done.
    func end() {
        state.withLock { $0.hasEnded = true }
        wakeup.wake()
    }

    private func next() -> (@Sendable () -> Void)? {
        while true {
            let (errand, hasEnded) = state.withLock { state in
                let errand = state.waiting.popFirst()
                if errand == nil { state.isWorking = false }
                return (errand, state.hasEnded)
            }
            if errand != nil || hasEnded { return errand }
            wakeup.wait(milliseconds: -1)
        }
    }
}
