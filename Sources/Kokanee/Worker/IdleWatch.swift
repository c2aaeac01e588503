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
        let ends = dispatcher.isAtRest && dispatcher.commits.isIdle ? endsIfDone(dispatcher) : nil
        dispatcher.control.note(idleAt: ends, queue: dispatcher.runtime.index)
    }

    /// Where all partitions end if the group has committed every one to its end; others' work shows by their commits.
    private func endsIfDone(_ dispatcher: Dispatcher) -> [Int64]? {
        let consumer = dispatcher.consumer
        do {
            let committed = try consumer.committed(dispatcher.allPartitions)
            // Each of these waits for a broker, which is no sign of a thread that hangs.
            dispatcher.runtime.vitals.turn()
            let ends = try dispatcher.planEnds(consumer.edges(.latest, of: dispatcher.allPartitions))
            let untouched = dispatcher.allPartitions.filter { committed[$0] == nil && ends[$0] != 0 }
            dispatcher.runtime.vitals.turn()
            let starts = try consumer.edges(.earliest, of: untouched)
            let isDone = dispatcher.allPartitions.allSatisfy { partition in
                guard let end = ends[partition] else { return false }
                return (committed[partition]?.offset ?? starts[partition] ?? 0) >= end
            }
            return isDone ? dispatcher.allPartitions.map { ends[$0] ?? 0 } : nil
        } catch {
            dispatcher.logger.log(.info, "can't tell yet whether the queue is idle", ["error": "\(error)"])
            return nil
        }
    }
}
