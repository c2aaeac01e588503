import TestSupport

@testable import Kokanee

/// A queue of one partition with a rung, whose worker meets a fail point.
struct FailCase: Sendable {
    /// How the worker gets to its fail point.
    enum Course: Sendable {
        /// By working.
        case works
        /// A second worker joins while a job runs, when everything before that is committed.
        case isJoined
        /// It is stopped while a job runs, when everything before that is committed; then the job ends.
        case isStopped
        /// It is frozen while a job runs, when everything before that is committed; the group takes it for dead; it
        /// thaws when another worker runs the job.
        case wakesUp
    }

    let point: FailPoint
    /// The first passage at which it happens.
    let passage: Int
    let plan: String
    let course: Course
    let queue = TestCluster.uniqueName("fail")

    var group: String { "kokanee.\(queue)" }
    var rung: String { "\(queue).retry.1s" }
    var deadLetters: String { "\(queue).dlq" }
    /// All topics that hold jobs to run.
    var worked: [String] { [queue, rung] }

    static func kill(_ point: FailPoint, at passage: Int, _ course: Course = .works) -> FailCase {
        FailCase(point: point, passage: passage, plan: "\(point.name)=kill@\(passage)", course: course)
    }

    static func fail(_ point: FailPoint, times: Int) -> FailCase {
        FailCase(point: point, passage: 1, plan: "\(point.name)=fail@1-\(times)", course: .works)
    }
}

/// The jobs of a case, in the log's order. Without keys: with one slot they run in that order, as nothing else orders
/// them.
enum FailJobs {
    struct Job: Sendable {
        let name: String
        let data: String
        /// Milliseconds since the epoch.
        var expiresAt: Int64?
    }

    /// What every case has: jobs that complete, one that completes at its second attempt, one that must not be tried
    /// again, one that fails at all its attempts, and one whose time is over.
    static let usual = [
        Job(name: "completes", data: "{}"),
        Job(name: "flaky", data: #"{"do":"flaky","failures":1}"#),
        Job(name: "completes-2", data: "{}"),
        Job(name: "rejected", data: #"{"do":"reject"}"#),
        Job(name: "fails", data: #"{"do":"fail"}"#),
        Job(name: "expired", data: "{}", expiresAt: 1),
        Job(name: "completes-3", data: "{}"),
    ]

    /// The first one where the worker has to be in the middle of something: ends when the file exists.
    static func long(until file: String) -> Job {
        Job(name: "long", data: #"{"do":"wait","file":"\#(file)"}"#)
    }

    /// One attempt of a job.
    struct Attempt: Hashable, Sendable, CustomStringConvertible {
        let job: String
        let number: Int

        init(_ job: String, _ number: Int = 1) {
            self.job = job
            self.number = number
        }

        var description: String { "\(job) \(number)" }
    }

    /// The attempts that there are where nothing is disturbed, in the order in which one slot runs them.
    static let attempts: [Attempt] = [
        .init("completes"), .init("flaky"), .init("completes-2"), .init("rejected"), .init("fails"),
        .init("completes-3"), .init("flaky", 2), .init("fails", 2),
    ]
}
