import RdKafka
import Testing

@testable import Kokanee

@Suite("A queue's status from what was found")
struct QueueSnapshotTests {
    static let now: Int64 = 1_800_000_000_000
    static let queue = try! Queue("q")

    static func partition(_ number: Int32, _ topic: String = "q") -> TopicPartition {
        TopicPartition(topic: topic, partition: number)
    }

    static func committed(_ offset: Int64, movedAgo: Int64 = 0, done: [Range<Int64>] = []) -> CommittedOffset {
        let metadata = CommitMetadata(owner: "h:1", movedAt: now - movedAgo, completed: CompletionMap(runs: done))
        return CommittedOffset(offset: offset, metadata: metadata.text(above: offset))
    }

    static func job(_ offset: Int64, ago: Int64) -> QueueStatus.Job {
        QueueStatus.Job(offset: offset, id: "j\(offset)", type: "t", timestamp: now - ago)
    }

    static func snapshot(
        _ logs: [TopicPartition: QueueSnapshot.Log],
        oldest: [TopicPartition: QueueStatus.Job] = [:],
        membership: GroupMembership = .unknown
    ) -> QueueSnapshot {
        QueueSnapshot(queue: queue, takenAt: now, membership: membership, logs: logs, oldest: oldest)
    }

    @Test(
        "waiting is what is at or above the committed offset and not finished, and still in the log",
        arguments: [
            (nil, 0, 10, 10), (nil, 4, 10, 6), (committed(3), 0, 10, 7), (committed(10), 0, 10, 0),
            (committed(3, done: [4..<6, 8..<9]), 0, 10, 4),
            // Retention has gone beyond the commit, and into the map.
            (committed(3, done: [4..<6, 8..<9]), 5, 10, 3),
            // The topic was made anew: a worker begins at its start.
            (committed(30), 0, 10, 10),
            // A map that tells of more than there is.
            (committed(3, done: [4..<60]), 0, 10, 1),
            (CommittedOffset(offset: 3, metadata: "somebody else's"), 0, 10, 7),
        ] as [(CommittedOffset?, Int64, Int64, Int64)]
    )
    func waiting(committed: CommittedOffset?, low: Int64, end: Int64, expected: Int64) {
        let log = QueueSnapshot.Log(low: low, end: end, committed: committed)
        #expect(log.waiting == expected)
        #expect((log.unfinished == nil) == (expected == 0))
    }

    @Test("the oldest job is looked for behind what is finished already")
    func unfinished() {
        let log = QueueSnapshot.Log(low: 0, end: 10, committed: Self.committed(3, done: [3..<5, 6..<7]))
        #expect(log.unfinished == 5..<10)
    }

    @Test("a partition is stalled when it has work and neither its watermark has moved nor its job is young")
    func stalled() {
        let cases: [(moved: Int64?, age: Int64, expected: Int64?)] = [
            (120_000, 300_000, 120_000), (10_000, 300_000, nil), (300_000, 10_000, nil), (60_000, 60_000, nil),
            (60_001, 60_001, 60_001), (nil, 90_000, 90_000), (nil, 1000, nil),
        ]
        for (moved, age, expected) in cases {
            let commit = moved.map { Self.committed(5, movedAgo: $0) } ?? CommittedOffset(offset: 5)
            let status = Self.snapshot(
                [Self.partition(2): .init(low: 0, end: 9, committed: commit)],
                oldest: [Self.partition(2): Self.job(5, ago: age)]
            ).status(stalledAfter: 60_000)
            #expect(
                status.stalls.map(\.milliseconds) == [expected].compactMap(\.self),
                "\(String(describing: moved)), \(age)"
            )
        }
    }

    /// Where job 5 of partition 2 has held its watermark for five minutes, of which a worker has said something.
    private static func held(_ report: WorkerReport, age: Int64) -> QueueStatus {
        let log = QueueSnapshot.Log(low: 0, end: 9, committed: committed(5, movedAgo: 300_000))
        var snapshot = snapshot([partition(2): log], oldest: [partition(2): job(5, ago: 300_000)])
        snapshot.reports = [ReportedWorker(report: report, age: age)]
        return snapshot.status(stalledAfter: 60_000)
    }

    @Test("a partition whose worker says that its job has time left is not stalled, unless the worker is silent")
    func running() {
        func status(_ place: String, age: Int64 = 5000) -> QueueStatus {
            let job = RunningJob(place: place, since: Self.now - 290_000)
            return Self.held(.plain("host:7", running: [job]), age: age)
        }
        let runs = status("q/2/5")
        #expect(runs.stalls.isEmpty)
        let job = Self.job(5, ago: 300_000)
        #expect(runs.running == [.init(partition: 2, job: job, since: Self.now - 290_000, worker: "host:7")])
        for other in [status("q/2/4"), status("q/1/5"), status("q/2/5", age: 31_000)] {
            #expect(other.stalls.map(\.partition) == [2] && other.running.isEmpty)
        }
    }

    @Test("a partition whose worker says that a limit holds its job is not stalled, unless the worker is silent")
    func limited() {
        func status(_ place: String, age: Int64 = 5000) -> QueueStatus {
            Self.held(.plain("host:7", limited: ["q/1/1", place]), age: age)
        }
        let held = status("q/2/5")
        #expect(held.stalls.isEmpty)
        #expect(held.limited == [.init(partition: 2, job: Self.job(5, ago: 300_000), worker: "host:7")])
        for other in [status("q/2/4"), status("q/1/5"), status("q/2/5", age: 31_000)] {
            #expect(other.stalls.map(\.partition) == [2] && other.limited.isEmpty)
        }
    }

    @Test("what an operator holds back is no stall, the whole queue or the type of the job")
    func heldBack() {
        for (type, expected) in [("t", 0), ("other", 1), (nil, 0)] {
            let log = QueueSnapshot.Log(low: 0, end: 9, committed: Self.committed(5, movedAgo: 300_000))
            var snapshot = Self.snapshot(
                [Self.partition(2): log],
                oldest: [Self.partition(2): Self.job(5, ago: 300_000)]
            )
            let pause = Pause(queue: "q", type: type, mode: .paused, by: "ann", at: 0)
            if type == nil { snapshot.orders.pause = pause } else { snapshot.orders.pausedTypes = [pause] }
            #expect(snapshot.status(stalledAfter: 60_000).stalls.count == expected)
        }
    }

    @Test(
        "a time that somebody forged in a commit's metadata is one like any other",
        arguments: [Int64.min, -1, .max]
    )
    func forgedTimes(movedAt: Int64) {
        let forged = CommitMetadata(owner: "h:1", movedAt: movedAt, completed: CompletionMap())
        let log = QueueSnapshot.Log(low: 0, end: 9, committed: .init(offset: 5, metadata: forged.text(above: 5)))
        let snapshot = Self.snapshot([Self.partition(0): log], oldest: [Self.partition(0): Self.job(5, ago: 90_000)])
        let stalls = snapshot.status(stalledAfter: 60_000).stalls
        #expect(stalls.map(\.milliseconds) == (movedAt < 0 ? [90_000] : []))
    }

    @Test("a partition without work is never stalled, however long ago it moved")
    func idleIsNotStalled() {
        let log = QueueSnapshot.Log(low: 0, end: 9, committed: Self.committed(9, movedAgo: 900_000))
        let status = Self.snapshot([Self.partition(0): log]).status(stalledAfter: 60_000)
        #expect(status.stalls.isEmpty)
        #expect(status.oldestWaitingMilliseconds == nil)
    }

    @Test("owners are the group's members; where that is unknown, those who moved a watermark lately")
    func owners() {
        let logs = [
            Self.partition(0): QueueSnapshot.Log(low: 0, end: 9, committed: Self.committed(5)),
            Self.partition(1): QueueSnapshot.Log(low: 0, end: 9, committed: Self.committed(5, movedAgo: 61_000)),
        ]
        let guessed = Self.snapshot(logs).status(stalledAfter: 60_000)
        #expect(guessed.partitions.map(\.owner) == ["h:1", nil])
        #expect(guessed.workers == 1)
        #expect(!guessed.membersAreKnown)
        // An idle one commits nothing, and reports; one that does both is one.
        var reporting = Self.snapshot(logs)
        reporting.reports = [("h:1", 0), ("idle", 0), ("dead", 31_000)].map { name, age in
            ReportedWorker(report: .plain(name), age: age)
        }
        #expect(reporting.status(stalledAfter: 60_000).workers == 2)

        let members = ["a", "b", "b"].enumerated().map { index, client in
            GroupDescription.Member(
                memberID: "\(client)-id\(index)",
                clientID: client,
                instanceID: nil,
                host: "h",
                assignment: index == 1 ? [Self.partition(1)] : index == 0 ? [Self.partition(0)] : []
            )
        }
        let known = Self.snapshot(logs, membership: .members(members)).status(stalledAfter: 60_000)
        #expect(known.partitions.map(\.owner) == ["a", "b-id1"])
        #expect(known.workers == 3)
        #expect(known.membersAreKnown && !known.isRebalancing)
        let between = Self.snapshot(logs, membership: .members(members, isRebalancing: true))
        #expect(between.status(stalledAfter: 60_000).isRebalancing)
    }

    @Test(
        "a group rebalances while it prepares that, and while it waits for its leader's word",
        arguments: [
            (.unknown, false), (.preparingRebalance, true), (.completingRebalance, true), (.stable, false),
            (.dead, false), (.empty, false),
        ] as [(GroupState, Bool)]
    )
    func rebalancing(state: GroupState, isRebalancing: Bool) {
        let membership = GroupMembership(GroupDescription(id: "g", state: state, assignor: "range", members: []))
        #expect(membership.isRebalancing == isRebalancing)
    }

    @Test("rungs are told from the shortest delay, with what waits in all their partitions")
    func rungs() {
        var snapshot = Self.snapshot([
            Self.partition(0, "q.retry.5m"): .init(low: 0, end: 2, committed: nil),
            Self.partition(1, "q.retry.5m"): .init(low: 0, end: 3, committed: Self.committed(1)),
            Self.partition(0, "q.retry.10s"): .init(low: 0, end: 1, committed: nil),
        ])
        snapshot.rungs = ["q.retry.5m": 300_000, "q.retry.10s": 10_000]
        let status = snapshot.status(stalledAfter: 60_000)
        #expect(status.retrying == [.init(name: "10s", waiting: 1), .init(name: "5m", waiting: 4)])
        #expect(status.partitions.isEmpty)
    }

    @Test("a verdict counts once, only for letters that are there, until it is taken back")
    func verdicts() {
        let verdicts = DeadLetterCount.Verdicts(letters: [0: 5..<10, 1: 0..<3])
        func take(_ key: String, isGiven: Bool = true) {
            Array(key.utf8).withUnsafeBytes { verdicts.take(key: $0, isGiven: isGiven) }
        }
        for key in ["dlq/0/5", "dlq/0/5", "dlq/1/2"] { take(key) }
        for key in ["dlq/0/4", "dlq/2/0", "dlq/0", "dlq/0/5/1", "dlq/-1/5", "mark/0/6", "dlq//6", "", "dlq/0/x"] {
            take(key)
        }
        #expect(verdicts.count == 2)
        take("dlq/0/5", isGiven: false)
        #expect(verdicts.count == 1)
    }
}
