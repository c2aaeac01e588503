// Queues whose jobs may not start for now, or only a few of them: their circuit is open, or their worker does not know
// whether it is still a member of the group. Jobs that are ready stay where they are, behind the gate.

extension Scheduler {
    struct Gate: Equatable {
        /// How many more jobs may start.
        var starts: Int
        /// Whether nothing is to be read either: with an open circuit it would only fill the memory.
        var stopsIntake: Bool
        /// Of the last job that may start at all: what is taken in after it waits.
        var lastStamp = UInt64.max
    }

    /// Sets, or with nil takes away, the gate of a queue.
    mutating func setGate(of queue: Int32, _ gate: Gate?) {
        gates[queue] = gate
        guard gate?.starts != 0, let waiting = gated.removeValue(forKey: queue) else { return }
        for index in 0..<waiting.count {
            let ticket = waiting[index]
            if jobs[ticket.place].stamp == ticket.stamp { ready.append(ticket, at: jobs[ticket.place].level) }
        }
    }

    func stopsIntake(of queue: Int32) -> Bool {
        gates[queue]?.stopsIntake == true
    }

    /// Lets a ready job through, or puts it behind its queue's gate.
    mutating func passGate(_ ticket: Ticket, of slot: Int) -> Bool {
        guard !gates.isEmpty else { return true }
        let queue = partitions[slot: slot].queue
        guard let gate = gates[queue] else { return true }
        guard gate.starts > 0, ticket.stamp <= gate.lastStamp else {
            gated[queue, default: Fifo()].append(ticket)
            return false
        }
        gates[queue]?.starts = gate.starts - 1
        return true
    }

    private enum Cause: Hashable {
        case phase(Phase)
        case hindrance(Limiter.Hindrance)

        var wait: (reason: DrainWait.Reason, subject: String?) {
            switch self {
            case .phase(.waiting): (.key, nil)
            case .phase(.ready), .phase(.setAside): (.ready, nil)
            case .phase(.running): (.running, nil)
            case .phase(.hopping): (.hopping, nil)
            case .phase(.held): (.notDue, nil)
            case .hindrance(let hindrance) where hindrance.isPause: (.typePaused, hindrance.subject.type)
            case .hindrance(let hindrance): (.limit, hindrance.subject.words)
            }
        }
    }

    /// Which jobs of a queue are not finished, of those up to a stamp, and why; it looks at all that is in flight.
    func unfinished(of queue: Int32, upTo stamp: UInt64) -> [DrainWait] {
        var counts: [Cause: Int] = [:]
        for (place, job) in jobs.enumerated() {
            guard !job.isFree, job.stamp <= stamp, partitions[slot: job.slot].queue == queue else { continue }
            let hindrance = job.phase == .setAside ? limiter.hindrance(of: place) : nil
            counts[hindrance.map(Cause.hindrance) ?? .phase(job.phase), default: 0] += 1
        }
        return DrainWait.merged(
            counts.map { cause, jobs in
                let (reason, subject) = cause.wait
                return DrainWait(reason: reason, subject: subject, jobs: jobs)
            }
        )
    }

    /// Forgets the tickets behind gates whose jobs have left: rebalances would pile them up.
    mutating func sweepGates() {
        for queue in gated.keys {
            gated[queue]?.removeAll { ticket in jobs[ticket.place].stamp != ticket.stamp }
        }
    }
}
