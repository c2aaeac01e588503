/// What a perfect worker would need for jobs that sleep.
///
/// The bound is computed by greedy list scheduling: there are `slots`; the jobs are taken in the log's order; a job starts as
/// soon as a slot is free and the job before it of the same key has ended, and no slot waits for a job that can't start while
/// there is another that can. Every job lasts as long as any other. Reading, decoding, completing and committing cost nothing.
///
/// How long a job lasts is measured in the same round: the mean of Task.sleep, timed inside as many bare tasks as the schedule
/// has jobs running on average (``parallelism``), so that what the timers cost at that rate is in it. That is as many tasks as
/// slots where all keys are distinct. Where keys leave most slots empty it is fewer: as many tasks as slots would overload
/// the timers as no schedule can, and make of the bound an easy one.
///
/// As the measurements, it leaves out the time until the first twentieth of the jobs has ended.
struct IdealSchedule {
    /// When each job ends, in whole durations, in order of time.
    private let ends: [Int]
    private let slots: Int

    /// - Parameter keys: each job's, in the log's order; at least one.
    init(keys: [UInt32], slots: Int) {
        ends = Self.ends(keys: keys, slots: slots).sorted()
        self.slots = slots
    }

    /// Jobs that run at the same time, on average; at least 1.
    var parallelism: Int {
        max(1, Int((Double(ends.count) / Double(ends.last ?? 1)).rounded()))
    }

    /// - Parameter duration: of a job, in seconds.
    /// - Returns: jobs a second.
    func rate(duration: Double, warmup: Double = 0.05) -> Double {
        let skipped = min(Int(Double(ends.count) * warmup), ends.count - 1)
        guard let last = ends.last, ends.count > 1 else { return 1 / duration }
        let first = skipped == 0 ? 0 : ends[skipped - 1]
        guard last > first else { return Double(slots) / duration }
        return Double(ends.count - skipped) / (Double(last - first) * duration)
    }

    /// When each job ends, in the log's order: all last the same, so that time goes in steps.
    static func ends(keys: [UInt32], slots: Int) -> [Int] {
        // The jobs of a key in order; each key's next one waits among the ready or for the one before it.
        var next = [Int](repeating: -1, count: keys.count)
        var last: [UInt32: Int] = [:]
        var ready: [Int] = []
        for (job, key) in keys.enumerated() {
            if let before = last.updateValue(job, forKey: key) { next[before] = job } else { ready.append(job) }
        }
        var ends = [Int](repeating: 0, count: keys.count)
        // Those first in line by the log's order, of which the earliest go first: a heap of job numbers.
        var queue = IntegerHeap(ready)
        var time = 0
        while !queue.isEmpty {
            time += 1
            var step: [Int] = []
            while step.count < slots, let job = queue.popFirst() { step.append(job) }
            for job in step {
                ends[job] = time
                if next[job] >= 0 { queue.insert(next[job]) }
            }
        }
        return ends
    }
}

/// A binary heap whose first is the least.
struct IntegerHeap {
    private var items: [Int]

    /// - Precondition: sorted, as which it is a heap already.
    init(_ sorted: [Int]) {
        items = sorted
    }

    var isEmpty: Bool { items.isEmpty }

    mutating func insert(_ item: Int) {
        items.append(item)
        var child = items.count - 1
        while child > 0, items[(child - 1) / 2] > items[child] {
            items.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func popFirst() -> Int? {
        guard let first = items.first else { return nil }
        let last = items.removeLast()
        guard !items.isEmpty else { return first }
        items[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < items.count && items[child] < items[least] {
                least = child
            }
            guard least != parent else { return first }
            items.swapAt(parent, least)
            parent = least
        }
    }
}
