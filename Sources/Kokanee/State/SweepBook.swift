internal import RdKafka

/// What has expired in the state topic of the partitions that are owned, and is to be taken away there.
///
/// It is pure. Keys are not kept in memory: a pass reads the topic again to find those that have expired, a bounded number
/// of them, and is worth it once there are many beside those that it only reads, or once the oldest has waited for long.
struct SweepBook: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// So many that have expired are worth a pass, and a part of those that have not: it reads these as well.
    static let batch = 500
    static let part = 10
    static let patience = Duration.seconds(600)
    /// How long it takes at most until the log is gone through from its start again: what was to be kept for longer than what
    /// came behind it is found only then.
    static let roundLength = Duration.seconds(86_400)

    private struct Waiting {
        var count = 0
        var since: Instant?
        /// How many have not expired.
        var live = 0
        /// Whether the last pass has left some.
        var isOverdue = false

        var isWorthIt: Bool { isOverdue || count >= max(SweepBook.batch, live / SweepBook.part) }
    }

    /// Of one partition, from the log's start on.
    private struct Round {
        /// All that had expired up to this offset has been found.
        var end: Int64 = -1
        var since: Instant
        /// Of the last that the pass under way has found.
        var last: Int64?
    }

    /// The most keys that a pass finds, over all partitions.
    private let most: Int
    private var waiting: [Int32: Waiting] = [:]
    /// What was found stays in the log until that is compacted, which may take days: without these the same keys would be
    /// found again and again.
    private var rounds: [Int32: Round] = [:]
    /// What the pass that is under way has found, by partition.
    private var found: [Int32: [KeyDigest: Bytes]] = [:]
    /// Partitions of which it has left some.
    private var overflown: Set<Int32> = []

    /// - Parameter most: the most keys that a pass finds, over all partitions; ``batch`` in each at least.
    init(most: Int = 20_000) {
        self.most = most
    }

    /// Partitions are assigned, and those only.
    mutating func begin(_ numbers: Set<Int32>) {
        rounds = [:]
        waiting = Dictionary(uniqueKeysWithValues: numbers.map { ($0, Waiting()) })
        found = [:]
        overflown = []
    }

    /// So many records of a partition have expired.
    ///
    /// - Parameter live: how many have not.
    mutating func note(_ count: Int, besides live: Int, in number: Int32, now: Instant) {
        waiting[number]?.live = live
        guard count > 0, var entry = waiting[number] else { return }
        if rounds[number] == nil { rounds[number] = Round(since: now) }
        entry.count += count
        entry.since = entry.since ?? now
        waiting[number] = entry
    }

    /// The partitions that are worth a pass now.
    mutating func due(now: Instant) -> [Int32] {
        let passed = rounds.filter { now - $0.value.since >= Self.roundLength }.keys
        for number in passed { rounds[number] = Round(since: now) }
        return waiting.filter { number, waiting in
            waiting.isWorthIt || waiting.since.map { now - $0 >= Self.patience } ?? false
                || passed.contains(number)
        }.keys.sorted()
    }

    /// Whether a pass has left some that the next one is to find at once.
    var isOverdue: Bool { waiting.values.contains { $0.isOverdue } }

    /// Where a pass over a partition begins: all below has been found, and says nothing of what stands behind it.
    func start(of number: Int32) -> Int64 { (rounds[number]?.end ?? -1) + 1 }

    /// A pass has come by a record.
    ///
    /// - Parameter isExpired: else its key is alive, or taken away, whatever came before.
    mutating func see(_ key: KeyDigest, in number: Int32, at offset: Int64, isExpired: Bool, name: () -> Bytes) {
        guard isExpired else {
            found[number]?[key] = nil
            return
        }
        guard offset > rounds[number]?.end ?? -1, !overflown.contains(number) else { return }
        guard found[number, default: [:]].count < max(Self.batch, most / max(1, waiting.count)) else {
            overflown.insert(number)
            return
        }
        found[number, default: [:]][key] = name()
        rounds[number]?.last = offset
    }

    /// A pass is through with a partition: the keys that have expired.
    mutating func take(_ number: Int32, now: Instant) -> [(key: KeyDigest, name: Bytes)] {
        let keys = found.removeValue(forKey: number) ?? [:]
        if let last = rounds[number]?.last { rounds[number]?.end = last }
        rounds[number]?.last = nil
        let isOverdue = overflown.remove(number) != nil
        if var entry = waiting[number] {
            entry.count = isOverdue ? max(1, entry.count - keys.count) : 0
            entry.since = isOverdue ? now : nil
            entry.isOverdue = isOverdue
            waiting[number] = entry
        }
        return keys.map { ($0.key, $0.value) }
    }
}
