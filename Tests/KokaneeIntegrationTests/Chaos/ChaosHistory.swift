import Kokanee
import RdKafka

@testable import struct Kokanee.CompletionMap

/// All that is known of a chaos run when it is over: what ``ChaosCheck`` judges.
///
/// Times are nanoseconds of the machine's monotonic clock.
struct ChaosHistory: Sendable {
    typealias Place = Envelope.Origin

    /// A record of the main topic, as another client reads it.
    struct Enqueued: Sendable {
        var id: String
        var key: String
        var place: Place
        var end: ChaosJobs.End
        /// It has a place in its key's order. A job with a delay has none.
        var isOrdered = true
        /// When it expires, if it is to.
        var expiresAt: Int64 = 0
        var type = ChaosJobs.type
        /// How many steps it goes; nil where it is all one.
        var steps: Int?
    }

    /// What bounds the jobs of a type.
    struct Limit: Sendable {
        var type: String
        /// In each worker.
        var concurrency: Int?
        /// In a second, over all workers.
        var rate: Int?
        var burst: Int?
    }

    /// A schedule whose ticks are all whole seconds.
    struct Schedule: Sendable {
        var name: String
        /// Fires nothing while its last job has not come to its end.
        var skips = false
        /// Its first and its last tick that must be there: seconds since the epoch.
        var due: ClosedRange<Int64>
    }

    /// A record of a schedule's job in the main topic, as a client reads it that reads what is committed.
    struct Tick: Sendable {
        var schedule: String
        /// Seconds since the epoch.
        var at: Int64
        var id: String
        var place: Place
        /// When it was written, in the machine's monotonic time.
        var writtenAt: Int64
    }

    /// A record of a rung or of the dead letters, as another client reads it.
    struct Copy: Sendable {
        var id: String
        var attempt: Int
        var place: Place
        /// When the broker took it.
        var writtenAt: Int64 = 0
        /// The first moment at which it may start.
        var dueAt: Int64
    }

    /// What the group had committed at some moment before `seenAt`.
    struct Commit: Sendable {
        var seenAt: Int64
        var partition: TopicPartition
        var offset: Int64
        var finishedBeyond: CompletionMap

        func finished(_ offset: Int64) -> Bool { offset < self.offset || finishedBeyond.contains(offset) }
    }

    /// One event of the plan; or that the first workers joined.
    struct Fault: Sendable {
        var kind: ChaosPlan.Kind
        var from: Int64
        var until: Int64
        var isPlanned = true
    }

    /// One worker process.
    struct Worker: Sendable {
        /// A time in which it could not know what became of its partitions.
        struct Freeze: Sendable {
            var from: Int64
            /// SIGCONT.
            var thawed: Int64
            /// When it said that it had lost its partitions, or got some anew.
            var knew: Int64
        }

        var startedAt: Int64
        var killedAt: Int64?
        var freezes: [Freeze] = []
        /// When it said that it was given partitions.
        var assignments: [Int64] = []

        /// Whether it is dead, its handlers finishing what they have in hand, or can't know that it lost.
        func isIgnorant(at time: Int64) -> Bool {
            if let killedAt, time >= killedAt { return true }
            return freezes.contains { ($0.from...$0.knew).contains(time) }
        }

        /// The latest time at or before `time` at which it was given partitions.
        func assignment(before time: Int64) -> Int64? {
            assignments.last { $0 <= time }
        }
    }

    var profile: ChaosProfile
    /// The keys of the jobs that the producer was given.
    var offered: [String: String] = [:]
    /// The effects of those of them that are to make one once, by job.
    var offeredEffects: [String: Int] = [:]
    /// What the producer was told is in the log.
    var acknowledged: [Place: String] = [:]
    /// And when.
    var acknowledgedAt: [Place: Int64] = [:]
    /// By offset.
    var enqueued: [Enqueued] = []
    /// By start.
    var executions: [ChaosExecution] = []
    var rungs: [Copy] = []
    var letters: [Copy] = []
    /// Jobs that a worker said it discarded.
    var discarded: Set<String> = []
    /// Jobs of which a worker said that the brokers did not take a checkpoint.
    var unstored: Set<String> = []
    /// Whether the run waited for what was enqueued to come to its end. Otherwise it is no word on jobs that have none.
    var isAwaited = true
    var limits: [Limit] = []
    var schedules: [Schedule] = []
    var ticks: [Tick] = []
    /// Where the main topic has records of transactions that were taken back.
    var takenBack: Set<Place> = []
    /// From nanoseconds since the epoch to the monotonic clock.
    var wallOffset: Int64 = 0
    var commits: [Commit] = []
    var faults: [Fault] = []
    var workers: [String: Worker] = [:]
    /// When enqueuing ended: up to then there was always work.
    var enqueuedUntil: Int64 = 0

    /// When a tick was due.
    func dueAt(_ tick: Int64) -> Int64 { tick * Self.second + wallOffset }

    /// Whether a worker is dead, or can't know what became of its partitions.
    func isIgnorant(_ worker: String, at time: Int64) -> Bool {
        workers[worker]?.isIgnorant(at: time) ?? false
    }

    /// The times at which the separate broker was ended, and was there again.
    ///
    /// When it is ended it may acknowledge what it does not write any more; consumers may have seen it all the same. And it
    /// forgets its groups' members and which producer had taken over a transactional id last.
    var restarts: [Fault] { faults.filter { $0.kind == .restartBroker } }

    /// Partitions that lost their last records when the separate broker was ended: something ran from a place where
    /// something else stands now, or nothing. Whoever had read beyond the end there is now begins at the log's start.
    var shortened: Set<TopicPartition> {
        guard !restarts.isEmpty else { return [] }
        var ids = Dictionary(enqueued.map { ($0.place, $0.id) }) { first, _ in first }
        for copy in rungs { ids[copy.place] = copy.id }
        return Set(executions.filter { ids[$0.place] != $0.id }.map(\.place.topicPartition))
    }

    /// Whether the separate broker hides a schedule's job from workers. It tells them of a transaction that was taken back
    /// also when they read on from behind it, and clients then leave out what the same producer wrote later. Whoever
    /// reads from the start has it; and a Kafka names only the transactions of what is read.
    func isHidden(_ place: Place) -> Bool {
        profile == .process
            && takenBack.contains { $0.topicPartition == place.topicPartition && $0.offset < place.offset }
    }

    static let second: Int64 = 1_000_000_000
}
