/// The ordered delays of a queue's retries; each is a topic in which jobs wait.
public struct Ladder: Sendable, Hashable, CustomStringConvertible {
    /// One delay, and the topic suffix that stands for it.
    public struct Rung: Sendable, Hashable, CustomStringConvertible {
        public let delay: Duration
        /// The delay's text, such as `1m`: `QUEUE.retry.1m` is the rung's topic.
        public let name: String
        public let milliseconds: Int64

        public var description: String { name }

        init(_ delay: Duration) {
            self.delay = delay
            name = delay.text
            milliseconds = delay.milliseconds
        }
    }

    /// Where a job goes that has to wait.
    public enum Step: Sendable, Hashable {
        /// Onto a rung; `exact` if the job is due when it comes off that, else it hops on by its due time.
        case rung(Rung, exact: Bool)
        /// Nowhere: the wait is shorter than the shortest rung, so the worker holds it where it is.
        case hold
    }

    /// 1m, 5m, 15m, 1h, 6h.
    public static let standard = Ladder(
        unchecked: [.seconds(60), .seconds(300), .seconds(900), .seconds(3600), .seconds(21_600)]
    )
    public static let maximumCount = 32

    /// From the shortest to the longest; never empty.
    public let rungs: [Rung]

    private init(unchecked delays: [Duration]) {
        rungs = delays.map(Rung.init)
    }

    /// - Parameter delays: one to 32, each longer than the one before, whole milliseconds, at most 365 days.
    /// - Throws: ``InputError``.
    public init(_ delays: [Duration]) throws {
        guard (1...Self.maximumCount).contains(delays.count) else {
            throw InputError("a ladder has 1 to \(Self.maximumCount) rungs, not \(delays.count)")
        }
        var previous = Duration.zero
        for delay in delays {
            guard delay > .zero else { throw InputError("a ladder's rung is longer than nothing, not \(delay.text)") }
            guard delay > previous else {
                throw InputError("a ladder's rungs rise: \(delay.text) can't come after \(previous.text)")
            }
            guard delay <= .seconds(365 * 86_400) else {
                throw InputError("a ladder's rung is at most 365d long, not \(delay.text)")
            }
            guard delay == .milliseconds(delay.milliseconds) else {
                throw InputError("a ladder's rung is whole milliseconds long, not \(delay.text)")
            }
            previous = delay
        }
        self.init(unchecked: delays)
    }

    /// Reads the delays as durations separated by commas: `1m,5m,1h`. Spaces around them are ignored.
    ///
    /// - Throws: ``InputError``, as ``init(_:)`` and ``Swift/Duration/init(text:)``.
    public init(text: String) throws {
        let parts = text.split(separator: ",", maxSplits: Self.maximumCount, omittingEmptySubsequences: false)
        try self.init(
            parts.map { part in
                var part = part
                while part.first == " " { part.removeFirst() }
                while part.last == " " { part.removeLast() }
                return try Duration(text: String(part))
            }
        )
    }

    public var description: String {
        rungs.map(\.name).joined(separator: ",")
    }

    /// The rung for a wait of `remaining` milliseconds: the longest that is not longer than the wait.
    public func step(remaining: Int64) -> Step {
        guard let rung = rungs.last(where: { $0.milliseconds <= remaining }) else { return .hold }
        return .rung(rung, exact: rung.milliseconds == remaining)
    }
}
