extension Scheduler {
    /// What ``conclude(_:hops:now:)`` made of an attempt's end.
    enum Conclusion: Equatable {
        case accepted
        /// The job's epoch is over: nothing may come of it.
        case fenced
        /// The ticket is stale: the attempt was given up before.
        case unknown
    }

    /// The next job to run.
    mutating func take() -> (ticket: Ticket, content: Content)? {
        while let ticket = ready.popFirst() {
            guard let job = jobs[ticket.place], job.stamp == ticket.stamp, job.phase == .ready else { continue }
            guard passGate(ticket, of: job.partition) else { continue }
            setActive(ticket.place, .running)
            return (ticket, job.content)
        }
        return nil
    }

    /// An attempt has ended, and its lane is free for the next job.
    ///
    /// - Parameter hops: the job moves to another topic and is finished when ``hopped(_:now:)`` says so; else it is
    ///   finished now.
    mutating func conclude(_ ticket: Ticket, hops: Bool, now: Int64) -> Conclusion {
        guard let job = self[ticket], job.phase == .running else { return .unknown }
        passLane(of: ticket.place)
        guard isCurrent(job) else {
            if !hops, finishSuspended(ticket, job) {
                remove(ticket.place)
                return .accepted
            }
            fencedJobs += 1
            remove(ticket.place)
            return .fenced
        }
        if hops {
            jobs[ticket.place]?.phase = .hopping
        } else {
            finish(ticket.place, now)
        }
        return .accepted
    }

    /// An attempt has ended that leaves its job as if it had not run: its offset stays unfinished in this epoch.
    mutating func abandon(_ ticket: Ticket) {
        guard let job = self[ticket], job.phase == .running else { return }
        passLane(of: ticket.place)
        remove(ticket.place)
    }

    /// A hop has been acknowledged. False if the epoch is over: then the job runs again elsewhere, too.
    mutating func hopped(_ ticket: Ticket, now: Int64) -> Bool {
        guard let job = self[ticket], job.phase == .hopping else { return false }
        guard isCurrent(job) else {
            let isKept = finishSuspended(ticket, job)
            if !isKept { fencedJobs += 1 }
            remove(ticket.place)
            return isKept
        }
        finish(ticket.place, now)
        return true
    }

    /// Whether a hop is still worth trying.
    func mayHop(_ ticket: Ticket) -> Bool {
        guard let job = self[ticket] else { return false }
        return job.phase == .hopping && isCurrent(job)
    }

    /// Forgets a hop that is given up because its epoch is over.
    mutating func abandonHop(_ ticket: Ticket) {
        guard let job = self[ticket], job.phase == .hopping else { return }
        fencedJobs += 1
        remove(ticket.place)
    }

    subscript(ticket: Ticket) -> Job? {
        guard let job = jobs[ticket.place], job.stamp == ticket.stamp else { return nil }
        return job
    }

    mutating func setActive(_ place: Int, _ phase: Phase) {
        guard let partition = jobs[place]?.partition else { return }
        jobs[place]?.phase = phase
        partitions[partition]?.active += 1
    }

    mutating func passLane(of place: Int) {
        guard let job = jobs[place], let lane = job.lane, let next = lanes.finish(place, in: lane) else { return }
        guard let nextJob = jobs[next] else { return }
        jobs[next]?.phase = .ready
        ready.append(Ticket(place: next, stamp: nextJob.stamp))
    }

    mutating func finish(_ place: Int, _ now: Int64) {
        guard let job = jobs[place] else { return }
        let before = partitions[job.partition]?.tracker.watermark
        partitions[job.partition]?.tracker.finish(job.number)
        partitions[job.partition]?.isDirty = true
        if partitions[job.partition]?.tracker.watermark != before { noteMove(job.partition, now) }
        remove(place)
    }

    mutating func noteMove(_ id: PartitionID, _ now: Int64) {
        partitions[id]?.movedAt = now
        partitions[id]?.isDirty = true
    }

    mutating func remove(_ place: Int) {
        guard let job = jobs[place] else { return }
        if isCurrent(job) {
            partitions[job.partition]?.inFlight -= 1
            if job.phase == .running || job.phase == .hopping { partitions[job.partition]?.active -= 1 }
        }
        inFlight -= 1
        inFlightBytes -= job.bytes
        jobs[place] = nil
        freePlaces.append(place)
    }
}
