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
        /// A log was shorter than it had been, so that the worker began again at a lower offset.
        struct Regression: Equatable, Sendable {
            var at: Int64
            var partition: TopicPartition
            var offset: Int64
        }

        /// When it said that it was given partitions.
        var assignments: [Int64] = []
        var regressions: [Regression] = []

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
    /// What the producer was told is in the log.
    var acknowledged: [Place: String] = [:]
    /// Keys of the jobs, by id, of which the producer was told that they are not in the log: who knows.
    var unacknowledged: [String: String] = [:]
    /// By offset.
    var enqueued: [Enqueued] = []
    /// By start.
    var executions: [ChaosExecution] = []
    var rungs: [Copy] = []
    var letters: [Copy] = []
    /// Jobs that a worker said it discarded.
    var discarded: Set<String> = []
    var commits: [Commit] = []
    var faults: [Fault] = []
    var workers: [String: Worker] = [:]
    /// When enqueuing ended: up to then there was always work.
    var enqueuedUntil: Int64 = 0

    /// Whether a worker is dead, or can't know what became of its partitions.
    func isIgnorant(_ worker: String, at time: Int64) -> Bool {
        workers[worker]?.isIgnorant(at: time) ?? false
    }

    /// The last word of the worker that a record's log had become shorter and was read again from that record, or one
    /// before it, on; as of an execution's start.
    func regression(before execution: ChaosExecution) -> Worker.Regression? {
        workers[execution.worker]?.regressions.last {
            $0.partition == execution.place.topicPartition && $0.offset <= execution.place.offset
                && $0.at <= execution.start + ChaosCheck.logPrecision
        }
    }

    static let second: Int64 = 1_000_000_000
}
