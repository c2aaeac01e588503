internal import RdKafka

/// One assigned partition as its dispatcher reads it. Belongs to the dispatcher's thread.
final class PartitionIntake {
    /// A rung's record that is not due yet.
    struct Waiting {
        let content: JobContent
        let dueAt: Int64
    }

    /// A rung's records held at most: they are due in the log's order, so that only the first ones matter.
    static let waitingLimit = 64
    /// Their bytes at most, of which the last record may be any size: jobs of megabytes that wait for hours must not add
    /// up over all rungs and partitions.
    static let waitingBytesLimit = 1 << 20

    let id: Engine.PartitionID
    let queue: PartitionQueue
    /// The rung's delay in milliseconds; nil in a main topic.
    let delay: Int64?
    private(set) var waiting = Fifo<Waiting>()
    private var waitingBytes = 0
    /// About the most that a record took lately; a guess before the first.
    private var usualBytes = 64 << 10
    /// The next offset that the log should bring; nil before the first record where nothing was committed.
    var expected: Int64?
    /// Records read, and their bytes, since librdkafka was last told that there is room in the queue.
    private var readSinceNudge = (records: 0, bytes: 0)
    /// Whether its dispatcher is going to say so.
    var isRoomy = false
    /// Where the log ended at the last look; nil if it has brought records since, or if the engine knows.
    var end: Int64?

    /// The plan's part of it, in the main topic of a replay.
    var stretch: ReplayStretch?
    /// Selected records of the stretch, and what of both counts was told.
    var matched = 0
    var countedScanned = 0
    var countedMatched = 0
    /// Bytes of records that were passed over in this round.
    var passedBytes = 0

    /// What the group had committed when the partition was assigned, and when that was, in milliseconds since the epoch.
    struct Assigned {
        /// Nil for nothing.
        let offset: CommittedOffset?
        let at: Int64
    }

    /// Nil where the coordinator did not answer.
    var assigned: Assigned?
    /// The rewind that the partition's commits are to name.
    var rewind: String?
    /// Set from a rewind until its target has been read.
    var landing: Landing?

    /// Until when a rung is not fetched; see ``Dispatcher/restRungs()``.
    var restsUntil: ContinuousClock.Instant?

    init(id: Engine.PartitionID, queue: PartitionQueue, delay: Int64?, expected: Int64?) {
        self.id = id
        self.queue = queue
        self.delay = delay
        self.expected = expected
    }

    var topicPartition: TopicPartition { queue.topicPartition }

    /// So much has been read; returns whether librdkafka may have come to think that the queue is full, and has to be told
    /// that it is not.
    func noteRead(records: Int, bytes: Int, of prefetch: Prefetch) -> Bool {
        readSinceNudge.records += records
        readSinceNudge.bytes += bytes
        return readSinceNudge.records * 2 >= prefetch.records || readSinceNudge.bytes * 2 >= prefetch.bytes
    }

    func noteNudge() {
        readSinceNudge = (0, 0)
        isRoomy = false
    }

    /// How many records a rung may be read for.
    var room: Int {
        // They are read many at a time, and must not pass the bound by so many of them.
        let fitting = max(waiting.isEmpty ? 1 : 0, (Self.waitingBytesLimit - waitingBytes) / usualBytes)
        return min(Self.waitingLimit - waiting.count, fitting)
    }

    func hold(_ content: JobContent, until dueAt: Int64) {
        waiting.append(Waiting(content: content, dueAt: dueAt))
        waitingBytes += content.size
        usualBytes = max(content.size, usualBytes - usualBytes / 16, 1 << 10)
    }

    /// The next record that waits, if it is due at `now`.
    func release(at now: Int64) -> JobContent? {
        guard let first = waiting.first, first.dueAt <= now else { return nil }
        _ = waiting.popFirst()
        waitingBytes -= first.content.size
        return first.content
    }

    /// How far the clocks of brokers, producers and workers may be apart.
    private static let clockSkew: Int64 = 60_000

    /// Whether a record's time is a producer's, and so far ahead that nobody can say since when the record has waited.
    ///
    /// The rung's other jobs must not wait for it: it goes to the rung's end, where it gets a time from this worker.
    static func hasForgedTime(_ record: ConsumedMessage, now: Int64) -> Bool {
        record.timestampType == .createTime && record.timestamp > now && record.timestamp - now > clockSkew
    }

    /// When a rung's record may be looked at: never before the rung's delay has passed since the broker took it.
    ///
    /// A broker that keeps no timestamps, or a producer's clock that is ahead, leaves the time of its first sight.
    /// The broker's own time is never doubted: that it lies ahead of `now` says that `now` is behind.
    ///
    /// - Parameters:
    ///   - now: when this turn of reading began.
    ///   - clock: what time it is. A record that was written since the turn began is no reason to doubt its producer.
    static func dueAt(_ record: ConsumedMessage, delay: Int64, now: Int64, clock: () -> Int64) -> Int64 {
        let seen = record.timestamp > now ? max(now, clock()) : now
        if hasForgedTime(record, now: seen) { return seen }
        return dueAt(record.timestamp, isBrokers: record.timestampType == .logAppendTime, delay: delay, now: seen)
    }

    static func dueAt(_ since: Int64, isBrokers: Bool, delay: Int64, now: Int64) -> Int64 {
        guard since >= 0 else { return now + delay }
        // Bounded, so that nothing overflows even where a broker passes on what a producer wrote.
        return (isBrokers ? min(since, Timestamp.latest) : min(since, now)) + delay
    }

    /// The offsets that retention took between the last record and the one at `offset`, or the log's end there.
    ///
    /// - Parameters:
    ///   - expected: the next offset that the log should have brought; nil where nothing was known.
    ///   - logStart: the lowest offset that the broker still has. What the log skips above it is compacted records and
    ///     transactions' markers.
    static func lost(from expected: Int64?, to offset: Int64, logStart: Int64?) -> Range<Int64>? {
        // What was fetched before retention came is read all the same: a gap below it is none of retention's.
        guard let expected, let logStart, logStart > expected, offset >= logStart else { return nil }
        return expected..<logStart
    }
}
