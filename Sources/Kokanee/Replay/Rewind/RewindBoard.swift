internal import RdKafka
internal import Synchronization

/// Where a queue's dispatcher finds the rewind that stands for its group. Looking costs an atomic load.
final class RewindBoard: Sendable {
    struct Notice: Sendable, Equatable {
        let rewind: Rewind
        /// When it was written, in milliseconds since the epoch.
        let writtenAt: Int64
        /// It was there when the worker began to look: partitions may have been assigned before or after it.
        let isFromBefore: Bool
    }

    private struct State {
        var notice: Notice?
        var hasCaughtUp = false
    }

    private let state = Mutex(State())
    private let changes = Atomic(0)

    /// Rises with each change; 0 is before the first.
    var changeCount: Int { changes.load(ordering: .acquiring) }

    /// What the control topic held at the start is known.
    var hasCaughtUp: Bool { state.withLock { $0.hasCaughtUp } }

    /// The command that stands; nil where none does.
    var notice: Notice? { state.withLock { $0.notice } }

    func put(_ notice: Notice?) {
        state.withLock { $0.notice = notice }
        changes.add(1, ordering: .releasing)
    }

    func catchUp() { state.withLock { $0.hasCaughtUp = true } }

    /// Has the queues' boards, of rewinds and of schedules, follow the control topic until the follower is stopped.
    static func follow(
        _ runtimes: [QueueRuntime],
        _ client: ClientConfiguration,
        logger: Logger
    ) throws(KafkaError) -> ControlFollower {
        // A replay goes where its plan says: what was read and passed over of it is not undone by a seek.
        let live = runtimes.filter { $0.replay == nil }
        let boards = Dictionary(
            live.map { (Rewind.key(queue: $0.queue.name, group: $0.queue.group), $0) },
            uniquingKeysWith: { first, _ in first }
        )
        let schedules = live.map { (prefix: ScheduleRecord.keyPrefix(queue: $0.queue.name), board: $0.schedules) }
        return try ControlFollower(
            prefixes: Array(boards.keys) + schedules.map(\.prefix),
            configuration: client,
            logger: logger,
            caughtUp: {
                for runtime in runtimes {
                    runtime.rewinds.catchUp()
                    runtime.schedules.catchUp()
                    runtime.wakeup.wake()
                }
            },
            changed: { change in
                if let board = schedules.first(where: { change.key.hasPrefix($0.prefix) })?.board {
                    return board.take(change, logger)
                }
                guard let runtime = boards[change.key] else { return }
                runtime.rewinds.put(Notice(change))
                runtime.wakeup.wake()
            }
        )
    }
}

extension RewindBoard.Notice {
    /// Nil for what is not to be obeyed.
    init?(_ change: ControlFollower.Change) {
        guard let entry = change.entry, let rewind = Rewind(entry), rewind.state == .standing else { return nil }
        self.init(
            rewind: rewind,
            writtenAt: entry.timestamp >= 0 ? entry.timestamp : rewind.at,
            isFromBefore: change.isFromBefore
        )
    }
}
