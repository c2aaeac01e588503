/// What the watch sees of a worker at one moment. Nothing in it was waited for.
struct WatchObservation: Sendable {
    /// Names a job for people.
    struct Job: Sendable, Hashable {
        var id: String
        var type: String
        var attempt: Int
        /// `topic/partition/offset`
        var place: String
    }

    /// What the job does that holds a watermark.
    enum Activity: Sendable, Hashable {
        case running(for: Duration)
        /// It may run, and no slot has come free.
        case ready
        /// It may run but for a limit of its type, its queue or its key's group.
        case limited
        /// Behind the job that has its lane, which has run so long, if it runs.
        case waiting(behind: Job?, running: Duration?)
        /// Until a time in milliseconds since the epoch.
        case held(until: Int64)
        case hopping(HopTroubleView?)
    }

    struct HopTroubleView: Sendable, Hashable {
        /// Since the first failure.
        var age: Duration
        var tries: Int
        var error: String
    }

    struct Holder: Sendable, Hashable {
        var job: Job
        var activity: Activity
        /// Whether it runs, or waits for one that runs, within the time that it has, or that has said lately that it goes on.
        var isInTime = false
    }

    /// Which bound leaves no room for a partition's next record.
    enum Shortage: Sendable, Hashable {
        /// The partition is being handed back.
        case intakeStopped
        case bytes(limit: Int)
        case gap(limit: Int64)
        case jobs(limit: Int)
    }

    /// An assigned partition.
    struct Partition: Sendable {
        var id: Int
        var queue: Int32
        var epoch: UInt64
        /// Nil before the first record where nothing is committed.
        var watermark: Int64?
        /// Jobs admitted and not finished; where there are any, the first holds the watermark.
        var unfinished: Int
        /// Read to its end, as far as is known.
        var isAtEnd: Bool
        /// Why nothing is taken in; nil if there is room.
        var shortage: Shortage?
        /// Of the partitions that were asked for.
        var holder: Holder?
    }

    /// An attempt that was given up and whose task still runs.
    struct Abandoned: Sendable {
        var queue: Int32
        var job: Job
        /// Since it started.
        var age: Duration
    }

    /// A queue that an operator has paused, or drains.
    struct Holding: Sendable, Hashable {
        var hold: QueueGate.Hold
        /// Jobs that run.
        var running: Int
        /// Of a queue that is drained: jobs that are taken in and not finished.
        var left: Int?
        /// The same, by what keeps them.
        var waits: [DrainWait] = []
    }

    /// What the engine's lock guards.
    struct Engine: Sendable {
        var partitions: [Partition] = []
        var abandoned: [Abandoned] = []
        /// The hop that has failed for longest and is still tried.
        var oldestHopTrouble: HopTroubleView?
        var hopTroubles = 0
        var circuits: [Int32: QueueStatus.Circuit] = [:]
        /// Queues of which an operator wants nothing to start.
        var paused: Set<Int32> = []
        /// How far they have got with that.
        var holds: [Int32: Holding] = [:]
        var statistics = StatisticsTable()
        var fenced = 0
        var inFlight = 0

        /// Whether jobs of a queue wait on purpose: for its circuit, which has an alert of its own, or for an operator.
        func holdsBack(_ queue: Int32) -> Bool {
            circuits[queue, default: .closed] != .closed || paused.contains(queue)
        }
    }

    struct Queue: Sendable {
        var index: Int32
        var name: String
        var group = ""
        /// Turns of its dispatcher so far.
        var turns: Int
        var hasEnded = false
        /// Whether the group has given the worker its share of the partitions, which may be none.
        var hasAssignment = true
        var overdue: [DispatcherVitals.OverdueHead] = []
        var names: [Int: DispatcherVitals.PartitionName] = [:]
    }

    /// The producer's pulse.
    struct Producer: Sendable {
        var turns: Int
        var unacknowledged = 0
        var oldest: Duration?
    }

    /// Milliseconds since the epoch.
    var wall: Int64
    /// Nil where its lock was not to be had.
    var engine: Engine?
    var queues: [Queue]
    /// Nil once it is closed.
    var producer: Producer?
}
