internal import RdKafka

/// What a queue's state has of the worker that it is a part of.
struct StateLink: Sendable {
    let engine: Engine
    let client: ClientConfiguration
    /// The queue's index in the worker.
    let queue: Int32

    func standing(of ticket: Engine.Ticket) -> AttemptStanding {
        engine.standing(of: ticket, queue: queue)
    }
}

/// Whether an attempt may leave anything.
enum AttemptStanding: Sendable {
    /// It may.
    case current
    /// Its partition was handed back a moment ago, or its worker does not know whether it is still a member of the group:
    /// it will be known soon.
    case inDoubt
    /// It may not, whatever comes.
    case over
}

extension Engine {
    func standing(of ticket: Ticket, queue: Int32) -> AttemptStanding {
        let now = clock.monotonic()
        return state.withLock { state in
            let standing = state.scheduler.standing(of: ticket)
            return standing == .current && !state.mayWrite(queue, now: now) ? .inDoubt : standing
        }
    }
}

extension Scheduler {
    func standing(of ticket: Ticket) -> AttemptStanding {
        guard let job = self[ticket] else { return .over }
        if isCurrent(job) { return .current }
        guard case .active(ticket) = partitions[slot: job.slot].suspended[job.offset] else { return .over }
        return .inDoubt
    }
}
