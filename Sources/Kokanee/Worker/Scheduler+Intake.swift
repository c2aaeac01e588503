extension Scheduler.Partition {
    fileprivate func room(gap: Int64, stopsIntake: Bool, level: Int, quarters: Int) -> Scheduler.PartitionRoom {
        let awaitsSuspended = awaitsSuspended
        return Scheduler.PartitionRoom(
            // What runs since before the last rebalance is found by reading on: behind a gate as well it ends as it would.
            takesIn: takesIn && (!stopsIntake || awaitsSuspended),
            awaitsSuspended: awaitsSuspended,
            gapLeft: gap - tracker.gap,
            inFlight: inFlight,
            usualBytes: usualBytes,
            level: level,
            quarters: quarters
        )
    }
}

extension Scheduler {
    /// How far what there is to do has to go down until it is worth reading on.
    struct RoomMark: Sendable {
        var inFlight: Int
        /// Negative where it is not what is ready that leaves no room.
        var ready: Int

        /// What the one or the other reaches.
        func first(_ other: RoomMark) -> RoomMark {
            RoomMark(inFlight: max(inFlight, other.inFlight), ready: max(ready, other.ready))
        }
    }

    func hasReached(_ mark: RoomMark) -> Bool { inFlight <= mark.inFlight || ready.count <= mark.ready }

    /// How much a worker may still take in, for a round of reading in which others only finish jobs: what has been read
    /// meanwhile counts as if it were admitted.
    struct Room {
        fileprivate let limits: Limits
        fileprivate let share: Int
        fileprivate var inFlight: Int
        fileprivate var inFlightBytes: Int
        /// Of each level.
        fileprivate var ready: [Int]
        fileprivate let readyLimit: Int
        /// Of the partitions that were asked for, in their order.
        fileprivate var partitions: [PartitionRoom]

        /// How many records of a partition may be read now, by its index.
        ///
        /// - Parameter kept: of its share so many have room though others fill what may begin soon, and a quarter more than
        ///   all bytes.
        func records(_ index: Int, kept: Int = 0) -> Int {
            let partition = partitions[index]
            guard partition.takesIn, partition.gapLeft > 0 else { return 0 }
            let bytes = limits.bytes / 4 * partition.quarters + limits.bytes % 4
            // More than this can't begin soon, and would only be out of the processor's caches by then.
            let startable = max(readyLimit - ready[partition.level], 0)
            let jobs = limits.jobs / 2 * partition.quarters / 4
            let shared = share - partition.inFlight
            let left = fitting(min(max(jobs - inFlight, shared), startable), in: bytes, partition)
            let own = fitting(min(shared, kept - partition.inFlight), in: bytes + bytes / 4, partition)
            // What runs since before the last rebalance is only found by reading on, and may have all that there is room for.
            return max(left, own, partition.awaitsSuspended ? 1 : 0)
        }

        /// Where a quarter of what these partitions have in flight, as of this round, has ended, or a quarter of what may be
        /// ready has begun.
        var mark: RoomMark {
            let own = partitions.reduce(0) { $0 + $1.inFlight }
            return RoomMark(
                inFlight: inFlight - max(1, (own > 0 ? own : inFlight) / 4),
                ready: ready.contains { $0 >= readyLimit } ? ready.reduce(0, +) - max(1, readyLimit / 4) : -1
            )
        }

        private func fitting(_ count: Int, in bytes: Int, _ partition: PartitionRoom) -> Int {
            guard count > 0, inFlightBytes < bytes || inFlight == 0 else { return 0 }
            // Records are read many at a time, and must not pass the bound by so many of them.
            let bytesLeft = max(1, (bytes - inFlightBytes) / max(1, partition.usualBytes))
            return min(count, Int(clamping: partition.gapLeft), bytesLeft)
        }

        /// So many records of it have been read.
        mutating func note(_ count: Int, bytes: Int, of index: Int) {
            inFlight += count
            inFlightBytes += bytes
            ready[partitions[index].level] += count
            partitions[index].inFlight += count
            partitions[index].gapLeft -= Int64(count)
        }
    }

    fileprivate struct PartitionRoom {
        var takesIn: Bool
        var awaitsSuspended = false
        var gapLeft: Int64
        var inFlight: Int
        var usualBytes: Int
        var level: Int
        /// Of the room for all, how much its priority may fill.
        var quarters: Int
    }

    /// How many records of the partition may be admitted now.
    func room(in id: PartitionID) -> Int {
        room(in: CollectionOfOne(id)).records(0)
    }

    /// As ``room(in:)-(PartitionID)``, of one of `count` rungs whose records wait until they are due, together a quarter of
    /// what may begin soon: a backlog in the main topic fills all of that as soon as there is room, and they would wait for
    /// its end.
    func roomForDue(in id: PartitionID, ofRungs count: Int) -> Int {
        room(in: CollectionOfOne(id)).records(0, kept: max(1, limits.ready / 4 / max(1, count)))
    }

    /// How many records of each partition may be admitted in the next round.
    func room(in ids: some Sequence<PartitionID>) -> Room {
        Room(
            limits: limits,
            share: max(1, limits.jobs / max(1, assignedCount)),
            inFlight: inFlight,
            inFlightBytes: inFlightBytes,
            ready: ready.counts,
            readyLimit: limits.ready,
            partitions: ids.map(partitionRoom)
        )
    }

    private func partitionRoom(_ id: PartitionID) -> PartitionRoom {
        guard let slot = partitions.slot(of: id) else {
            return PartitionRoom(takesIn: false, gapLeft: 0, inFlight: 0, usualBytes: 0, level: 0, quarters: 4)
        }
        let level = partitions[slot: slot].level
        let stopsIntake = stopsIntake(of: partitions[slot: slot].queue)
        let quarters = ready.hasPriorities(at: level) ? ReadyJobs<Ticket>.priority(of: level).roomQuarters : 4
        // In its place: a copy of the partition for each thing that is asked of it would copy its tracker.
        return partitions[slot: slot].room(
            gap: limits.gap,
            stopsIntake: stopsIntake,
            level: ready.hasClasses ? Int(level) : 0,
            quarters: quarters
        )
    }

    /// Takes in the record at `offset` of the partition; records come in the log's order.
    mutating func admit(_ id: PartitionID, offset: Int64, _ facts: Facts, _ content: Content) -> Admission {
        guard let slot = partitions.slot(of: id) else { return .refused }
        return admit(slot: slot, offset: offset, facts, content)
    }

    /// Whether a record would be ``Admission/regressed``.
    func regresses(slot: Int, to offset: Int64) -> Bool {
        partitions[slot: slot].takesIn && partitions[slot: slot].tracker.regresses(to: offset)
    }

    /// A record of the partition with that key is about to be admitted, after `others` more.
    func willAdmit(slot: Int, key: UInt64?, after others: Int) {
        if let key { lanes.willEnter(lane(of: key, in: slot)) }
        if others < freePlaces.count { willChange(freePlaces[freePlaces.count - 1 - others]) }
    }

    private func lane(of key: UInt64, in slot: Int) -> Lanes.ID {
        Lanes.ID(queue: partitions[slot: slot].queue, partition: partitions[slot: slot].number, key: key)
    }

    /// As ``admit(_:offset:_:_:)``, of a partition whose slot is known.
    mutating func admit(
        slot: Int,
        offset: Int64,
        _ facts: Facts,
        _ content: consuming Content
    ) -> Admission {
        // In place throughout: a copy of the partition would copy its tracker, for each job.
        guard partitions[slot: slot].takesIn else { return .refused }
        partitions[slot: slot].isAtEnd = false
        let admission = partitions[slot: slot].tracker.admit(offset)
        guard case .run(let number) = admission else {
            partitions[slot: slot].isDirty = true
            return admission == .regressed ? .regressed : .finishedBefore
        }
        if !partitions[slot: slot].suspended.isEmpty,
            let suspended = partitions[slot: slot].suspended.removeValue(forKey: offset),
            let outcome = resume(suspended, slot: slot, number)
        {
            return outcome
        }
        partitions[slot: slot].inFlight += 1
        let usual = partitions[slot: slot].usualBytes
        partitions[slot: slot].usualBytes = max(facts.bytes, usual - usual / 16)
        let queue = partitions[slot: slot].queue
        nextStamp += 1
        let job = Job(
            stamp: nextStamp,
            epoch: partitions[slot: slot].epoch,
            number: number,
            offset: offset,
            slot: slot,
            bytes: facts.bytes,
            level: facts.priority.map { ready.level(of: queue, $0) } ?? partitions[slot: slot].level,
            hasLane: facts.key != nil
        )
        inFlight += 1
        inFlightBytes += job.bytes
        let ticket = place(job, content)
        if let key = facts.key { lanes.setLane(of: ticket.place, lane(of: key, in: slot)) }
        if !limiter.isEmpty { enrol(ticket.place) }
        switch facts.start {
        case .now: enter(ticket.place)
        case .hop: setActive(ticket.place, .hopping)
        case .hold(let dueAt):
            jobs[ticket.place].phase = .held
            held.insert(HeldJob(dueAt: dueAt, ticket: ticket))
        }
        return .accepted(ticket)
    }

    /// The partition has been read to `offset`, below which there is no further record.
    mutating func reachEnd(_ id: PartitionID, _ offset: Int64, now: Int64) {
        guard let slot = partitions.slot(of: id), partitions[slot: slot].isAssigned else { return }
        partitions[slot: slot].isAtEnd = true
        pass(id, upTo: offset, now: now)
    }

    /// What the partition has between the last record admitted and `offset` needs nobody.
    mutating func pass(_ id: PartitionID, upTo offset: Int64, now: Int64) {
        // Where the intake is over records were read and refused: they need somebody.
        guard let slot = partitions.slot(of: id), partitions[slot: slot].isAssigned, partitions[slot: slot].takesIn
        else { return }
        let before = partitions[slot: slot].tracker.watermark
        partitions[slot: slot].tracker.reachEnd(offset)
        guard partitions[slot: slot].tracker.watermark != before else { return }
        partitions[slot: slot].movedAt = now
        partitions[slot: slot].isDirty = true
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
            if jobs[first.ticket.place].stamp == first.ticket.stamp { enter(first.ticket.place) }
        }
        return nil
    }

    private mutating func place(_ job: Job, _ content: consuming Content) -> Ticket {
        if let place = freePlaces.popLast() {
            jobs[place] = job
            contents[place] = content
            return Ticket(place: place, stamp: job.stamp)
        }
        jobs.append(job)
        contents.append(content)
        return Ticket(place: jobs.count - 1, stamp: job.stamp)
    }

    private mutating func enter(_ place: Int) {
        jobs[place].phase = .waiting
        if jobs[place].hasLane, !lanes.enter(place) { return }
        makeReady(place)
    }
}
