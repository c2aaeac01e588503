/// What a limiter asks of a job.
protocol LimitedJob {
    var limitedType: String { get }
    /// A hash of the key up to the separator, or of all of it; nil where there is no key.
    func keyGroup(upTo separator: String?) -> UInt64?
}

/// Decides which jobs may start under the queues' limits, and which of those that wait goes first when one may.
///
/// It counts by itself: what it is told is that a job may be taken (``enrol(_:_:queue:number:stamp:)``), starts, ends,
/// or has left. Jobs are named by their places in the scheduler's table. It reads no clock: times are nanoseconds of a
/// monotonic one, and come in by ``advance(to:)``.
///
/// **The fleet's rate.** Each partition of a queue stands for an equal part of a rate and of its burst, and that part is
/// its owner's. A part begins empty with whoever gets the partition, unless that is who just handed it back: so no
/// rebalance makes tokens. In any time *t* a fleet starts at most `rate × t + burst + the number of workers` jobs: each
/// has room for one whole token, however small its part. A group that is a whole key has its rate and burst in the key's
/// one partition, and so for itself: at most `rate × t + burst`.
struct Limiter {
    enum State {
        case idle
        case waiting(at: Int)
        /// Let go by that bucket, which has something in hand for it.
        case awakened(by: Int)
        case running
    }

    struct Member {
        var stamp: UInt64
        var buckets: [Int]
        var state = State.idle
        /// Whether it has taken a token of each bucket that has some.
        var hasPaid = false
        var mayBeOvertaken: Bool
    }

    struct RuleKey: Hashable {
        var queue: Int32
        var subject: JobLimit.Subject
    }

    struct RuleEntry {
        var queue: Int32
        var subject: JobLimit.Subject
        var rule: LimitBucket.Rule
        var allowsOvertaking = false
        /// It is an operator's pause of a type, and no limit.
        var isPause = false
        /// From when on tokens count.
        var since: Int64
    }

    struct Table {
        var ofAll: [Int] = []
        var byType: [String: [Int]] = [:]
    }

    private(set) var now: Int64 = 0
    // Changed here and by the extension beside this, and by nobody else.
    var tables: [Int32: Table] = [:]
    var ruleIDs: [RuleKey: Int] = [:]
    var rules: [RuleEntry] = []
    var shares: [Int32: LimitShares] = [:]
    var ids: [LimitBucket.Key: Int] = [:]
    var buckets: [LimitBucket?] = []
    var freeBuckets: [Int] = []
    private var sweepAt = 1024
    var members: [Member?] = []
    var due = Heap<DueBucket>()
    /// Jobs that are to ask again, in their order.
    var awakened: [LimitBucket.Waiter] = []
    /// Jobs that wait.
    var waiting = 0

    struct DueBucket: Comparable {
        var at: Int64
        var bucket: Int

        static func < (lhs: Self, rhs: Self) -> Bool { (lhs.at, lhs.bucket) < (rhs.at, rhs.bucket) }
    }

    var isEmpty: Bool { tables.isEmpty }
    /// When time alone lets more jobs start.
    var nextDueAt: Int64? { due.first?.at }
    /// What is remembered.
    var groupCount: Int { ids.count }
    var runningCount: Int { buckets.reduce(0) { $0 + ($1?.running ?? 0) } }

    /// What the limits do now, of each that bounds a job in flight.
    var observations: [LimitObservation] {
        var found: [Int: LimitObservation] = [:]
        for case let bucket? in buckets where bucket.references > 0 {
            let entry = rules[bucket.key.rule]
            var seen = found[bucket.key.rule] ?? LimitObservation(queue: entry.queue, limit: entry.subject)
            seen.waiting += bucket.waiting
            seen.running += bucket.running
            found[bucket.key.rule] = seen
        }
        return found.sorted { $0.key < $1.key }.map(\.value)
    }

    /// Whether a limit speaks of the job.
    func bounds(_ place: Int) -> Bool { place < members.count && members[place] != nil }

    /// Whether the job may leave for a rung, though it has a key.
    func mayBeOvertaken(_ place: Int) -> Bool { place < members.count && members[place]?.mayBeOvertaken == true }

    /// What keeps a job from starting.
    struct Hindrance: Hashable {
        var subject: JobLimit.Subject
        /// An operator has paused the type.
        var isPause: Bool
    }

    /// What a job waits for; nil where it waits for none of the limits.
    func hindrance(of place: Int) -> Hindrance? {
        guard place < members.count, case .waiting(let index)? = members[place]?.state, let bucket = buckets[index]
        else { return nil }
        let entry = rules[bucket.key.rule]
        return Hindrance(subject: entry.subject, isPause: entry.isPause)
    }

    mutating func takeAwakened() -> [LimitBucket.Waiter] {
        defer { awakened.removeAll(keepingCapacity: true) }
        return awakened
    }
}

// MARK: - Jobs

extension Limiter {
    /// A job is in flight, and may come to be taken.
    ///
    /// - Parameters:
    ///   - number: its partition's.
    ///   - stamp: rises with each job that comes in.
    mutating func enrol(_ place: Int, _ job: some LimitedJob, queue: Int32, number: Int32, stamp: UInt64) {
        while members.count <= place { members.append(nil) }
        members[place] = nil
        guard let table = tables[queue] else { return }
        var member = Member(stamp: stamp, buckets: [], mayBeOvertaken: true)
        for id in table.ofAll + (table.byType.isEmpty ? [] : table.byType[job.limitedType] ?? []) {
            guard let key = key(of: id, job, number) else { continue }
            member.mayBeOvertaken = member.mayBeOvertaken && rules[id].allowsOvertaking
            let bucket = ids[key] ?? add(key)
            buckets[bucket]!.references += 1
            member.buckets.append(bucket)
        }
        if !member.buckets.isEmpty { members[place] = member }
    }

    private func key(of id: Int, _ job: some LimitedJob, _ number: Int32) -> LimitBucket.Key? {
        switch rules[id].subject.grouping {
        case .none: .init(rule: id, group: 0, partition: -1)
        case .key: job.keyGroup(upTo: nil).map { .init(rule: id, group: $0, partition: number) }
        case .prefix(let separator): job.keyGroup(upTo: separator).map { .init(rule: id, group: $0, partition: -1) }
        }
    }

    private mutating func add(_ key: LimitBucket.Key) -> Int {
        if ids.count >= sweepAt { sweep() }
        let entry = rules[key.rule]
        let shares = shares[entry.queue] ?? LimitShares()
        let isLocal = key.partition >= 0
        let time =
            isLocal
            ? Double(max(0, now - max(shares.owned[key.partition] ?? now, entry.since)))
            : shares.time(since: entry.since, now: now)
        let share = isLocal ? 1 : shares.share
        let bucket = LimitBucket(key, entry.rule, share: share, tokens: entry.rule.rate * time, now: now)
        let index = freeBuckets.popLast() ?? buckets.count
        if index == buckets.count { buckets.append(bucket) } else { buckets[index] = bucket }
        ids[key] = index
        return index
    }

    mutating func drop(_ index: Int) {
        guard let key = buckets[index]?.key else { return }
        ids[key] = nil
        buckets[index] = nil
        freeBuckets.append(index)
    }

    /// Forgets the groups of which there is nothing to remember.
    private mutating func sweep() {
        for index in buckets.indices where buckets[index]?.isIdle(now: now) == true {
            drop(index)
        }
        sweepAt = max(1024, ids.count * 2)
    }

    /// The first limit that does not let the job start now, by its bucket; nil where all do.
    ///
    /// Who was let go by one of them may take what another has in hand for somebody else: else two that each wait for
    /// what the other has would hand it on for ever.
    mutating func obstacle(to place: Int) -> Int? {
        guard place < members.count, let member = members[place] else { return nil }
        var isAwake = false
        if case .awakened = member.state { isAwake = true }
        for index in member.buckets {
            buckets[index]!.fill(now: now)
            let free = isAwake ? buckets[index]!.available : buckets[index]!.free
            if free < 1 { return index }
        }
        return nil
    }

    /// The job can't start because of that bucket, and waits.
    mutating func wait(_ place: Int, at bucket: Int) {
        giveUpTurn(place)
        guard let stamp = members[place]?.stamp else { return }
        members[place]!.state = .waiting(at: bucket)
        buckets[bucket]!.waiters.insert(.init(stamp: stamp, place: place))
        buckets[bucket]!.waiting += 1
        waiting += 1
        tidy(bucket)
        list(bucket)
    }

    /// The job may not start for another reason: those behind it may.
    mutating func giveUpTurn(_ place: Int) {
        guard place < members.count, case .awakened(let bucket)? = members[place]?.state else { return }
        members[place]!.state = .idle
        buckets[bucket]!.awakened -= 1
        wake(bucket)
    }

    /// The job starts, as ``obstacle(to:)`` allowed.
    mutating func start(_ place: Int) {
        guard place < members.count, let member = members[place] else { return }
        if case .awakened(let bucket) = member.state { buckets[bucket]!.awakened -= 1 }
        members[place]!.state = .running
        members[place]!.hasPaid = true
        for index in member.buckets {
            buckets[index]!.running += 1
            buckets[index]!.starts += 1
            if buckets[index]!.rule.rate > 0 { buckets[index]!.tokens -= 1 }
        }
    }

    /// It ran already when it was enrolled.
    mutating func goesOn(_ place: Int) {
        guard place < members.count, let member = members[place] else { return }
        members[place]!.state = .running
        for index in member.buckets { buckets[index]!.running += 1 }
    }

    /// The job's attempt has ended. Nothing happens where it does not run.
    mutating func end(_ place: Int) {
        guard place < members.count, let member = members[place], case .running = member.state else { return }
        members[place]!.state = .idle
        for index in member.buckets {
            buckets[index]!.running -= 1
            wake(index)
        }
    }

    /// The job was taken and not begun.
    mutating func takeBack(_ place: Int) {
        guard place < members.count, let member = members[place], case .running = member.state else { return }
        refund(place)
        members[place]!.state = .idle
        // Nobody is woken: it asks again before all others.
        for index in member.buckets { buckets[index]!.running -= 1 }
    }

    /// The job, which runs, has not begun: it gives back the tokens that it took, as far as there is room for them.
    mutating func refund(_ place: Int) {
        guard place < members.count, let member = members[place], member.hasPaid else { return }
        members[place]!.hasPaid = false
        for index in member.buckets where buckets[index]!.rule.rate > 0 {
            buckets[index]!.fill(now: now)
            buckets[index]!.tokens = min(buckets[index]!.tokens + 1, buckets[index]!.capacity)
        }
    }

    /// The job is not in flight any more.
    mutating func leave(_ place: Int) {
        guard place < members.count, let member = members[place] else { return }
        end(place)
        giveUpTurn(place)
        if case .waiting(let bucket) = member.state {
            buckets[bucket]!.waiting -= 1
            waiting -= 1
            tidy(bucket)
        }
        members[place] = nil
        for index in member.buckets {
            buckets[index]!.references -= 1
            // It may have stood first where nobody else was woken.
            wake(index)
        }
    }

    /// How long, in nanoseconds, a job that waits might be away, and still come in its turn; 0 is unknown.
    mutating func waitOutside(_ place: Int) -> Int64 {
        guard place < members.count, case .waiting(let index)? = members[place]?.state else { return 0 }
        return buckets[index]!.waitOutside(now: now)
    }

    // MARK: - Waiting

    /// Time has come to `time`: what it brings is in ``awakened``. Returns when it brings more.
    mutating func advance(to time: Int64) -> Int64? {
        now = max(now, time)
        while let first = due.first, first.at <= now {
            due.removeFirst()
            // It may have been listed again, for an earlier time.
            guard buckets[first.bucket]?.listedAt == first.at else { continue }
            buckets[first.bucket]!.listedAt = nil
            wake(first.bucket)
        }
        return due.first?.at
    }

    /// Lets those of a bucket's waiters go that may start.
    mutating func wake(_ index: Int) {
        guard buckets[index]!.waiting > 0 else { return }
        buckets[index]!.fill(now: now)
        while buckets[index]!.free > 0, let first = buckets[index]!.waiters.first {
            buckets[index]!.waiters.removeFirst()
            guard isWaiting(first, at: index) else { continue }
            members[first.place]!.state = .awakened(by: index)
            buckets[index]!.waiting -= 1
            buckets[index]!.awakened += 1
            waiting -= 1
            awakened.append(first)
        }
        list(index)
    }

    private func isWaiting(_ waiter: LimitBucket.Waiter, at bucket: Int) -> Bool {
        guard waiter.place < members.count, let member = members[waiter.place], member.stamp == waiter.stamp,
            case .waiting(bucket) = member.state
        else { return false }
        return true
    }

    /// Whoever waits for a token is looked at when there is one.
    private mutating func list(_ index: Int) {
        guard buckets[index]!.waiting > 0, let next = buckets[index]!.nextTokenAt else { return }
        let at = max(next, now + 1)
        if let listedAt = buckets[index]!.listedAt, listedAt <= at { return }
        buckets[index]!.listedAt = at
        due.insert(DueBucket(at: at, bucket: index))
    }

    /// Forgets waiters that have left, once they are the most.
    private mutating func tidy(_ index: Int) {
        guard buckets[index]!.waiters.count > 2 * buckets[index]!.waiting + 64 else { return }
        var old = buckets[index]!.waiters
        var waiters = Heap<LimitBucket.Waiter>()
        while let first = old.first {
            old.removeFirst()
            if isWaiting(first, at: index) { waiters.insert(first) }
        }
        buckets[index]!.waiters = waiters
    }
}
