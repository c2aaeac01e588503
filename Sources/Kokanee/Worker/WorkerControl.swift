internal import RdKafka
internal import Synchronization

/// What a worker's dispatchers have in common: that it is to stop, and which queues are idle.
final class WorkerControl: Sendable {
    private struct State {
        var isStopping = false
        /// By queue that was idle at the last look: the ends of its logs.
        var idleEnds: [Int32: [Int64]] = [:]
        /// Queues that were found so again after all of them had been.
        var stillIdle: Set<Int32> = []
        var foundIdle = false
        var wakeups: [Wakeup] = []
    }

    let name: String
    private let queueCount: Int
    private let state = Mutex(State())

    init(name: String, queueCount: Int) {
        self.name = name
        self.queueCount = queueCount
    }

    var isStopping: Bool { state.withLock { $0.isStopping } }

    /// The worker was stopped because there was nothing more to do.
    var foundIdle: Bool { state.withLock { $0.foundIdle } }

    /// The wakeup ends its dispatcher's wait when the worker is to stop.
    func add(_ wakeup: Wakeup) {
        let isLate = state.withLock { state in
            state.wakeups.append(wakeup)
            return state.isStopping
        }
        if isLate { wakeup.wake() }
    }

    func stop() {
        let wakeups = state.withLock { state in
            state.isStopping = true
            return state.wakeups
        }
        for wakeup in wakeups { wakeup.wake() }
    }

    /// Once all queues are idle at the same time the worker stops.
    ///
    /// They are looked at one after the other, and a job of one may enqueue one of another that was idle just before.
    /// So each has to be found idle twice, with nothing new in its logs, the second time after all were found so once:
    /// then all were idle at the end of the first round.
    ///
    /// - Parameter ends: where the idle queue's logs end; nil if it is not idle.
    func note(idleAt ends: [Int64]?, queue: Int32) {
        let areAllIdle = state.withLock { state in
            if queueCount > 1, ends == nil || state.idleEnds[queue] != ends || state.idleEnds.count < queueCount {
                state.idleEnds[queue] = ends
                state.stillIdle = []
                return false
            }
            if ends != nil { state.stillIdle.insert(queue) }
            state.foundIdle = state.stillIdle.count == queueCount
            return state.foundIdle
        }
        if areAllIdle { stop() }
    }
}
