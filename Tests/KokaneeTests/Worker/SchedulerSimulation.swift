@testable import Kokanee

/// A process of workers and the broker behind it, in one thread and driven by a seed: real ``Scheduler``, real
/// ``CommitMetadata``, everything else a model simple enough to be believed.
struct SchedulerSimulation {
    typealias ID = Int

    struct Violation: Error, CustomStringConvertible {
        let description: String
    }

    struct LogRecord {
        var offset: Int64
        var key: UInt64?
        var start: Scheduler<Place>.Facts.Start
    }

    struct Place: Hashable {
        var id: ID
        var offset: Int64
    }

    /// What the broker has of a group's partition.
    struct Committed {
        var offset: Int64
        var metadata: String
        /// What it says, in the model's words: it must never run again.
        var done: Set<Int64>
    }

    struct Options {
        var skipsOffsets = true
        /// No rebalances and crashes: these also end what has gone on for long.
        var isCalm = false
        /// Metadata as large as the broker takes; smaller and finished jobs may run again after a crash.
        var metadataLimit = CommitMetadata.defaultLimit
    }

    /// Two partitions of a main topic and two of a rung, which share lanes by their numbers.
    static let ids: [ID] = [0, 1, 2, 3]
    static let concurrency = 6
    static let limits = Scheduler<Place>.Limits(jobs: 12, bytes: 2000, gap: 10)

    let options: Options
    var random: SeededGenerator
    var now: Int64 = 1_000_000

    // The broker.
    var logs: [ID: [LogRecord]] = [:]
    var ends: [ID: Int64] = [:]
    var committed: [ID: Committed] = [:]
    var generation = 0
    var outstanding: (generation: Int, commits: [Scheduler<Place>.Commit])?

    // The process.
    var scheduler = Scheduler<Place>(limits: limits)
    var nextRead: [ID: Int64] = [:]
    /// What the present assignment began with.
    var doneAtAssignment: [ID: Committed] = [:]
    var running: [(ticket: Scheduler<Place>.Ticket, place: Place)] = []
    var hopping: [(ticket: Scheduler<Place>.Ticket, place: Place)] = []

    /// Completed or durably hopped, by anybody.
    var finished: Set<Place> = []

    init(seed: UInt64, options: Options) {
        random = SeededGenerator(seed: seed)
        self.options = options
        for id in Self.ids {
            logs[id] = []
            ends[id] = 0
        }
    }

    mutating func number(below bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }
    mutating func chance(_ percent: Int) -> Bool { number(below: 100) < percent }

    func record(_ place: Place) -> LogRecord? {
        guard let log = logs[place.id], let index = index(of: place.offset, in: place.id), index < log.count,
            log[index].offset == place.offset
        else { return nil }
        return log[index]
    }

    /// The first record of a partition at or above an offset.
    func index(of offset: Int64, in id: ID) -> Int? {
        guard let log = logs[id] else { return nil }
        var (low, high) = (0, log.count)
        while low < high {
            let middle = (low + high) / 2
            if log[middle].offset < offset { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

// MARK: - What may happen

extension SchedulerSimulation {
    mutating func run(steps: Int) throws {
        assign(Self.ids)
        for _ in 0..<steps {
            now += Int64(number(below: 20))
            switch number(below: options.isCalm ? 95 : 100) {
            case 0..<20: append()
            case 20..<45: try read()
            case 45..<65: try start()
            case 65..<82: try endAttempt()
            case 82..<88: try endHop()
            case 88..<91: try sendCommit()
            case 91..<95: try receiveCommit()
            case 95..<97: try rebalance()
            case 97..<98: lose()
            case 98..<99: crash()
            default: regainAll()
            }
            try checkBounds()
        }
        try drain()
    }

    mutating func append() {
        let id = number(below: 4)
        for _ in 0...number(below: 4) {
            let offset = ends[id]! + (options.skipsOffsets && chance(20) ? Int64(number(below: 3)) : 0)
            let start: Scheduler<Place>.Facts.Start =
                switch number(below: 10) {
                case 0: .hop
                case 1: .hold(until: now + Int64(number(below: 100)))
                default: .now
                }
            logs[id]!.append(LogRecord(offset: offset, key: chance(80) ? UInt64(number(below: 3)) : nil, start: start))
            // A transaction's marker may follow.
            ends[id] = offset + (options.skipsOffsets && chance(20) ? 2 : 1)
        }
    }

    mutating func read() throws {
        let id = number(below: 4)
        guard let from = nextRead[id] else { return }
        let room = scheduler.room(in: id)
        let records = logs[id]![index(of: from, in: id)!...].prefix(room)
        for record in records {
            let place = Place(id: id, offset: record.offset)
            let facts = Scheduler<Place>.Facts(bytes: 1 + number(below: 100), key: record.key, start: record.start)
            switch scheduler.admit(id, offset: record.offset, facts, place) {
            case .accepted(let ticket):
                if case .hop = record.start { hopping.append((ticket, place)) }
            case .finishedBefore:
                guard finished.contains(place) else { throw Violation(description: "\(place) taken for finished") }
            case .adopted: break
            case .regressed, .refused: throw Violation(description: "\(place) not taken in")
            }
            nextRead[id] = record.offset + 1
        }
        if (logs[id]!.last?.offset ?? -1) < nextRead[id]!, chance(70) {
            scheduler.reachEnd(id, ends[id]!, now: now)
            nextRead[id] = max(nextRead[id]!, ends[id]!)
        }
    }

    mutating func start() throws {
        _ = scheduler.releaseHeld(now: now)
        while running.count < Self.concurrency, let (ticket, place) = scheduler.take() {
            try checkStart(place)
            running.append((ticket, place))
        }
    }

    mutating func endAttempt() throws {
        guard !running.isEmpty else { return }
        // Mostly the newest, so that some take very long.
        let index = chance(60) ? running.count - 1 : number(below: running.count)
        let (ticket, place) = running.remove(at: index)
        let hops = chance(25)
        guard scheduler.conclude(ticket, hops: hops, now: now) == .accepted else { return }
        if hops { hopping.append((ticket, place)) } else { finished.insert(place) }
    }

    mutating func endHop() throws {
        guard !hopping.isEmpty else { return }
        let index = number(below: hopping.count)
        let (ticket, place) = hopping[index]
        if chance(70) {
            hopping.remove(at: index)
            if scheduler.hopped(ticket, now: now) { finished.insert(place) }
        } else if !scheduler.mayHop(ticket) {
            hopping.remove(at: index)
            scheduler.abandonHop(ticket)
        }
    }

    mutating func sendCommit() throws {
        guard outstanding == nil else { return }
        let commits = scheduler.takeCommits()
        if !commits.isEmpty { outstanding = (generation, commits) }
    }

    mutating func receiveCommit() throws {
        guard let (sentIn, commits) = outstanding else { return }
        outstanding = nil
        // The broker refuses an old generation's; and it can be that the answer alone is lost.
        let isApplied = sentIn == generation && chance(80)
        if isApplied { for commit in commits { try apply(commit) } }
        if !isApplied || chance(10) { scheduler.commitFailed(commits.map(\.partition)) }
    }

    mutating func commitNow() throws {
        try receiveCommit()
        guard chance(80) else { return }
        for commit in scheduler.takeCommits() { try apply(commit) }
    }

    mutating func apply(_ commit: Scheduler<Place>.Commit) throws {
        try checkCommit(commit)
        let metadata = CommitMetadata(owner: "w:1", movedAt: commit.movedAt, completed: commit.completed)
        let text = metadata.text(above: commit.offset, limit: options.metadataLimit)
        guard let kept = CommitMetadata(text: text, above: commit.offset) else {
            throw Violation(description: "metadata can't be read back: \(text)")
        }
        let done = Set(
            logs[commit.partition]!.map(\.offset).filter { $0 < commit.offset || kept.completed.contains($0) }
        )
        if let before = committed[commit.partition], let lost = before.done.subtracting(done).min() {
            throw Violation(description: "\(commit.partition)/\(lost) was committed as finished, and is no more")
        }
        committed[commit.partition] = Committed(offset: commit.offset, metadata: text, done: done)
    }
}

// MARK: - Assignments

extension SchedulerSimulation {
    mutating func assign(_ ids: [ID]) {
        generation += 1
        for id in ids {
            let start = committed[id]
            scheduler.assign(
                id,
                queue: 0,
                number: Int32(id % 2),
                committed: start?.offset,
                restored: start.flatMap { CommitMetadata(text: $0.metadata, above: $0.offset) }?.completed
                    ?? CompletionMap(),
                movedAt: now
            )
            nextRead[id] = start?.offset ?? 0
            doneAtAssignment[id] = start
        }
        for id in ids { stop(scheduler.forgetSuspended(of: id, below: committed[id]?.offset ?? 0)) }
    }

    /// Cancelled attempts may end at once, or when they please.
    mutating func stop(_ tickets: [Scheduler<Place>.Ticket]) {
        for ticket in tickets where chance(50) {
            guard let index = running.firstIndex(where: { $0.ticket == ticket }) else { continue }
            running.remove(at: index)
            scheduler.abandon(ticket)
        }
    }

    mutating func rebalance() throws {
        let owned = Self.ids.filter { nextRead[$0] != nil }
        scheduler.stopIntake(owned)
        for _ in 0..<number(below: 6) {
            if chance(70) { try endAttempt() } else { try endHop() }
        }
        if chance(30), let (ticket, _) = running.popLast() { scheduler.abandon(ticket) }
        try commitNow()
        scheduler.suspend(owned)
        stop(scheduler.fence(owned))
        nextRead = [:]
        for _ in 0..<number(below: 4) {
            if chance(70) { try endAttempt() } else { try endHop() }
        }
        let next = Self.ids.filter { _ in chance(70) }
        stop(scheduler.forgetSuspended(queue: 0, except: next))
        for id in Self.ids where !next.contains(id) { workElsewhere(id) }
        assign(next)
    }

    /// The group went on without this worker.
    mutating func lose() {
        let owned = Self.ids.filter { nextRead[$0] != nil }
        stop(scheduler.fence(owned) + scheduler.forgetSuspended(queue: 0))
        nextRead = [:]
        for id in Self.ids { workElsewhere(id) }
        assign(Self.ids.filter { _ in chance(70) })
    }

    mutating func crash() {
        scheduler = Scheduler(limits: Self.limits)
        running = []
        hopping = []
        outstanding = nil
        nextRead = [:]
        for id in Self.ids where chance(30) { workElsewhere(id) }
        assign(Self.ids)
    }

    mutating func regainAll() {
        let missing = Self.ids.filter { nextRead[$0] == nil }
        guard !missing.isEmpty else { return }
        let owned = Self.ids.filter { nextRead[$0] != nil }
        scheduler.suspend(owned)
        stop(scheduler.forgetSuspended(queue: 0, except: Self.ids))
        assign(Self.ids)
    }

    /// Another worker finishes some of a partition and commits the watermark.
    mutating func workElsewhere(_ id: ID) {
        generation += 1
        guard chance(60) else { return }
        let start = committed[id]
        let undone = logs[id]!.map(\.offset).filter { $0 >= start?.offset ?? 0 && start?.done.contains($0) != true }
        let last = undone.prefix(number(below: 6)).last
        guard let last else { return }
        for offset in undone where offset <= last { finished.insert(Place(id: id, offset: offset)) }
        let done = Set(logs[id]!.map(\.offset).filter { $0 <= last })
        committed[id] = Committed(offset: last + 1, metadata: "", done: done)
    }
}
