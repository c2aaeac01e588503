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
    ///
    /// - Parameter isUnbounded: nil also where that is one of which a limit speaks.
    mutating func take(isUnbounded: Bool = false) -> (ticket: Ticket, content: Content)? {
        while let ticket = ready.popFirst() {
            if let next = ready.upcoming(CacheHint.distance) { willChange(next.place) }
            guard jobs[ticket.place].stamp == ticket.stamp, jobs[ticket.place].phase == .ready else { continue }
            if !limiter.isEmpty {
                if isUnbounded, limiter.bounds(ticket.place) {
                    ready.prepend(ticket, at: jobs[ticket.place].level)
                    return nil
                }
                guard passLimits(ticket) else { continue }
            }
            guard passGate(ticket, of: jobs[ticket.place].slot), let content = contents[ticket.place] else {
                if !limiter.isEmpty {
                    limiter.giveUpTurn(ticket.place)
                    resumeAwakened()
                }
                continue
            }
            setActive(ticket.place, .running)
            if !limiter.isEmpty { limiter.start(ticket.place) }
            ready.noteStart()
            return (ticket, content)
        }
        return nil
    }

    /// The job that waits in its lane right behind one that was taken, for who runs them one after the other.
    ///
    /// It may begin only when the one before it has ended, whatever became of that.
    mutating func takeFollower(of ticket: Ticket) -> (ticket: Ticket, content: Content)? {
        // Where starts are counted each job passes the gate, and the limits, by itself.
        guard gates.isEmpty, limiter.isEmpty, jobs[ticket.place].stamp == ticket.stamp, jobs[ticket.place].hasLane,
            let place = lanes.follower(of: ticket.place), jobs[place].phase == .waiting,
            let content = contents[place], ready.mayStart(at: jobs[place].level)
        else { return nil }
        setActive(place, .running)
        ready.noteStart(at: jobs[place].level)
        return (Ticket(place: place, stamp: jobs[place].stamp), content)
    }

    /// Whether no other job waits behind it in its lane.
    func isAlone(_ ticket: Ticket) -> Bool {
        guard jobs[ticket.place].stamp == ticket.stamp, jobs[ticket.place].hasLane else { return true }
        return lanes.follower(of: ticket.place) == nil
    }

    /// Takes back a job that was taken and not begun: it is as if it had never been taken.
    ///
    /// Of several the last one comes back first, so that they stand in their order again.
    mutating func giveBack(_ ticket: Ticket) {
        guard let job = self[ticket], job.phase == .running else { return }
        guard isCurrent(job) else {
            passLane(of: ticket.place)
            return remove(ticket.place)
        }
        partitions[slot: job.slot].active -= 1
        if !limiter.isEmpty { limiter.takeBack(ticket.place) }
        ready.noteGivenBack(at: job.level)
        if job.hasLane, lanes.holder(of: lanes.lane(of: ticket.place)) != ticket.place {
            jobs[ticket.place].phase = .waiting
        } else {
            jobs[ticket.place].phase = .ready
            ready.prepend(ticket, at: job.level)
        }
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
            jobs[ticket.place].phase = .hopping
            if !limiter.isEmpty { endOfLimited(ticket.place) }
        } else {
            finish(ticket.place, now)
        }
        return .accepted
    }

    /// Jobs are about to be concluded: to be called at each one's turn, with two that follow it.
    func willConclude(_ tickets: (soon: Ticket?, later: Ticket?)) {
        if let later = tickets.later { willChange(later.place) }
        if let soon = tickets.soon, jobs[soon.place].hasLane { lanes.willFinish(soon.place) }
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
        guard jobs[ticket.place].stamp == ticket.stamp else { return nil }
        return jobs[ticket.place]
    }

    /// Where a job that was taken stands: its partition's slot, and its offset. Nobody else's if the ticket is stale.
    func place(of ticket: Ticket) -> (slot: Int, offset: Int64) {
        (jobs[ticket.place].slot, jobs[ticket.place].offset)
    }

    func content(of ticket: Ticket) -> Content? {
        jobs[ticket.place].stamp == ticket.stamp ? contents[ticket.place] : nil
    }

    /// A place is about to be taken, looked at or left.
    func willChange(_ place: Int) {
        jobs.willChange(place)
        contents.willChange(place)
        lanes.willChange(place)
    }

    mutating func setActive(_ place: Int, _ phase: Phase) {
        jobs[place].phase = phase
        partitions[slot: jobs[place].slot].active += 1
    }

    mutating func passLane(of place: Int) {
        guard jobs[place].hasLane, let next = lanes.finish(place) else { return }
        // It may have been taken together with the one before it.
        guard jobs[next.job].phase == .waiting else { return }
        makeReady(next.job, behind: next.behind)
    }

    /// - Parameter behind: how many jobs of its lane can't begin before it.
    mutating func makeReady(_ place: Int, behind: Int = 0) {
        jobs[place].phase = .ready
        // One after the other, these would take longer than all others beside each other: that they begin soon is what the
        // end of all depends on.
        let presses = behind * limits.concurrency > inFlight
        ready.append(Ticket(place: place, stamp: jobs[place].stamp), at: jobs[place].level, presses: presses)
    }

    mutating func finish(_ place: Int, _ now: Int64) {
        let slot = jobs[place].slot
        if partitions[slot: slot].tracker.finish(jobs[place].number) { partitions[slot: slot].movedAt = now }
        partitions[slot: slot].isDirty = true
        if !partitions[slot: slot].takesIn { partitions[slot: slot].finishedLate.append(jobs[place].offset) }
        remove(place)
    }

    mutating func remove(_ place: Int) {
        let job = jobs[place]
        if isCurrent(job) {
            partitions[slot: job.slot].inFlight -= 1
            if job.phase == .running || job.phase == .hopping { partitions[slot: job.slot].active -= 1 }
        }
        inFlight -= 1
        inFlightBytes -= job.bytes
        if !limiter.isEmpty { leaveLimits(place) }
        jobs[place].stamp = 0
        contents[place] = nil
        freePlaces.append(place)
    }
}
