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
        /// Jobs that may start and do not yet, from which on no more are read.
        var ready = 2000
        /// Jobs that run at once, by which is told which keys have most to do; 0 is unknown.
        var concurrency = 0
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
        /// Nil is that of its partition.
        var priority: Priority?
    }

    enum Admission: Equatable {
        /// The scheduler keeps its content until it is finished, or given up.
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
        var epoch: UInt64
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
        /// It may run, but for a limit.
        case setAside
    }

    /// Its content stands apart, so that what is asked of a job counts no references. It is kept small: all that are in
    /// flight should find room in the processor's caches.
    struct Job {
        /// 0 is a free place.
        var stamp: UInt64
        /// The epoch and the tracker's number are renewed where a job outlives a rebalance.
        var epoch: UInt64
        var number: Int
        let offset: Int64
        private let narrowSlot: Int32
        private let narrowBytes: UInt32
        /// Its queue and priority, among the ready jobs.
        let level: ReadyJobs<Ticket>.Level
        var phase = Phase.waiting
        /// Whether it has to take its turn in ``Scheduler/lanes``.
        let hasLane: Bool

        /// - Parameter bytes: what is more than 4 GiB, which no record can have, counts as that.
        init(
            stamp: UInt64,
            epoch: UInt64,
            number: Int,
            offset: Int64,
            slot: Int,
            bytes: Int,
            level: ReadyJobs<Ticket>.Level,
            hasLane: Bool
        ) {
            self.stamp = stamp
            self.epoch = epoch
            self.number = number
            self.offset = offset
            narrowSlot = Int32(slot)
            narrowBytes = UInt32(clamping: bytes)
            self.level = level
            self.hasLane = hasLane
        }

        /// The partition's, in ``Scheduler/partitions``.
        var slot: Int { Int(narrowSlot) }
        var bytes: Int { Int(narrowBytes) }
        var isFree: Bool { stamp == 0 }
    }

    struct Partition {
        var queue: Int32
        /// Its number in the topic, by which topics of a queue share lanes.
        var number: Int32
        /// Its queue and the priority of its topic.
        var level: ReadyJobs<Ticket>.Level
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
        /// What has finished since the intake ended, by offset: the last commit may have been taken before, or be refused.
        var finishedLate: [Int64] = []

        /// Whether something that was suspended stands in what is still to be read.
        var awaitsSuspended: Bool {
            guard !suspended.isEmpty else { return false }
            let position = tracker.position ?? .min
            return suspended.keys.contains { $0 >= position }
        }
    }

    /// A job of a partition that was handed back and may come again at once.
    enum Suspended {
        /// It still runs, or hops.
        case active(Ticket)
        /// It was completed meanwhile.
        case finished
    }

    // Changed by the extensions in the files beside this one, and by nobody else.
    let limits: Limits
    var partitions = PartitionTable<Partition>()
    var inFlight = 0
    var inFlightBytes = 0
    var fencedJobs = 0
    var assignedCount = 0
    var jobs: [Job] = []
    /// Of the jobs, by place.
    var contents: [Content?] = []
    var freePlaces: [Int] = []
    var lanes = Lanes()
    var ready: ReadyJobs<Ticket>
    var held = Heap<HeldJob>()
    /// By queue; where there is none any number of jobs may start.
    var gates: [Int32: Gate] = [:]
    /// Ready jobs that their queue's gate holds back.
    var gated: [Int32: Fifo<Ticket>] = [:]
    var limiter = Limiter()
    /// What a limit asks of a job; nil where no job is ever bounded.
    let asLimited: ((Content) -> any LimitedJob)?
    /// Jobs that were set aside and are to leave for a rung.
    var leaving: [Leaving] = []
    var nextReliefAt: Int64 = 0
    var setAsideBytes = 0
    var nextStamp: UInt64 = 0
    var nextEpoch: UInt64 = 0

    init(
        limits: Limits,
        priorities: PriorityPolicy = .weighted(),
        asLimited: ((Content) -> any LimitedJob)? = nil
    ) {
        self.limits = limits
        self.asLimited = asLimited
        ready = ReadyJobs(policy: priorities)
    }
}

extension Scheduler {
    struct HeldJob: Comparable {
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
        priority: Priority = .normal,
        committed: Int64?,
        restored: CompletionMap,
        movedAt: Int64
    ) {
        if partitions[id]?.isAssigned == true { _ = fence([id]) }
        nextEpoch += 1
        limiter.join(number, queue: queue)
        let level = ready.level(of: queue, priority)
        var partition = partitions[id] ?? Partition(queue: queue, number: number, level: level)
        partition.epoch = nextEpoch
        partition.isAssigned = true
        partition.takesIn = true
        partition.tracker = CompletionTracker(committed: committed, restored: restored)
        partition.isDirty = false
        partition.movedAt = movedAt
        partition.isAtEnd = false
        partition.inFlight = 0
        partition.active = 0
        partitions.add(id, partition)
        assignedCount += 1
        if !limiter.isEmpty { resumeAwakened() }
    }

    /// Ends the intake of partitions and drops what has not started; what runs or hops may finish.
    mutating func stopIntake(_ ids: some Sequence<PartitionID>) {
        var affected: Set<Int> = []
        for slot in partitions.slots(of: ids) where partitions[slot: slot].isAssigned {
            partitions[slot: slot].takesIn = false
            affected.insert(slot)
        }
        guard !affected.isEmpty else { return }
        var holders: [Int] = []
        var lanesToSweep: Set<Lanes.ID> = []
        var dropped: [Int] = []
        for (place, job) in jobs.enumerated() {
            guard !job.isFree, affected.contains(job.slot), isCurrent(job) else { continue }
            switch job.phase {
            case .running, .hopping: continue
            case .held: dropped.append(place)
            case .waiting:
                dropped.append(place)
                if job.hasLane { lanesToSweep.insert(lanes.lane(of: place)) }
            case .ready, .setAside:
                dropped.append(place)
                if job.hasLane { holders.append(place) }
            }
        }
        for lane in lanesToSweep {
            lanes.removeWaiting(in: lane) { place in
                jobs[place].phase == .waiting && affected.contains(jobs[place].slot)
            }
        }
        // Behind a dropped holder may wait a job of a topic that stays.
        for place in holders { passLane(of: place) }
        for place in dropped { remove(place) }
        sweepGates()
        // Nobody takes them off while all slots are busy, and they would count against the room of what is assigned next.
        ready.removeAll { ticket in jobs[ticket.place].stamp != ticket.stamp }
    }

    /// Whether nothing of the partitions runs or hops any more.
    func isDrained(_ ids: some Sequence<PartitionID>) -> Bool {
        ids.allSatisfy { (partitions[$0]?.active ?? 0) == 0 }
    }

    /// What runs of the partitions in their present epochs.
    func running(in ids: some Sequence<PartitionID>) -> [Ticket] {
        let slots = Set(partitions.slots(of: ids))
        return jobs.enumerated().compactMap { place, job in
            guard !job.isFree, job.phase == .running, slots.contains(job.slot), isCurrent(job) else { return nil }
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
            endEpoch(of: id, keepsShare: false)
        }
        return running
    }

    func isCurrent(_ job: Job) -> Bool {
        partitions[slot: job.slot].epoch == job.epoch
    }
}

// MARK: - Commits

extension Scheduler {
    /// What has changed since it was last asked for, of the partitions that pass `isWanted`.
    mutating func takeCommits(where isWanted: (PartitionID) -> Bool = { _ in true }) -> [Commit] {
        var commits: [Commit] = []
        for id in partitions.ids(where: { $0.isAssigned && $0.isDirty }) where isWanted(id) {
            guard let partition = partitions[id], let watermark = partition.tracker.watermark else { continue }
            commits.append(
                Commit(
                    partition: id,
                    epoch: partition.epoch,
                    offset: watermark,
                    completed: partition.tracker.completionMap,
                    movedAt: partition.movedAt
                )
            )
            partitions.update(id) { $0.isDirty = false }
        }
        return commits
    }

    /// Whether what was taken may still be committed: its epoch goes on.
    func isCurrent(_ commit: Commit) -> Bool {
        partitions[commit.partition].map { $0.isAssigned && $0.epoch == commit.epoch } ?? false
    }

    /// What is assigned is to be committed again, though nothing has changed.
    mutating func commitAgain(where isWanted: (PartitionID) -> Bool) {
        for id in partitions.ids(where: \.isAssigned) where isWanted(id) { partitions.update(id) { $0.isDirty = true } }
    }

    /// A commit was refused: its partitions have to be committed again, if they are still assigned.
    mutating func commitFailed(_ ids: some Sequence<PartitionID>) {
        for id in ids where partitions[id]?.isAssigned == true { partitions.update(id) { $0.isDirty = true } }
    }
}
