/// Decides which admitted job runs next, and what of each partition may be committed.
///
/// It holds the jobs in flight from their admission to the moment when they are finished or hopped: in a lane, ready,
/// running, hopping, or held until due. It does no I/O and reads no clock; `Content` is what the shell around it
/// needs to execute a job, and nothing is asked of it.
struct Scheduler<Content> {
    /// One partition that is, or was, assigned: a name of the shell's choosing.
    typealias PartitionID = Int

    /// Names a job in flight. A stale ticket, whose job has left, names nothing.
    struct Ticket: Hashable, Sendable {
        var place: Int
        var stamp: UInt64
    }

    /// How much may be in flight.
    struct Limits: Sendable {
        /// Jobs in all. A partition gets its share also where others have filled theirs, so that one stuck key stops
        /// nobody else; in all there are never more than one and a half times as many.
        var jobs = 10_000
        /// Bytes of keys and payloads in all; at least one job is admitted whatever its size.
        var bytes = 64 << 20
        /// Offsets from a partition's watermark to its next record: what may run again after a crash of the broker's
        /// metadata, and what the commit's map has to describe.
        var gap: Int64 = 10_000
    }

    /// What the scheduler must know of a job.
    struct Facts {
        enum Start {
            /// As soon as its lane lets it.
            case now
            /// Not before this time in milliseconds since the epoch.
            case hold(until: Int64)
            /// Never here: the shell moves it to another topic.
            case hop
        }

        var bytes: Int
        /// Jobs of one key run one at a time, in their order; nil runs beside any other.
        var key: UInt64?
        var start: Start
    }

    enum Admission: Equatable {
        case accepted(Ticket)
        /// The commit's map says that it was finished in an earlier assignment.
        case finishedBefore
        /// It still runs since before the last rebalance, and goes on as part of this epoch.
        case adopted
        /// Below what was read already: fence the partition and assign it anew from there.
        case regressed
        /// The partition's intake is over.
        case refused
    }

    /// What may be committed of a partition.
    struct Commit {
        var partition: PartitionID
        var offset: Int64
        var completed: CompletionMap
        var movedAt: Int64
    }

    enum Phase: Equatable {
        case waiting
        case ready
        case running
        case hopping
        case held
    }

    struct Job {
        let stamp: UInt64
        let partition: PartitionID
        /// The epoch and the tracker's number are renewed where a job outlives a rebalance.
        var epoch: UInt64
        var number: Int
        let offset: Int64
        let bytes: Int
        let lane: Lanes.ID?
        var phase: Phase
        let content: Content
    }

    struct Partition {
        var queue: Int32
        /// Its number in the topic, by which topics of a queue share lanes.
        var number: Int32
        /// Rises with each assignment; jobs of another one are fenced.
        var epoch: UInt64 = 0
        var isAssigned = false
        var takesIn = false
        var tracker = CompletionTracker(committed: nil)
        var isDirty = false
        var movedAt: Int64 = 0
        var inFlight = 0
        /// Running or hopping: what a drain waits for.
        var active = 0
        /// Read to its end as of the last look.
        var isAtEnd = false
        /// About the most that a job took lately; a guess before the first.
        var usualBytes = 64 << 10
        /// What was running when the partition was handed back, by offset; see ``Scheduler/suspend(_:)``.
        var suspended: [Int64: Suspended] = [:]
    }

    /// A job of a partition that was handed back and may come again at once.
    enum Suspended {
        /// It still runs, or hops.
        case active(Ticket)
        /// It was completed meanwhile.
        case finished
    }

    let limits: Limits
    var partitions: [PartitionID: Partition] = [:]
    private(set) var inFlight = 0
    private(set) var inFlightBytes = 0
    private(set) var fencedJobs = 0
    var assignedCount = 0
    var jobs: [Job?] = []
    private var freePlaces: [Int] = []
    private var lanes = Lanes()
    private var ready = Fifo<Ticket>()
    private var held = Heap<HeldJob>()
    private var nextStamp: UInt64 = 0
    var nextEpoch: UInt64 = 0

    init(limits: Limits) {
        self.limits = limits
    }
}

extension Scheduler {
    fileprivate struct HeldJob: Comparable {
        var dueAt: Int64
        var ticket: Ticket

        static func < (lhs: Self, rhs: Self) -> Bool {
            (lhs.dueAt, lhs.ticket.stamp) < (rhs.dueAt, rhs.ticket.stamp)
        }
    }
}

// MARK: - Assignments

extension Scheduler {
    /// Begins an epoch of a partition.
    ///
    /// - Parameter committed: where to start; nil leaves it to the first record.
    mutating func assign(
        _ id: PartitionID,
        queue: Int32,
        number: Int32,
        committed: Int64?,
        restored: CompletionMap,
        movedAt: Int64
    ) {
        if partitions[id]?.isAssigned == true { _ = fence([id]) }
        nextEpoch += 1
        var partition = partitions[id] ?? Partition(queue: queue, number: number)
        partition.epoch = nextEpoch
        partition.isAssigned = true
        partition.takesIn = true
        partition.tracker = CompletionTracker(committed: committed, restored: restored)
        partition.isDirty = false
        partition.movedAt = movedAt
        partition.isAtEnd = false
        partition.inFlight = 0
        partition.active = 0
        partitions[id] = partition
        assignedCount += 1
    }

    /// Ends the intake of partitions and drops what has not started; what runs or hops may finish.
    mutating func stopIntake(_ ids: some Sequence<PartitionID>) {
        var affected: Set<PartitionID> = []
        for id in ids where partitions[id]?.isAssigned == true {
            partitions[id]?.takesIn = false
            affected.insert(id)
        }
        guard !affected.isEmpty else { return }
        var holders: [Int] = []
        var lanesToSweep: Set<Lanes.ID> = []
        var dropped: [Int] = []
        for (place, job) in jobs.enumerated() {
            guard let job, affected.contains(job.partition), isCurrent(job) else { continue }
            switch job.phase {
            case .running, .hopping: continue
            case .held: dropped.append(place)
            case .waiting:
                dropped.append(place)
                if let lane = job.lane { lanesToSweep.insert(lane) }
            case .ready:
                dropped.append(place)
                if job.lane != nil { holders.append(place) }
            }
        }
        for lane in lanesToSweep {
            lanes.removeWaiting(in: lane) { place in jobs[place].map { affected.contains($0.partition) } ?? true }
        }
        // Behind a dropped holder may wait a job of a topic that stays.
        for place in holders { passLane(of: place) }
        for place in dropped { remove(place) }
    }

    /// Whether nothing of the partitions runs or hops any more.
    func isDrained(_ ids: some Sequence<PartitionID>) -> Bool {
        ids.allSatisfy { (partitions[$0]?.active ?? 0) == 0 }
    }

    /// What runs of the partitions in their present epochs.
    func running(in ids: some Sequence<PartitionID>) -> [Ticket] {
        let ids = Set(ids)
        return jobs.enumerated().compactMap { place, job in
            guard let job, job.phase == .running, ids.contains(job.partition), isCurrent(job) else { return nil }
            return Ticket(place: place, stamp: job.stamp)
        }
    }

    /// Ends the epoch of partitions: what still runs can't commit, hop or write state any more.
    ///
    /// - Returns: the running jobs, which should be cancelled.
    mutating func fence(_ ids: some Sequence<PartitionID>) -> [Ticket] {
        let ids = ids.filter { partitions[$0]?.isAssigned == true }
        stopIntake(ids)
        var running = running(in: ids)
        for id in ids {
            running += forgetSuspended(of: id, below: .max)
            endEpoch(of: id)
        }
        return running
    }

    func isCurrent(_ job: Job) -> Bool {
        partitions[job.partition]?.epoch == job.epoch
    }
}

// MARK: - Intake

extension Scheduler {
    /// How many records of the partition may be admitted now.
    func room(in id: PartitionID) -> Int {
        guard let partition = partitions[id], partition.takesIn, inFlightBytes < limits.bytes || inFlight == 0 else {
            return 0
        }
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

    /// Lets held jobs go whose time has come; returns when the next one is due.
    mutating func releaseHeld(now: Int64) -> Int64? {
        while let first = held.first {
            guard first.dueAt <= now else { return first.dueAt }
            held.removeFirst()
            if jobs[first.ticket.place]?.stamp == first.ticket.stamp { enter(first.ticket.place) }
        }
        return nil
    }

    private mutating func place(_ job: Job) -> Ticket {
        if let place = freePlaces.popLast() {
            jobs[place] = job
            return Ticket(place: place, stamp: job.stamp)
        }
        jobs.append(job)
        return Ticket(place: jobs.count - 1, stamp: job.stamp)
    }

    private mutating func enter(_ place: Int) {
        guard let job = jobs[place] else { return }
        jobs[place]?.phase = .waiting
        if let lane = job.lane, !lanes.enter(place, lane) { return }
        jobs[place]?.phase = .ready
        ready.append(Ticket(place: place, stamp: job.stamp))
    }
}

// MARK: - Attempts

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

    private subscript(ticket: Ticket) -> Job? {
        guard let job = jobs[ticket.place], job.stamp == ticket.stamp else { return nil }
        return job
    }

    private mutating func setActive(_ place: Int, _ phase: Phase) {
        guard let partition = jobs[place]?.partition else { return }
        jobs[place]?.phase = phase
        partitions[partition]?.active += 1
    }

    private mutating func passLane(of place: Int) {
        guard let job = jobs[place], let lane = job.lane, let next = lanes.finish(place, in: lane) else { return }
        guard let nextJob = jobs[next] else { return }
        jobs[next]?.phase = .ready
        ready.append(Ticket(place: next, stamp: nextJob.stamp))
    }

    private mutating func finish(_ place: Int, _ now: Int64) {
        guard let job = jobs[place] else { return }
        let before = partitions[job.partition]?.tracker.watermark
        partitions[job.partition]?.tracker.finish(job.number)
        partitions[job.partition]?.isDirty = true
        if partitions[job.partition]?.tracker.watermark != before { noteMove(job.partition, now) }
        remove(place)
    }

    private mutating func noteMove(_ id: PartitionID, _ now: Int64) {
        partitions[id]?.movedAt = now
        partitions[id]?.isDirty = true
    }

    private mutating func remove(_ place: Int) {
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

// MARK: - Commits

extension Scheduler {
    /// What has changed since it was last asked for, of the partitions that pass `isWanted`.
    mutating func takeCommits(where isWanted: (PartitionID) -> Bool = { _ in true }) -> [Commit] {
        var commits: [Commit] = []
        for (id, partition) in partitions where partition.isAssigned && partition.isDirty && isWanted(id) {
            guard let watermark = partition.tracker.watermark else { continue }
            commits.append(
                Commit(
                    partition: id,
                    offset: watermark,
                    completed: partition.tracker.completionMap,
                    movedAt: partition.movedAt
                )
            )
            partitions[id]?.isDirty = false
        }
        return commits
    }

    /// A commit was refused: its partitions have to be committed again, if they are still assigned.
    mutating func commitFailed(_ ids: some Sequence<PartitionID>) {
        for id in ids where partitions[id]?.isAssigned == true { partitions[id]?.isDirty = true }
    }
}
