/// How a queue stands: what waits, on which rung, what is dead, who works it, and what does not move.
///
/// Counts are of offsets, as Kafka's own tools count lag: where a topic was written by transactions their markers
/// count too. The numbers were asked for one after the other, while workers may have gone on.
public struct QueueStatus: Sendable, Hashable {
    /// One partition of the main topic.
    public struct Partition: Sendable, Hashable {
        public let partition: Int32
        /// The group's committed offset; nil where it has none.
        public let committed: Int64?
        /// The offset behind the last record.
        public let end: Int64
        /// Records at or above the committed offset that are not finished and that retention has left.
        public let waiting: Int64
        /// The member that works it; nil where nobody is known to. See ``QueueStatus/membersAreKnown``.
        public let owner: String?

        public init(partition: Int32, committed: Int64?, end: Int64, waiting: Int64, owner: String?) {
            self.partition = partition
            self.committed = committed
            self.end = end
            self.waiting = waiting
            self.owner = owner
        }
    }

    /// A rung and the jobs that wait on it.
    public struct Rung: Sendable, Hashable {
        /// The delay's text, such as `1m`.
        public let name: String
        public let waiting: Int64

        public init(name: String, waiting: Int64) {
            self.name = name
            self.waiting = waiting
        }
    }

    /// The job at a partition's watermark: the oldest that is not finished.
    public struct Job: Sendable, Hashable {
        public let offset: Int64
        public let id: String
        public let type: String
        /// Milliseconds since the epoch.
        public let timestamp: Int64

        public init(offset: Int64, id: String, type: String, timestamp: Int64) {
            self.offset = offset
            self.id = id
            self.type = type
            self.timestamp = timestamp
        }
    }

    /// A partition of the main topic that has work, and whose watermark does not move.
    public struct Stall: Sendable, Hashable {
        public let partition: Int32
        /// For how many milliseconds the watermark has stood still.
        public let milliseconds: Int64
        /// The job that holds it.
        public let job: Job
        /// Nil where nobody is known to work the partition.
        public let owner: String?
        /// Who committed the partition's offset last, `host:pid`; nil where that was no worker of Kokanee.
        public let lastOwner: String?

        public init(partition: Int32, milliseconds: Int64, job: Job, owner: String?, lastOwner: String?) {
            self.partition = partition
            self.milliseconds = milliseconds
            self.job = job
            self.owner = owner
            self.lastOwner = lastOwner
        }
    }

    /// A partition of the main topic whose watermark does not move because its job takes long, and may: it runs within its
    /// time on a worker that is heard of, or waits for another of its key that does.
    public struct Running: Sendable, Hashable {
        public let partition: Int32
        /// The job that holds the watermark.
        public let job: Job
        /// Since when it runs, or the one that it waits for, in milliseconds since the epoch by the worker's clock.
        public let since: Int64
        /// The id of the job that it waits for; nil where it runs itself.
        public let behind: String?
        /// The worker that says so.
        public let worker: String

        public init(partition: Int32, job: Job, since: Int64, behind: String? = nil, worker: String) {
            self.partition = partition
            self.job = job
            self.since = since
            self.behind = behind
            self.worker = worker
        }
    }

    /// Whether the queue's workers take in work.
    public struct Circuit: Sendable, Hashable, CustomStringConvertible {
        enum State: String, CaseIterable {
            // From good to bad.
            case closed
            case probing
            case open
        }

        let state: State

        /// Jobs run.
        public static let closed = Circuit(state: .closed)
        /// A few jobs run, to see whether they succeed.
        public static let probing = Circuit(state: .probing)
        /// No jobs are taken in: too many became dead letters.
        public static let open = Circuit(state: .open)

        init(state: State) {
            self.state = state
        }

        init?(text: String) {
            guard let state = State(rawValue: text) else { return nil }
            self.state = state
        }

        /// The one of several workers' circuits of a queue that tells most.
        static func worst(of circuits: some Sequence<Circuit>) -> Circuit {
            let states = Set(circuits.map(\.state))
            return State.allCases.last(where: states.contains).map(Circuit.init(state:)) ?? .closed
        }

        public var description: String { state.rawValue }
    }

    /// A partition whose watermark does not move because its job may not start: a limit of its type, of the queue or of its
    /// key's group holds it, and `kokanee limits` tells which.
    public struct Limited: Sendable, Hashable {
        public let partition: Int32
        /// The job that holds the watermark.
        public let job: Job
        /// The worker that says so, and is heard of.
        public let worker: String

        public init(partition: Int32, job: Job, worker: String) {
            self.partition = partition
            self.job = job
            self.worker = worker
        }
    }

    public let queue: String
    public let group: String
    /// When it was asked for, in milliseconds since the epoch.
    public let takenAt: Int64
    /// The main topic's partitions, in their order.
    public let partitions: [Partition]
    /// The rungs that the cluster has, from the shortest; also those of an earlier ladder.
    public let retrying: [Rung]
    /// Dead letters that were neither retried nor discarded.
    public let dead: Int64
    /// The oldest unfinished job in the main topic and those of the priorities; nil where none waits.
    public let oldest: Job?
    /// Members of the group; where the broker can't describe groups, as the embedded one can't, the workers that
    /// report, and those whose commits have moved a watermark within the time after which a partition counts as stalled.
    public let workers: Int
    /// Whether the broker described the group: ``workers`` and owners are guesses from reports and commits otherwise.
    public let membersAreKnown: Bool
    /// Whether the group is between two assignments, for as long as the slowest of its ``workers`` needs: until then the broker
    /// names no partition's owner. False where it can't describe groups.
    public let isRebalancing: Bool
    /// In the partitions' order.
    public let stalls: [Stall]
    /// Partitions that would be among ``stalls`` did not a worker say that their job runs, and has time left. In their order.
    public let running: [Running]
    /// Partitions that would be among ``stalls`` did not a worker say that a limit holds their job. In their order.
    public let limited: [Limited]
    /// The worst that a worker reports.
    public let circuit: Circuit
    /// What the group's workers say of themselves, by name.
    public let reports: [ReportedWorker]
    /// What those say that work the queue in other groups, and obey the same ``orders``.
    public let otherReports: [ReportedWorker]
    /// Why the reports could not be read; nil if they were.
    public let reportFailure: String?
    /// What operators want of the queue. A queue that is paused has no stalls.
    public let orders: QueueOrders

    /// The worst that a worker reports; one that is silent is ``Health/Level/degraded``. Nil where none reports.
    public var health: Health.Level? {
        reports.map { $0.isSilent ? max($0.report.health, .degraded) : $0.report.health }.max()
    }

    /// The workers' counters by name, summed over those that report.
    public var metrics: [String: Int64] {
        reports.reduce(into: [:]) { sums, worker in
            sums.merge(worker.report.counters) { $0.addingReportingOverflow($1).partialValue }
        }
    }

    /// Unfinished records of the main topic and of those of the priorities.
    public var waiting: Int64 { partitions.reduce(0) { $0 + $1.waiting } }

    /// For how long the oldest unfinished job of these topics has waited; nil where none does.
    public var oldestWaitingMilliseconds: Int64? { oldest.map { max(0, takenAt - $0.timestamp) } }
}
