// Jobs that may start but for a limit are set aside. They hold up nobody: what is ready behind them starts, and where they
// become too many, those that nobody waits behind leave for a rung and come again.

extension Scheduler {
    /// How long a look at all that is set aside holds good, in nanoseconds.
    private static var reliefInterval: Int64 { 50_000_000 }

    /// A job that is to leave for a rung.
    struct Leaving {
        var ticket: Ticket
        /// In nanoseconds from the time when it was set to leave: about how long the limit keeps it from starting. 0 is
        /// unknown.
        var wait: Int64
    }

    /// Whether it matters what time it is when a job is taken.
    var needsTime: Bool { !limiter.isEmpty || ready.ages }

    /// Time has come to `now`, in nanoseconds of a monotonic clock; returns when a limit lets more jobs start, if that
    /// is a matter of time alone.
    mutating func advance(to now: Int64) -> Int64? {
        ready.now = now
        guard !limiter.isEmpty else { return nil }
        let next = limiter.advance(to: now)
        resumeAwakened()
        relieve()
        return next
    }

    /// Puts a queue's limits in the place of what they were, also for what is in flight.
    mutating func setLimits(_ table: LimitTable, of queue: Int32, now: Int64) {
        guard let asLimited else { return }
        _ = limiter.advance(to: now)
        limiter.set(table, queue: queue)
        setAsideBytes = 0
        var resumed: [Int] = []
        for place in jobs.indices where !jobs[place].isFree {
            if jobs[place].phase == .setAside { resumed.append(place) }
            guard !limiter.isEmpty, let content = contents[place] else { continue }
            enrol(place, asLimited(content))
            if jobs[place].phase == .running { limiter.goesOn(place) }
        }
        for place in resumed.sorted(by: { jobs[$0].stamp < jobs[$1].stamp }) { makeReady(place) }
    }

    /// How many partitions a queue has, whoever owns them.
    mutating func setPartitions(_ count: Int, of queue: Int32) {
        limiter.setPartitions(count, queue: queue)
    }

    // MARK: - What the other parts call where there are limits

    mutating func enrol(_ place: Int) {
        guard let asLimited, let content = contents[place] else { return }
        enrol(place, asLimited(content))
    }

    private mutating func enrol(_ place: Int, _ job: any LimitedJob) {
        let partition = jobs[place].slot
        limiter.enrol(
            place,
            job,
            queue: partitions[slot: partition].queue,
            number: partitions[slot: partition].number,
            stamp: jobs[place].stamp
        )
    }

    /// Whether a job that was ready may start; else it is set aside.
    mutating func passLimits(_ ticket: Ticket) -> Bool {
        guard let obstacle = limiter.obstacle(to: ticket.place) else { return true }
        limiter.wait(ticket.place, at: obstacle)
        jobs[ticket.place].phase = .setAside
        setAsideBytes += jobs[ticket.place].bytes
        if limiter.waiting > limits.jobs / 8 || setAsideBytes > limits.bytes / 8 { leaveForRung(ticket.place) }
        resumeAwakened()
        return false
    }

    /// A job that was taken has ended without having begun: to be called before its end is.
    mutating func giveTokensBack(_ ticket: Ticket) {
        guard !limiter.isEmpty, let job = self[ticket], job.phase == .running else { return }
        limiter.refund(ticket.place)
    }

    /// An attempt has ended whose job stays in flight.
    mutating func endOfLimited(_ place: Int) {
        limiter.end(place)
        resumeAwakened()
    }

    mutating func leaveLimits(_ place: Int) {
        if jobs[place].phase == .setAside { setAsideBytes -= jobs[place].bytes }
        limiter.leave(place)
        resumeAwakened()
    }

    /// Makes those ready again that a limit lets go.
    mutating func resumeAwakened() {
        guard !limiter.awakened.isEmpty else { return }
        for waiter in limiter.takeAwakened() {
            let place = waiter.place
            guard jobs[place].stamp == waiter.stamp, jobs[place].phase == .setAside else { continue }
            setAsideBytes -= jobs[place].bytes
            makeReady(place)
        }
    }

    // MARK: - Leaving for a rung

    /// The jobs that are to hop to a rung without an attempt: they are hopping from now on.
    mutating func takeLeaving() -> [Leaving] {
        guard !leaving.isEmpty else { return [] }
        defer { leaving = [] }
        return leaving.filter { leaving in
            guard !mayHop(leaving.ticket) else { return true }
            abandonHop(leaving.ticket)
            return false
        }
    }

    /// Lets go what is set aside and keeps its partition from being read on: a partition's watermark stays behind it.
    private mutating func relieve() {
        guard limiter.waiting > 0, limiter.now >= nextReliefAt else { return }
        nextReliefAt = limiter.now + Self.reliefInterval
        for place in jobs.indices where jobs[place].phase == .setAside && !jobs[place].isFree {
            let slot = jobs[place].slot
            guard isCurrent(jobs[place]), partitions[slot: slot].tracker.gap > limits.gap / 2,
                let watermark = partitions[slot: slot].tracker.watermark,
                jobs[place].offset - watermark < limits.gap / 2
            else { continue }
            leaveForRung(place)
        }
        resumeAwakened()
    }

    /// Nothing happens to a job that others of its lane wait behind, unless its limits say that they need not.
    private mutating func leaveForRung(_ place: Int) {
        guard !jobs[place].hasLane || limiter.mayBeOvertaken(place) else { return }
        let wait = limiter.waitOutside(place)
        setAsideBytes -= jobs[place].bytes
        limiter.leave(place)
        setActive(place, .hopping)
        passLane(of: place)
        leaving.append(Leaving(ticket: Ticket(place: place, stamp: jobs[place].stamp), wait: wait))
    }
}
