/// How fast one process answers, and how many jobs that lets be written ahead into its pipe.
///
/// A process that has its next jobs in its pipe need not wait for us between two of them. But what is written can't be
/// taken back, and waits behind a job that turns out to be slow, though other processes may be idle. So a process begins
/// with one job at a time, and gets as many as its pace so far lets it answer within a short wait.
struct Pace: Equatable {
    typealias Instant = ContinuousClock.Instant

    /// The mean is over about so many answers: a slow job among as many fast ones is forgotten after them.
    private static let memory = 64.0

    /// Jobs that it may have at once, the one in hand among them.
    private(set) var depth = 1
    /// The mean time from one answer to the next, in nanoseconds.
    private(set) var mean = 0.0
    private var answers = 0.0
    private var hasBegun = false

    /// Takes note of answers that came in a time in which the process was never without a job.
    ///
    /// - Parameters:
    ///   - limit: the most jobs that it may have.
    ///   - wait: how long a job that is written ahead may be expected to wait.
    mutating func note(answers count: Int, within time: Duration, limit: Int, wait: Duration) {
        // The first took the process's start, too.
        guard hasBegun else {
            hasBegun = true
            return
        }
        let each = max(1, Self.nanoseconds(time) / Double(count))
        answers = min(answers + Double(count), Self.memory)
        mean += (each - mean) * min(1, Double(count) / answers)
        let fit = 1 + Self.nanoseconds(wait) / max(mean, each)
        // One slow answer makes it begin anew; from there it doubles.
        depth = min(Int(fit), depth * 2, max(1, limit))
    }

    /// How long we may look away from a process that has so many jobs, without it running out of them.
    func rest(outstanding: Int) -> Duration {
        // Of a slow job's answer a sixteenth of its time is no matter.
        .nanoseconds(Int64(mean * max(Double(outstanding - 1) / 2, 1.0 / 16)))
    }

    private static func nanoseconds(_ duration: Duration) -> Double {
        let (seconds, attoseconds) = duration.components
        return Double(seconds) * 1e9 + Double(attoseconds) / 1e9
    }
}
