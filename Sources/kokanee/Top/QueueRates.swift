internal import Kokanee

/// How fast a queue's jobs came and went between two looks, told from the main topic's offsets.
///
/// A job has finished when the watermark is past it: it may have gone on to a rung or to the dead letters, and of jobs
/// that end out of order the rate comes in bursts. A reset that skips jobs counts as their end.
struct QueueRates: Equatable, Sendable {
    /// Jobs a second.
    let finished: Double
    /// Jobs a second.
    let arrived: Double

    /// Nil where no time has passed between the looks, or no partition was in both.
    init?(from earlier: QueueStatus, to later: QueueStatus) {
        let milliseconds = later.takenAt - earlier.takenAt
        let before = Dictionary(earlier.partitions.map { ($0.partition, $0) }, uniquingKeysWith: { first, _ in first })
        let pairs = later.partitions.compactMap { now in before[now.partition].map { (before: $0, now: now) } }
        guard milliseconds > 0, !pairs.isEmpty else { return nil }
        var (finished, arrived) = (0.0, 0.0)
        // An end that went back is another topic's, of the same name.
        for (before, now) in pairs where now.end >= before.end {
            arrived += Double(now.end) - Double(before.end)
            if let from = before.committed, let to = now.committed { finished += max(0, Double(to) - Double(from)) }
        }
        let seconds = Double(milliseconds) / 1000
        self.finished = finished / seconds
        self.arrived = arrived / seconds
    }

    /// `12/s`, below ten with a decimal; `-` where it is not known.
    static func text(_ rate: Double?) -> String {
        switch rate {
        case nil: "-"
        case 0?: "0/s"
        case let rate? where rate < 0.1: "<0.1/s"
        case let rate? where rate < 9.95: "\((rate * 10).rounded() / 10)/s"
        case let rate?: "\(ProgressLine.grouped(Int(min(rate.rounded(), 1e15))))/s"
        }
    }
}
