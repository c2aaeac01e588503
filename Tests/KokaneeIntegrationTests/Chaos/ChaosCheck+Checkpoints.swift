import Kokanee

// MARK: - Checkpoints

extension ChaosCheck {
    /// A checkpoint that an execution is given was left before it, for this job.
    static func foreignCheckpoints(_ history: History) -> [String] {
        var left: [String: [ChaosExecution.Left]] = [:]
        for execution in history.executions { left[execution.id, default: []] += execution.left }
        return history.executions.compactMap { execution in
            guard let given = execution.given else { return nil }
            let isKnown = left[execution.id, default: []].contains { $0.step == given.step && $0.at < execution.start }
            guard given.of != execution.id || !isKnown else { return nil }
            return "\(execution.name) was given step \(given.step) of job \(given.of), which nobody had left"
        }
    }

    /// What is completed has made each of its steps, itself or before the checkpoint from which it went on.
    static func steps(_ history: History) -> [String] {
        let steps = Dictionary(history.enqueued.map { ($0.id, $0.steps) }) { first, _ in first }
        return history.executions.compactMap { execution in
            guard execution.outcome == .ok, case let all?? = steps[execution.id], execution.reached != all else {
                return nil
            }
            return "\(execution.name) was completed at step \(execution.reached ?? 0) of \(all)"
        }
    }

    /// No execution begins before the checkpoint that the brokers have: that of the attempt before it, which stood there
    /// before the job hopped; and the one that an execution before it was given.
    static func lostCheckpoints(_ history: History) -> [String] {
        let steps = Set(history.enqueued.filter { $0.steps != nil }.map(\.id))
        let byJob = Dictionary(grouping: history.executions.filter { steps.contains($0.id) }, by: \.id)
        return byJob.values.flatMap { executions in
            executions.enumerated().compactMap { index, execution in
                lostCheckpoint(of: execution, after: Array(executions[..<index]), history)
            }
        }.sorted()
    }

    /// - Parameter earlier: the job's executions that started before.
    private static func lostCheckpoint(
        of execution: ChaosExecution,
        after earlier: [ChaosExecution],
        _ history: History
    ) -> String? {
        // A job that has completed begins anew: its checkpoint went with its completion.
        let hasCompleted = earlier.contains { $0.outcome == .ok && ($0.end ?? .max) < execution.start }
        guard !hasCompleted, !history.unstored.contains(execution.id),
            !history.isIgnorant(execution.worker, at: execution.start)
        else { return nil }
        let known = executionsKnown(to: execution, of: earlier, history)
        // Each of those may be the one whose hop this is.
        let failed = earlier.filter {
            $0.attempt == execution.attempt - 1 && $0.outcome == .failed && ($0.end ?? .max) < execution.start
        }
        let hop = failed.allSatisfy(known.contains) ? failed.map(\.level).min() : nil
        // And any of those who left it may be who wrote what was given.
        let given = earlier.compactMap(\.given?.step).max().flatMap { step in
            let writers = earlier.filter { $0.left.contains { $0.step == step } }
            return writers.allSatisfy(known.contains) ? step : nil
        }
        let least = max(hop ?? 0, given ?? 0)
        let start = execution.given?.step ?? 0
        guard start < least else { return nil }
        return "\(execution.name) began behind step \(start), though the brokers had a checkpoint of step \(least)"
    }

    /// Those that had ended, and of which the brokers, and so its worker, must know what they left.
    private static func executionsKnown(
        to execution: ChaosExecution,
        of earlier: [ChaosExecution],
        _ history: History
    ) -> [ChaosExecution] {
        let assigned = history.workers[execution.worker]?.assignment(before: execution.start) ?? .max
        return earlier.filter { before in
            let end = before.end ?? .max
            guard end < execution.start else { return false }
            // A broker that is restarted may forget what it has acknowledged.
            let isForgotten = history.faults.contains {
                $0.kind == .restartBroker && end <= $0.until && $0.from <= execution.start
            }
            // Where partitions change hands before they were given away, what is written then may come too late to be read.
            let isLate =
                !history.profile.handsOverInTurn && before.worker != execution.worker
                && end > assigned - logPrecision
            return !isForgotten && !isLate
        }
    }
}
