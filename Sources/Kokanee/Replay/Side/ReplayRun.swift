internal import RdKafka
internal import Synchronization

/// One replay as one worker works it: what belongs to it, how fast it is to go, and how far it is.
final class ReplayRun: Sendable {
    /// What operators want of it at present.
    struct Wish: Equatable {
        var mode = ReplayRecord.Wish.Mode.run
        /// Jobs a second over all workers; nil is without limit.
        var rate: Double?
    }

    /// What this worker has read of the plan.
    struct Count: Equatable {
        var scanned = 0
        var matched = 0
    }

    let record: ReplayRecord
    let ranges: [Int32: Range<Int64>]
    let omissions: ReplayOmissions
    private let selector: RecordSelector
    private let state: Mutex<(wish: Wish, count: Count)>

    init(_ record: ReplayRecord, plan: ReplayPlan, _ selector: RecordSelector) {
        self.record = record
        self.selector = selector
        ranges = plan.ranges
        omissions = ReplayOmissions(of: plan, topic: record.beginning.queue, selector: selector)
        state = Mutex((Wish(mode: record.wish?.mode ?? .run, rate: record.wish?.rate), Count()))
    }

    var wish: Wish {
        get { state.withLock { $0.wish } }
        set { state.withLock { $0.wish = newValue } }
    }

    var count: Count { state.withLock { $0.count } }

    /// Whether a record is to be run; for the thread that reads.
    func selects(_ message: ConsumedMessage, _ partition: Int32) -> Bool {
        selector.verdict(on: message, of: partition) == .matches
    }

    func note(scanned: Int, matched: Int) {
        state.withLock { state in
            state.count.scanned += scanned
            state.count.matched += matched
        }
    }

    /// This worker's share of the rate, by the partitions that it owns of those that the plan covers.
    func share(ofRate rate: Double, owning partitions: some Sequence<Int32>) -> Double {
        let covered = ranges.values.count { !$0.isEmpty }
        let owned = partitions.count { ranges[$0]?.isEmpty == false }
        return covered == 0 ? rate : rate * Double(owned) / Double(covered)
    }
}
