internal import RdKafka

/// The state of the partitions that a worker owns of one queue, by number: all topics of a queue share that.
///
/// It is pure: what is restored, what jobs add, and what outlives a rebalance in which a partition comes straight back.
struct StateTable: Sendable {
    struct Books: Sendable {
        var marks = MarkBook()
        var jobs: JobBook

        var count: Int { marks.count + jobs.entries.count }
    }

    struct Partition: Sendable {
        /// What this assignment's records are told by: when it began, or later than any that was found.
        var epoch: Int64
        var sequence: Int64 = 0
        /// Whether all is known that the topic has.
        var isRestored = false
        /// The highest offset of a unique job that has been taken in.
        var seen: Int64 = -1
        var books: Books
        /// How jobs of an idempotency key have ended whose ends may not stand in the topic: they come again if they don't, and
        /// are not run, because their keys are done.
        var unwritten: [KeyDigest: JobRecord] = [:]
        /// What has been read so far.
        fileprivate var incoming: Books

        /// The place of the next record of a job in their order.
        mutating func nextOrder() -> JobRecord.Order {
            sequence += 1
            return JobRecord.Order(epoch: epoch, sequence: sequence)
        }

        /// With only these keys of all that is known: a place to try out what would follow.
        func excerpt(of keys: [KeyDigest]) -> Partition {
            var excerpt = self
            excerpt.incoming = Books(jobs: JobBook(limit: 0))
            excerpt.books = Books(marks: books.marks.excerpt(of: keys), jobs: books.jobs.excerpt(of: keys))
            return excerpt
        }
    }

    /// Bytes of checkpoints in memory, over all partitions.
    static let usualLimit = 32 << 20

    private(set) var partitions: [Int32: Partition] = [:]
    /// Handed back, with jobs that may go on if the next assignment brings their partition again.
    private var former: [Int32: Partition] = [:]

    // MARK: - Assignments

    /// Begins the epoch of what is assigned; nothing of it is known but what jobs made that go on.
    ///
    /// - Parameter now: milliseconds since the epoch.
    mutating func begin(_ numbers: Set<Int32>, now: Int64) {
        let limit = Self.usualLimit / max(1, numbers.count)
        let fresh = Books(jobs: JobBook(limit: limit))
        partitions = [:]
        for number in numbers {
            let before = former[number]
            partitions[number] = Partition(
                epoch: max(now, (before?.epoch ?? 0) + 1),
                seen: before?.seen ?? -1,
                books: before?.books ?? fresh,
                unwritten: before?.unwritten ?? [:],
                incoming: fresh
            )
        }
        former = [:]
    }

    /// Lets all go.
    ///
    /// - Parameter keeping: jobs may go on, if the very next assignment brings their partition again.
    mutating func end(keeping: Bool) {
        former = keeping ? partitions : [:]
        partitions = [:]
    }

    mutating func forgetFormer() {
        former = [:]
    }

    /// Changes what is known of a partition, also while it is away for a moment; nil where it is not this worker's.
    mutating func update<R>(_ number: Int32, _ body: (inout Partition) -> R) -> R? {
        if partitions[number] != nil { return body(&partitions[number]!) }
        if former[number] != nil { return body(&former[number]!) }
        return nil
    }

    // MARK: - Restoring

    var unrestored: [Int32] { partitions.filter { !$0.value.isRestored }.keys.sorted() }

    /// Takes in a mark as it stands in the topic; nil is that it was taken away.
    mutating func restore(_ mark: MarkBook.Mark?, _ key: KeyDigest, in number: Int32) {
        partitions[number]?.incoming.marks.set(mark, for: key)
    }

    mutating func restore(
        _ head: JobBook.Head?,
        _ key: KeyDigest,
        in number: Int32,
        offset: Int64,
        value: () -> Bytes
    ) {
        guard let head else {
            partitions[number]?.incoming.jobs.remove(key)
            return
        }
        partitions[number]?.incoming.jobs.note(key, head, offset: offset, value: value)
    }

    /// All that the topic has of the partition has been read.
    ///
    /// - Returns: how many records have expired.
    mutating func finishRestoring(_ number: Int32, now: Int64) -> Int {
        guard partitions[number]?.isRestored == false, var partition = partitions.removeValue(forKey: number) else {
            return 0
        }
        var books = partition.incoming
        books.marks.take(over: partition.books.marks, now: now)
        books.jobs.take(over: partition.books.jobs)
        partition.epoch = max(partition.epoch, books.jobs.latestEpoch + 1)
        partition.books = books
        partition.incoming = Books(jobs: JobBook(limit: 0))
        partition.isRestored = true
        let expired = partition.books.marks.expire(now: now) + partition.books.jobs.expire(now: now)
        partitions[number] = partition
        return expired
    }
}
