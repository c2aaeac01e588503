extension Scheduler {
    /// How many records of the partition may be admitted now.
    func room(in id: PartitionID) -> Int {
        guard let partition = partitions[id], partition.takesIn, inFlightBytes < limits.bytes || inFlight == 0 else {
            return 0
        }
        guard !stopsIntake(of: partition.queue) else { return 0 }
        let gapLeft = limits.gap - partition.tracker.gap
        guard gapLeft > 0 else { return 0 }
        let share = max(1, limits.jobs / max(1, assignedCount))
        let left = max(limits.jobs / 2 - inFlight, share - partition.inFlight)
        // Records are read many at a time, and must not pass the bound by so many of them.
        let bytesLeft = max(1, (limits.bytes - inFlightBytes) / max(1, partition.usualBytes))
        return max(0, min(left, Int(clamping: gapLeft), bytesLeft))
    }

    /// Takes in the record at `offset` of the partition; records come in the log's order.
    mutating func admit(_ id: PartitionID, offset: Int64, _ facts: Facts, _ content: Content) -> Admission {
        // In place throughout: a copy of the partition would copy its tracker, for each job.
        guard let index = partitions.index(forKey: id), partitions.values[index].takesIn else { return .refused }
        partitions.values[index].isAtEnd = false
        let admission = partitions.values[index].tracker.admit(offset)
        guard case .run(let number) = admission else {
            partitions.values[index].isDirty = true
            return admission == .regressed ? .regressed : .finishedBefore
        }
        if let suspended = partitions.values[index].suspended.removeValue(forKey: offset),
            let outcome = resume(suspended, id, number)
        {
            return outcome
        }
        partitions.values[index].inFlight += 1
        let usual = partitions.values[index].usualBytes
        partitions.values[index].usualBytes = max(facts.bytes, usual - usual / 16)
        let (queue, partition) = (partitions.values[index].queue, partitions.values[index].number)
        nextStamp += 1
        let job = Job(
            stamp: nextStamp,
            partition: id,
            epoch: partitions.values[index].epoch,
            number: number,
            offset: offset,
            bytes: facts.bytes,
            lane: facts.key.map { Lanes.ID(queue: queue, partition: partition, key: $0) },
            phase: .waiting,
            content: content
        )
        inFlight += 1
        inFlightBytes += facts.bytes
        let ticket = place(job)
        switch facts.start {
        case .now: enter(ticket.place)
        case .hop: setActive(ticket.place, .hopping)
        case .hold(let dueAt):
            jobs[ticket.place]?.phase = .held
            held.insert(HeldJob(dueAt: dueAt, ticket: ticket))
        }
        return .accepted(ticket)
    }

    /// The partition has been read to `offset`, below which there is no further record.
    mutating func reachEnd(_ id: PartitionID, _ offset: Int64, now: Int64) {
        guard let partition = partitions[id], partition.isAssigned else { return }
        let before = partition.tracker.watermark
        partitions[id]?.tracker.reachEnd(offset)
        partitions[id]?.isAtEnd = true
        if partitions[id]?.tracker.watermark != before { noteMove(id, now) }
    }

    /// How many offsets of a range that was never read are not finished, as far as the last commit's map tells.
    func unfinished(in range: Range<Int64>, of id: PartitionID) -> Int64 {
        Int64(range.count) - (partitions[id]?.tracker.finishedBefore(in: range) ?? 0)
    }

    /// Lets held jobs go whose time has come; returns when the next one is due.
    mutating func releaseHeld(now: Int64) -> Int64? {
        while let first = held.first {
            guard first.dueAt <= now else { return first.dueAt }
            held.removeFirst()
            if jobs[first.ticket.place]?.stamp == first.ticket.stamp { enter(first.ticket.place) }
        }
        return nil
    }

    mutating func place(_ job: Job) -> Ticket {
        if let place = freePlaces.popLast() {
            jobs[place] = job
            return Ticket(place: place, stamp: job.stamp)
        }
        jobs.append(job)
        return Ticket(place: jobs.count - 1, stamp: job.stamp)
    }

    mutating func enter(_ place: Int) {
        guard let job = jobs[place] else { return }
        jobs[place]?.phase = .waiting
        if let lane = job.lane, !lanes.enter(place, lane) { return }
        jobs[place]?.phase = .ready
        ready.append(Ticket(place: place, stamp: job.stamp))
    }
}
