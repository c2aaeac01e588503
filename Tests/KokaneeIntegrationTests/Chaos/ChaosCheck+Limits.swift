import Kokanee

// MARK: - Limits

extension ChaosCheck {
    /// How many jobs a worker has in hand at once.
    static let workerConcurrency = 3

    /// A worker never runs more jobs of a type at the same time than its limit says.
    static func concurrency(_ history: History) -> [String] {
        history.limits.flatMap { limit -> [String] in
            guard let most = limit.concurrency else { return [] }
            // One whose end nobody wrote down was killed, nobody knows when; and a process that is stopped, because its
            // job was taken away, has given its place back when it hears of it.
            let ended = executions(of: limit.type, history).filter { $0.end != nil && $0.outcome != .cut }
            return Dictionary(grouping: ended, by: \.worker).values.flatMap { executions in
                var running: [ChaosExecution] = []
                return executions.compactMap { execution -> String? in
                    running.removeAll { ($0.end ?? 0) <= execution.start }
                    running.append(execution)
                    guard running.count > most else { return nil }
                    return "\(execution.name) started while \(running.count - 1) of \(limit.type) ran, of \(most)"
                }
            }
        }.sorted()
    }

    /// In no time the fleet starts more jobs of a type than its rate and burst say: `rate × t + burst`, one for each worker,
    /// and, since a job takes its token a little before its handler writes that it has started, those that workers
    /// had in hand when the time began.
    ///
    /// What dead workers' handlers start, and zombies, is not counted. On brokers that let two workers have a partition at
    /// the same time there is no such bound, for both have its share.
    static func rate(_ history: History) -> [String] {
        guard history.profile.handsOverInTurn else { return [] }
        return history.limits.compactMap { limit in
            guard let rate = limit.rate, let burst = limit.burst else { return nil }
            let starts = executions(of: limit.type, history)
                .filter { !history.isIgnorant($0.worker, at: $0.start) }
                .map(\.start)
            for first in starts.indices {
                for last in first..<starts.count {
                    let (from, until) = (starts[first], starts[last])
                    let tokens = Double(rate) * Double(until - from) / Double(History.second) + Double(burst)
                    let beyond = Double(last - first + 1) - tokens
                    guard beyond > 0 else { continue }
                    let workers = history.workers.values.count { $0.startedAt <= until && $0.killedAt ?? .max >= from }
                    guard beyond > Double(workers * (1 + workerConcurrency)) else { continue }
                    let time = "\((until - from) / 1_000_000) ms from \(from) on"
                    return "\(last - first + 1) of \(limit.type) started in \(time), on \(workers) workers"
                }
            }
            return nil
        }
    }

    /// By start.
    private static func executions(of type: String, _ history: History) -> [ChaosExecution] {
        let ids = Set(history.enqueued.filter { $0.type == type }.map(\.id))
        return history.executions.filter { ids.contains($0.id) }
    }
}
