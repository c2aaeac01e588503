internal import Synchronization

/// What a worker knows of a queue's schedules, and whether it is in charge of them.
final class ScheduleBoard: Sendable {
    private struct State {
        var records: [String: ScheduleRecord] = [:]
        /// Of schedules that can't be read, too: a newer release may be able to.
        var names: Set<String> = []
        /// Of those that were seen to be taken away.
        var removed: Set<String> = []
        var hasCaughtUp = false
        var ownsFirst = false
    }

    private let queue: String
    private let state = Mutex(State())

    init(queue: String) {
        self.queue = queue
    }

    /// The worker owns partition 0 of the queue's main topic, as far as it knows.
    var isInCharge: Bool { state.withLock { $0.ownsFirst && $0.hasCaughtUp } }

    /// By name.
    var records: [String: ScheduleRecord] { state.withLock { $0.records } }

    /// Of all schedules that there are, also of those that this release can't read.
    ///
    /// - Parameter known: of those that there were at some time. Of the last ones the worker may not have heard yet.
    func names(and known: Set<String> = []) -> Set<String> {
        state.withLock { $0.names.union(known.subtracting($0.removed)) }
    }

    func note(ownsFirst: Bool) { state.withLock { $0.ownsFirst = ownsFirst } }

    /// What the control topic held at the start is known.
    func catchUp() { state.withLock { $0.hasCaughtUp = true } }

    /// Takes over what the control topic says under one of the queue's keys.
    func take(_ change: ControlFollower.Change, _ logger: Logger) {
        let name = String(change.key.dropFirst(ScheduleRecord.keyPrefix(queue: queue).count))
        var record: ScheduleRecord?
        do {
            record = try change.entry.flatMap { try ScheduleRecord($0) }
        } catch {
            logger.log(
                .error,
                "a schedule can't be read and does not fire; write it anew with `kokanee cron add`",
                ["queue": queue, "schedule": name, "error": "\(error)"]
            )
        }
        state.withLock { state in
            state.records[name] = record
            if change.entry == nil {
                state.names.remove(name)
                state.removed.insert(name)
            } else {
                state.names.insert(name)
                state.removed.remove(name)
            }
        }
    }

    /// What the board wants to hear from the control topic.
    func subscription(_ logger: Logger) -> FleetFollower.Subscription {
        FleetFollower.Subscription(
            prefix: ScheduleRecord.keyPrefix(queue: queue),
            caughtUp: { self.catchUp() },
            changed: { self.take($0, logger) }
        )
    }
}
