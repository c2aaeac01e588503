internal import Synchronization

/// What a dispatcher shows of itself to the watch, which must learn it also from one that hangs.
final class DispatcherVitals: Sendable {
    /// A rung's record that is due and was not admitted.
    struct OverdueHead: Sendable, Equatable {
        var partition: Int
        var offset: Int64
        /// Milliseconds since the epoch.
        var dueAt: Int64
    }

    /// How the watch calls a partition.
    struct PartitionName: Sendable, Equatable {
        /// `topic/partition`
        var text: String
        var isRung: Bool
    }

    private struct State {
        var overdue: [OverdueHead] = []
        var names: [Int: PartitionName] = [:]
    }

    private let turns = Atomic(0)
    private let ended = Atomic(false)
    private let isAssigned = Atomic(false)
    // Held for an assignment at a time, by the dispatcher and by the watch, and for nothing else: neither can keep the
    // other waiting.
    private let state = Mutex(State())

    /// The dispatcher has gone round, or gets on with what keeps it from it.
    func turn() {
        turns.add(1, ordering: .relaxed)
    }

    /// The dispatcher's thread is done; its silence means nothing from now on.
    func end() {
        ended.store(true, ordering: .relaxed)
    }

    /// The group has given this worker its share, which may be none; or the share is taken back, until the next one.
    func note(isAssigned: Bool) {
        self.isAssigned.store(isAssigned, ordering: .relaxed)
    }

    func note(overdue: [OverdueHead]) {
        state.withLock { state in
            if !overdue.isEmpty || !state.overdue.isEmpty { state.overdue = overdue }
        }
    }

    func note(assigned: [(id: Int, name: String, isRung: Bool)]) {
        state.withLock { state in
            for partition in assigned {
                state.names[partition.id] = PartitionName(text: partition.name, isRung: partition.isRung)
            }
        }
    }

    var turnCount: Int { turns.load(ordering: .relaxed) }
    var hasEnded: Bool { ended.load(ordering: .relaxed) }
    var hasAssignment: Bool { isAssigned.load(ordering: .relaxed) }
    var overdueHeads: [OverdueHead] { state.withLock { $0.overdue } }
    var names: [Int: PartitionName] { state.withLock { $0.names } }
}
