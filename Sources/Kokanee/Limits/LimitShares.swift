/// Which of a queue's partitions a worker has, and since when: its share of what the fleet may start.
struct LimitShares {
    /// Of the queue's main topic.
    var partitions = 1
    /// By number, with the time from which on it has been this worker's without a break.
    private(set) var owned: [Int32: Int64] = [:]
    /// Those that were handed back, and may come again with the next assignment.
    private(set) var kept: [Int32: Int64] = [:]
    /// Partitions of several topics have one number.
    private var counts: [Int32: Int] = [:]

    /// Of all that may start in the fleet.
    var share: Double { min(1, Double(owned.count) / Double(max(1, partitions))) }

    /// A partition of some topic is assigned. Nil where others of its number are already, else whether it was kept.
    mutating func join(_ number: Int32, now: Int64) -> Bool? {
        counts[number, default: 0] += 1
        guard counts[number] == 1 else { return nil }
        let since = kept.removeValue(forKey: number)
        owned[number] = since ?? now
        return since != nil
    }

    /// A partition of some topic is gone; true where it was the last of its number.
    mutating func leave(_ number: Int32, keeping: Bool) -> Bool {
        guard let count = counts[number] else { return false }
        counts[number] = count == 1 ? nil : count - 1
        guard count == 1, let since = owned.removeValue(forKey: number) else { return false }
        if keeping { kept[number] = since }
        return true
    }

    /// What was handed back does not come again, but for these.
    mutating func forget(except numbers: Set<Int32>) {
        kept = kept.filter { numbers.contains($0.key) }
    }

    /// Nanoseconds, each partition's weighed by its share, that the worker has had what it has, from `start` on at most.
    func time(since start: Int64, now: Int64) -> Double {
        owned.values.reduce(0) { $0 + Double(max(0, now - max($1, start))) } / Double(max(1, partitions))
    }
}
