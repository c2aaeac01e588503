internal import RdKafka

/// Finds out whether a queue and its ladder hold nothing more to do, on this worker and on all others.
struct IdleWatch {
    private static let interval = Duration.milliseconds(300)

    private var nextLookAt = ContinuousClock.now

    mutating func look(_ dispatcher: Dispatcher) {
        guard dispatcher.configuration.stopsWhenIdle, dispatcher.hasJoined else { return }
        let now = dispatcher.engine.clock.monotonic()
        guard now >= nextLookAt else { return }
        nextLookAt = now + Self.interval
        let isIdle = dispatcher.isAtRest && dispatcher.commits.isIdle && isDone(dispatcher)
        dispatcher.control.note(idle: isIdle, queue: dispatcher.runtime.index)
    }

    /// Whether the group has committed every partition to its end; others' work shows by their commits.
    private func isDone(_ dispatcher: Dispatcher) -> Bool {
        let consumer = dispatcher.consumer
        do {
            let committed = try consumer.committed(dispatcher.allPartitions)
            let ends = try consumer.edges(.latest, of: dispatcher.allPartitions)
            let untouched = dispatcher.allPartitions.filter { committed[$0] == nil && ends[$0] != 0 }
            let starts = try consumer.edges(.earliest, of: untouched)
            return dispatcher.allPartitions.allSatisfy { partition in
                guard let end = ends[partition] else { return false }
                return (committed[partition]?.offset ?? starts[partition] ?? 0) >= end
            }
        } catch {
            dispatcher.logger.log(.info, "can't tell yet whether the queue is idle", ["error": "\(error)"])
            return false
        }
    }
}
