import Kokanee
import RdKafka
import TestSupport

/// The jobs of a chaos run: what each does follows from the seed and its number.
struct ChaosJobs {
    static let keys = 100
    /// Attempts that a job has on the ladder of ``ladder``.
    static let attempts = 3
    static let ladder = "1s,2s"
    static let type = "chaos"

    static let narrowType = "chaos.narrow"
    static let pacedType = "chaos.paced"

    /// The limits that the queue is given before anything runs. The rate is half as much again as what is enqueued in the
    /// mean, so that what waits after a time in which nothing ran, and is far more, is done soon.
    ///
    /// - Parameter burst: jobs that are enqueued ten times a second.
    static func limits(burst: Int) -> [ChaosHistory.Limit] {
        [
            .init(type: narrowType, concurrency: 1),
            .init(type: pacedType, rate: 10 * burst * pacedShare * 3 / 200, burst: 2),
        ]
    }

    /// Of a hundred jobs.
    private static let pacedShare = 12

    /// How a job must end.
    enum End: Sendable {
        case completed, dead, discarded
        /// Completed, or skipped because the other one of its effect was.
        case once(effect: Int)
    }

    enum Kind: Equatable, Sendable {
        case quick
        /// Sleeps for about a second.
        case long
        /// Fails so often, then succeeds.
        case flaky(failures: Int)
        /// Fails for good.
        case failing
        /// Asks to be a dead letter.
        case rejected
        /// Has expired when it is read.
        case expired
        /// Starts a second after it was enqueued.
        case delayed
        /// One of two that make the same effect, of which one is enough.
        case twin(effect: Int)
        /// Goes so many steps and leaves a checkpoint after every other one; each attempt but the last breaks off behind
        /// the step that stands here for it.
        case stepwise(steps: Int, breaks: [Int])
        /// Of the type that only one of may run in a worker.
        case narrow
        /// Of the type that only so many of may start in a second.
        case paced

        /// Whether it has a place in its key's order, and runs for certain.
        var isOrdered: Bool {
            switch self {
            case .delayed, .twin: false
            default: true
            }
        }

        var end: End {
            switch self {
            case .quick, .long, .flaky, .delayed, .stepwise, .narrow, .paced: .completed
            case .failing, .rejected: .dead
            case .expired: .discarded
            case .twin(let effect): .once(effect: effect)
            }
        }

        var type: String {
            switch self {
            case .narrow: ChaosJobs.narrowType
            case .paced: ChaosJobs.pacedType
            default: ChaosJobs.type
            }
        }

        /// How many steps it goes; nil where it is all one.
        var steps: Int? {
            guard case .stepwise(let steps, _) = self else { return nil }
            return steps
        }

        /// How long it takes, or one step of it.
        fileprivate var milliseconds: ClosedRange<Int> {
            switch self {
            case .long: 500...1500
            case .narrow: 40...120
            case .stepwise: 1...60
            default: 1...12
            }
        }
    }

    struct Job: Sendable {
        let id: String
        let key: String
        let kind: Kind
        let milliseconds: Int

        /// The payload, which ``ChaosHandler`` does.
        var payload: String {
            switch kind {
            case .quick, .long, .delayed, .expired, .twin, .narrow, .paced: #"{"ms":\#(milliseconds)}"#
            case .flaky(let failures): #"{"ms":\#(milliseconds),"failures":\#(failures)}"#
            case .failing: #"{"ms":\#(milliseconds),"failures":1000}"#
            case .rejected: #"{"ms":\#(milliseconds),"reject":true}"#
            case .stepwise(let steps, let breaks): #"{"ms":\#(milliseconds),"steps":\#(steps),"breaks":\#(breaks)}"#
            }
        }

        var new: NewJob {
            var job = NewJob(type: kind.type, payload: Bytes(payload), contentType: "application/json")
            job.id = id
            job.key = Bytes(key)
            if kind == .expired { job.expiresAfter = .milliseconds(1) }
            if kind == .delayed { job.delay = .seconds(1) }
            if case .twin(let effect) = kind { job.idempotencyKey = "effect-\(effect)" }
            return job
        }
    }

    private var random: SeededGenerator
    private var number = 0
    private var twins = 0

    init(seed: UInt64) {
        random = SeededGenerator(seed: ~seed)
    }

    mutating func next() -> Job {
        defer { number += 1 }
        let kind: Kind
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<48: kind = .quick
        case 48..<56: kind = number.isMultiple(of: 2) ? .narrow : stepwise
        case 56..<56 + Self.pacedShare: kind = .paced
        case 68..<80:
            kind = .twin(effect: twins / 2)
            twins += 1
        case 80..<82: kind = .long
        case 82..<90: kind = .flaky(failures: Int.random(in: 1..<Self.attempts, using: &random))
        case 90..<92: kind = .failing
        case 92..<95: kind = .rejected
        case 95..<97: kind = .expired
        default: kind = .delayed
        }
        let milliseconds = Int.random(in: kind.milliseconds, using: &random)
        var key = "key-\(Int.random(in: 0..<Self.keys, using: &random))"
        // Those of one effect have to meet.
        if case .twin(let effect) = kind { key = "twin-\(effect % 20)" }
        // What waits for its limit holds up its key.
        if kind.type != Self.type { key = "\(kind.type)-\(number % 20)" }
        return Job(id: "\(number)", key: key, kind: kind, milliseconds: milliseconds)
    }

    /// By the number, so that the other jobs' chances stay as they were without it.
    private var stepwise: Kind {
        let steps = 4 + number % 5
        let breaks = Array([1 + number % 3, 3 + number % 4].filter { $0 < steps }.prefix(number / 2 % 3))
        return .stepwise(steps: steps, breaks: breaks)
    }
}
