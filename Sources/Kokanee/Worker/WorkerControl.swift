internal import RdKafka
internal import Synchronization

/// What a worker's dispatchers have in common: that it is to stop, and which queues are idle.
final class WorkerControl: Sendable {
    private struct State {
        var isStopping = false
        var idleQueues: Set<Int32> = []
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
    func note(idle: Bool, queue: Int32) {
        let areAllIdle = state.withLock { state in
            if idle { state.idleQueues.insert(queue) } else { state.idleQueues.remove(queue) }
            return state.idleQueues.count == queueCount
        }
        if areAllIdle { stop() }
    }
}
