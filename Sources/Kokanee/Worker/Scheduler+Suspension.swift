// A rebalance takes every partition from every worker, and mostly gives it back a moment later. What runs at that
// moment would have to be cancelled and run again, at each deploy and each change of scale. Instead it goes on: its
// epoch is over, so that it can neither commit nor hop, but if the very next assignment brings the partition back, its
// record is read again, recognised, and the running job taken into the new epoch.

extension Scheduler {
    /// Ends the epoch of partitions that are handed back, and keeps in mind what still runs or hops, and what has finished
    /// since their intake ended: where they come back nothing of it runs again, whatever the last commit held.
    ///
    /// To be followed by the next assignment, and by ``forgetSuspended(queue:except:)`` with what that contains.
    mutating func suspend(_ ids: some Sequence<PartitionID>) {
        let ids = ids.filter { partitions[$0]?.isAssigned == true }
        stopIntake(ids)
        let affected = Set(partitions.slots(of: ids))
        for (place, job) in jobs.enumerated() {
            guard !job.isFree, affected.contains(job.slot), isCurrent(job) else { continue }
            guard job.phase == .running || job.phase == .hopping else { continue }
            partitions[slot: job.slot].suspended[job.offset] = .active(Ticket(place: place, stamp: job.stamp))
        }
        for slot in affected {
            for offset in partitions[slot: slot].finishedLate { partitions[slot: slot].suspended[offset] = .finished }
        }
        for id in ids { endEpoch(of: id, keepsShare: true) }
    }

    /// Gives up what was suspended of a queue's other partitions; returns what runs of it, to be cancelled.
    mutating func forgetSuspended(queue: Int32, except ids: some Sequence<PartitionID> = []) -> [Ticket] {
        let kept = Set(ids)
        limiter.forget(queue: queue, except: Set(kept.compactMap { partitions[$0]?.number }))
        var running: [Ticket] = []
        for id in partitions.ids(where: { $0.queue == queue }) where !kept.contains(id) {
            running += takeSuspended(of: id, below: .max)
        }
        return running
    }

    /// Whether something of a queue runs, or hops, that was suspended.
    func hasSuspended(queue: Int32) -> Bool {
        !partitions.ids { partition in
            partition.queue == queue
                && partition.suspended.values.contains { if case .active = $0 { true } else { false } }
        }.isEmpty
    }

    /// Gives up what was suspended below an offset: another worker has committed past it.
    mutating func forgetSuspended(of id: PartitionID, below committed: Int64) -> [Ticket] {
        takeSuspended(of: id, below: committed)
    }

    private mutating func takeSuspended(of id: PartitionID, below limit: Int64) -> [Ticket] {
        guard let partition = partitions[id] else { return [] }
        var running: [Ticket] = []
        for (offset, suspended) in partition.suspended where offset < limit {
            partitions.update(id) { $0.suspended[offset] = nil }
            guard case .active(let ticket) = suspended, jobs[ticket.place].stamp == ticket.stamp else { continue }
            running.append(ticket)
        }
        return running
    }

    /// Ends an epoch: what is left of it is fenced.
    ///
    /// - Parameter keepsShare: what its part of the limits' rates has gathered is there again if the next assignment
    ///   brings it back.
    mutating func endEpoch(of id: PartitionID, keepsShare: Bool) {
        nextEpoch += 1
        if let partition = partitions[id] {
            limiter.leave(partition.number, queue: partition.queue, keeping: keepsShare)
        }
        partitions.update(id) { partition in
            partition.epoch = nextEpoch
            partition.isAssigned = false
            partition.isDirty = false
            partition.inFlight = 0
            partition.active = 0
            partition.finishedLate = []
        }
        assignedCount -= 1
    }

    /// Takes what was suspended at an offset into the epoch in which that is read again. Nil if nothing is left of it.
    mutating func resume(_ suspended: Suspended, slot: Int, _ number: Int) -> Admission? {
        switch suspended {
        case .finished:
            partitions[slot: slot].tracker.finish(number)
            partitions[slot: slot].isDirty = true
            return .finishedBefore
        case .active(let ticket):
            guard jobs[ticket.place].stamp == ticket.stamp else { return nil }
            jobs[ticket.place].epoch = partitions[slot: slot].epoch
            jobs[ticket.place].number = number
            partitions[slot: slot].inFlight += 1
            partitions[slot: slot].active += 1
            return .adopted
        }
    }

    /// Whether the epoch of a job that runs is over, or is about to be: nothing new of its partition is taken in.
    func isEnding(_ ticket: Ticket) -> Bool {
        guard let job = self[ticket] else { return true }
        return !isCurrent(job) || !partitions[slot: job.slot].takesIn
    }

    /// Notes that a suspended job has been completed. False if it is not suspended, but fenced for good.
    mutating func finishSuspended(_ ticket: Ticket, _ job: Job) -> Bool {
        guard case .active(ticket) = partitions[slot: job.slot].suspended[job.offset] else { return false }
        partitions[slot: job.slot].suspended[job.offset] = .finished
        return true
    }
}
