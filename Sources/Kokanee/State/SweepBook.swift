internal import RdKafka

/// What has expired in the state topic of the partitions that are owned, and is to be taken away there.
///
/// It is pure. Keys are not kept in memory: a pass reads the topic again to find those that have expired, a bounded number
/// of them, and is worth it once there are many, or once the oldest has waited for long.
struct SweepBook: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// The most tombstones of one partition and pass.
    static let batch = 500
    static let patience = Duration.seconds(600)

    private struct Waiting {
        var count = 0
        var since: Instant?
    }

    private var waiting: [Int32: Waiting] = [:]
    /// What the pass that is under way has found, by partition.
    private var found: [Int32: [KeyDigest: Bytes]] = [:]
    /// Partitions of which it has left some.
    private var overflown: Set<Int32> = []

    /// Partitions are assigned, and those only.
    mutating func begin(_ numbers: Set<Int32>) {
        waiting = Dictionary(uniqueKeysWithValues: numbers.map { ($0, Waiting()) })
        found = [:]
        overflown = []
    }

    /// So many records of a partition have expired.
    mutating func note(_ count: Int, in number: Int32, now: Instant) {
        guard count > 0, var entry = waiting[number] else { return }
        entry.count += count
        entry.since = entry.since ?? now
        waiting[number] = entry
    }

    /// The partitions that are worth a pass now.
    func due(now: Instant) -> [Int32] {
        waiting.filter { _, waiting in
            waiting.count >= Self.batch || waiting.since.map { now - $0 >= Self.patience } ?? false
        }.keys.sorted()
    }

    /// A pass has come by a record.
    ///
    /// - Parameter isExpired: else its key is alive, whatever came before.
    mutating func see(_ key: KeyDigest, in number: Int32, isExpired: Bool, name: () -> Bytes) {
        guard isExpired else {
            found[number]?[key] = nil
            return
        }
        guard found[number, default: [:]].count < Self.batch else {
            overflown.insert(number)
            return
        }
        found[number, default: [:]][key] = name()
    }

    /// A pass is through with a partition: the keys that have expired.
    mutating func take(_ number: Int32, now: Instant) -> [(key: KeyDigest, name: Bytes)] {
        let keys = found.removeValue(forKey: number) ?? [:]
        let left = overflown.remove(number) == nil ? 0 : max(1, (waiting[number]?.count ?? 0) - keys.count)
        if waiting[number] != nil { waiting[number] = Waiting(count: left, since: left > 0 ? now : nil) }
        return keys.map { ($0.key, $0.value) }
    }
}
