import Kokanee
import RdKafka
import TestSupport

/// The jobs of a chaos run: what each does follows from the seed and its number.
struct ChaosJobs {
    static let keys = 100
    /// Attempts that a job has on the ladder of ``ladder``.
    static let attempts = 3
    static let ladder = "1s,2s"

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

        /// Whether it has a place in its key's order, and runs for certain.
        var isOrdered: Bool {
            switch self {
            case .delayed, .twin: false
            default: true
            }
        }

        var end: End {
            switch self {
            case .quick, .long, .flaky, .delayed: .completed
            case .failing, .rejected: .dead
            case .expired: .discarded
            case .twin(let effect): .once(effect: effect)
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
            case .quick, .long, .delayed, .expired, .twin: #"{"ms":\#(milliseconds)}"#
            case .flaky(let failures): #"{"ms":\#(milliseconds),"failures":\#(failures)}"#
            case .failing: #"{"ms":\#(milliseconds),"failures":1000}"#
            case .rejected: #"{"ms":\#(milliseconds),"reject":true}"#
            }
        }

        var new: NewJob {
            var job = NewJob(type: "chaos", payload: Bytes(payload), contentType: "application/json")
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
        case 0..<68: kind = .quick
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
        let milliseconds = Int.random(in: kind == .long ? 500...1500 : 1...12, using: &random)
        var key = "key-\(Int.random(in: 0..<Self.keys, using: &random))"
        // Those of one effect have to meet.
        if case .twin(let effect) = kind { key = "twin-\(effect % 20)" }
        return Job(id: "\(number)", key: key, kind: kind, milliseconds: milliseconds)
    }
}
