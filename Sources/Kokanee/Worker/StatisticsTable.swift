/// A worker's statistics by queue.
struct StatisticsTable: Sendable {
    private var rows: [WorkerStatistics] = [WorkerStatistics()]

    /// - Parameter queue: its index in the worker, from 0.
    subscript(queue: Int32) -> WorkerStatistics {
        get { rows.indices.contains(Int(queue)) ? rows[Int(queue)] : WorkerStatistics() }
        _modify {
            while rows.count <= queue { rows.append(WorkerStatistics()) }
            yield &rows[Int(queue)]
        }
    }

    var total: WorkerStatistics {
        rows.dropFirst().reduce(into: rows[0]) { $0 += $1 }
    }
}

extension WorkerStatistics {
    static func += (sum: inout Self, other: Self) {
        sum.completed += other.completed
        sum.failedAttempts += other.failedAttempts
        sum.retried += other.retried
        sum.delayed += other.delayed
        sum.limited += other.limited
        sum.dead += other.dead
        sum.discarded += other.discarded
        sum.cancelled += other.cancelled
        sum.fenced += other.fenced
        sum.stuck += other.stuck
        sum.failedHops += other.failedHops
        sum.circuitOpened += other.circuitOpened
        sum.lapses += other.lapses
        sum.lostToRetention += other.lostToRetention
    }
}
