internal import CRdKafka

/// Reads a topic from its start, or from given offsets, and goes on reading what is written to it, until it is stopped.
///
/// It is no member of a group and commits nothing. It has a thread of its own, survives brokers that are away, waits for
/// a topic that is not there yet, and takes up partitions that are added to it within some seconds. Records of one
/// partition come in order, those of several mixed. A log that was cut and written anew is read from its start again.
public final class TopicFollower: Sendable {
    private let state: ReaderState

    /// - Parameters:
    ///   - partitions: those to be followed; nil is all that there are, and that there will be.
    ///   - starts: the first offset of a partition; those that are not named are read from their start. Where the log
    ///     begins after it, or ends before it, it is read from its start.
    ///   - missingLimit: for how long a broker has to say that there is no such topic until that counts: one that has just come
    ///     up knows none.
    ///   - companions: topics of which any shows that the broker knows what there is, so that its word counts at once.
    ///   - configuration: what is set there about groups and offset resets has no effect.
    ///   - failed: called with what librdkafka reports of partitions that can't be read, again and again; it goes on
    ///     trying.
    ///   - caughtUp: called once, when all partitions that there were at the first look have been read to where they
    ///     ended at some time since, or when it counts that the broker says that there is no such topic.
    ///   - each: called with each record. A record may be kept: its memory, and the client's, live as long as it does.
    ///
    /// All three are called on the follower's thread, which reads nothing meanwhile.
    ///
    /// - Throws: ``KafkaError`` where librdkafka refuses a property.
    public init(
        _ topic: String,
        partitions: Set<Int32>? = nil,
        from starts: [Int32: Int64] = [:],
        missingLimit: Duration = .zero,
        besides companions: Set<String> = [],
        configuration: ClientConfiguration,
        isolation: IsolationLevel = .readCommitted,
        failed: @escaping @Sendable (KafkaError) -> Void = { _ in },
        caughtUp: @escaping @Sendable () -> Void = {},
        each: @escaping @Sendable (Record) -> Void
    ) throws(KafkaError) {
        let state = ReaderState(wakeup: try Wakeup())
        self.state = state
        let configuration = configuration.forReading(
            isolation,
            defaults: ["queued.max.messages.kbytes": "8192", "reconnect.backoff.max.ms": "1000"]
        )
        let client = try ClientHandle(.consumer, configuration)
        let wishes = FollowerRun.Wishes(
            topic: topic,
            partitions: partitions,
            starts: starts,
            missingLimit: missingLimit,
            companions: companions
        )
        OSThread.start(name: "rdk:follower") {
            FollowerRun(wishes, client, state, failed: failed, caughtUp: caughtUp, each: each).follow()
        }
    }

    /// Ends it; returns at once. A call of one of its closures that is under way ends by itself; there is no other one
    /// after it.
    public func stop() {
        state.stop()
    }

    deinit {
        state.stop()
    }
}

/// The thread's part: it alone starts, reads and stops partitions, because batch calls of librdkafka 2.0 lose messages
/// when a partition is started or stopped beside them.
private final class FollowerRun {
    struct Wishes: Sendable {
        let topic: String
        let partitions: Set<Int32>?
        let starts: [Int32: Int64]
        let missingLimit: Duration
        let companions: Set<String>
    }

    private static let batchSize = 500
    /// From one look at the topic's partitions to the next.
    private static let lookInterval = Duration.seconds(5)
    private static let searchInterval = Duration.seconds(1)
    /// How long an answer may take, for which records wait.
    private static let lookLimit = Duration.milliseconds(500)

    private let wishes: Wishes
    private let client: ClientHandle
    private let state: ReaderState
    private let failed: @Sendable (KafkaError) -> Void
    private let each: @Sendable (Record) -> Void
    /// Nil once it has been called.
    private var caughtUp: (@Sendable () -> Void)?
    private let queue: OpaquePointer
    private var topic: OpaquePointer?
    private let topicLook: TopicLook
    private var messages = [UnsafeMutablePointer<rd_kafka_message_t>?](repeating: nil, count: batchSize)
    private var sources: [Int32: MessageSource] = [:]
    /// Partitions of the first look that have not been read to their ends, and the ends as far as they are known; nil
    /// before that look.
    private var behind: [Int32: Int64]?
    /// Since when a broker has said that there is no such topic.
    private var missingSince: ContinuousClock.Instant?
    private var nextLookAt = ContinuousClock.now

    init(
        _ wishes: Wishes,
        _ client: ClientHandle,
        _ state: ReaderState,
        failed: @escaping @Sendable (KafkaError) -> Void,
        caughtUp: @escaping @Sendable () -> Void,
        each: @escaping @Sendable (Record) -> Void
    ) {
        self.wishes = wishes
        self.client = client
        self.state = state
        self.failed = failed
        self.caughtUp = caughtUp
        self.each = each
        topicLook = TopicLook(client: client, topic: wishes.topic, limit: Self.lookLimit)
        queue = rd_kafka_queue_new(client.pointer)
        var one: UInt64 = 1
        rd_kafka_queue_io_event_enable(queue, state.wakeup.descriptor, &one, MemoryLayout<UInt64>.size)
    }

    deinit {
        rd_kafka_queue_io_event_enable(queue, -1, nil, 0)
        for partition in sources.keys { rd_kafka_consume_stop(topic, partition) }
        rd_kafka_queue_destroy(queue)
        if let topic { rd_kafka_topic_destroy(topic) }
    }

    func follow() {
        while !state.isStopped {
            if ContinuousClock.now >= nextLookAt { look() }
            rd_kafka_poll(client.pointer, 0)
            while !state.isStopped, readBatch() {}
            let pause = max(.zero, nextLookAt - .now)
            if !state.isStopped { state.wakeup.wait(milliseconds: min(pause, .seconds(1)).wholeMilliseconds) }
        }
    }

    // MARK: - Partitions

    /// Starts to read the partitions that are new.
    private func look() {
        defer { nextLookAt = .now + (sources.isEmpty ? Self.searchInterval : Self.lookInterval) }
        var hasCompanion = false
        let known: [Int32]?
        do throws(KafkaError) {
            known = try topicLook.leaders(topic) { if wishes.companions.contains($0) { hasCompanion = true } }
        } catch {
            missingSince = nil
            return failed(error)
        }
        if known != nil { missingSince = nil }
        guard known != nil || behind != nil || hasCompanion || isMissingForLong() else { return }
        let leaders = known ?? []
        let found = (0..<Int32(clamping: leaders.count)).filter { wishes.partitions?.contains($0) ?? true }
        for partition in found where sources[partition] == nil { start(partition) }
        if behind == nil {
            behind = Dictionary(uniqueKeysWithValues: found.map { ($0, .max) })
            findEnds(of: found, leaders)
        }
        tellIfCaughtUp()
    }

    private func isMissingForLong() -> Bool {
        let now = ContinuousClock.now
        let since = missingSince ?? now
        missingSince = since
        return now - since >= wishes.missingLimit
    }

    /// Looks where partitions end. Without this an end would be known once a fetch has waited in vain for more.
    private func findEnds(of partitions: [Int32], _ leaders: [Int32]) {
        let extents = topicLook.extents(of: partitions, leaders) { state.isStopped }
        for (partition, range) in extents.ranges {
            let start = max(range.lowerBound, wishes.starts[partition] ?? range.lowerBound)
            behind?[partition] = start == range.upperBound ? nil : range.upperBound
        }
    }

    private func start(_ partition: Int32) {
        topic = topic ?? rd_kafka_topic_new(client.pointer, wishes.topic, nil)
        let offset = wishes.starts[partition] ?? Int64(RD_KAFKA_OFFSET_BEGINNING)
        guard let topic, rd_kafka_consume_start_queue(topic, partition, offset, queue) == 0 else {
            let operation = "starting to follow \(wishes.topic)/\(partition)"
            return failed(KafkaError(rd_kafka_last_error(), operation: operation))
        }
        sources[partition] = MessageSource(TopicPartition(topic: wishes.topic, partition: partition), client: client)
    }

    // MARK: - Records

    /// Reads what is there; false if that was all.
    private func readBatch() -> Bool {
        let count = messages.withUnsafeMutableBufferPointer {
            rd_kafka_consume_batch_queue(queue, 0, $0.baseAddress, $0.count)
        }
        guard count > 0 else { return false }
        for index in 0..<count {
            guard let message = messages[index] else { continue }
            take(message)
        }
        return count == messages.count
    }

    private func take(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
        let partition = message.pointee.partition
        guard let source = sources[partition], !state.isStopped else { return rd_kafka_message_destroy(message) }
        // It owns the message from here on, whatever comes.
        let storage = RecordStorage(ConsumedMessage(message, source: source), of: source)
        switch message.pointee.err {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
            let next = message.pointee.offset + 1
            each(Record(storage))
            if let end = behind?[partition], next >= end { reachEnd(of: partition) }
        case RD_KAFKA_RESP_ERR__PARTITION_EOF: reachEnd(of: partition)
        default:
            let reason = rd_kafka_message_errstr(message).map { String(cString: $0) }
            failed(
                KafkaError(message.pointee.err, operation: "following \(source.topicPartition)", message: reason)
            )
        }
    }

    private func reachEnd(of partition: Int32) {
        guard behind?.removeValue(forKey: partition) != nil else { return }
        tellIfCaughtUp()
    }

    private func tellIfCaughtUp() {
        guard let caughtUp, behind?.isEmpty == true else { return }
        self.caughtUp = nil
        caughtUp()
    }
}
