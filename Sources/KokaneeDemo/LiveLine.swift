internal import Glibc
internal import Kokanee

/// Shows how far a worker is: on a terminal one line that changes, elsewhere a line every two seconds.
struct LiveLine {
    private static let isTerminal = isatty(STDOUT_FILENO) == 1

    let name: String
    let total: Int
    let ladder: Ladder
    private var last = ""
    private var nextAt = ContinuousClock.now

    init(_ name: String, total: Int, ladder: Ladder) {
        self.name = name
        self.total = total
        self.ladder = ladder
    }

    mutating func show(_ statistics: WorkerStatistics, _ counts: AttemptTally.Counts, isLast: Bool = false) {
        let rungs = zip(ladder.rungs, counts.waiting).map { "\($0.name): \($1)" }.joined(separator: "  ")
        let text =
            counts.attempts == 0
            ? "\(name): joining the queue's consumer group"
            : """
            \(name): \(statistics.completed) of \(total) done | waiting on \(rungs) | dead: \(statistics.dead)
            """
        if Self.isTerminal {
            print("\r\u{1B}[K\(text)", terminator: isLast ? "\n" : "")
            fflush(nil)
        } else if isLast || text != last && ContinuousClock.now >= nextAt {
            say(text)
            last = text
            nextAt = .now + .seconds(2)
        }
    }
}
