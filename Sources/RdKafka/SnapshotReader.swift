internal import CRdKafka

/// Reads partitions of one topic from their beginnings to where they end, once, at the speed of the network: nothing is
/// made for a record, which is only shown.
///
/// It is no member of a group and commits nothing. It has a thread of its own, and waits for brokers that are away. A
/// partition of a topic that does not exist has nothing.
package final class SnapshotReader: Sendable {
    private let state: ReaderState

    /// What it tells, all of it on its thread, which reads nothing meanwhile.
    package struct Listener: Sendable {
        /// Of each record of a partition, in its order. The message is valid during the call only.
        package let record: @Sendable (Int32, ConsumedMessage) -> Void
        /// Once for each partition: it has been read to where it ended at some time since this was made, whatever
        /// transactions held back before that.
        package let ended: @Sendable (Int32) -> Void
        /// At most once for each partition: somebody's transaction is open there, and what stands behind it is waited for.
        /// Brokers end one that nobody ends after its `transaction.timeout.ms`, a minute unless configured.
        package let held: @Sendable (Int32) -> Void
        /// What librdkafka reports, again and again, also where no client can be made; it goes on trying.
        package let failed: @Sendable (KafkaError) -> Void

        package init(
            record: @escaping @Sendable (Int32, ConsumedMessage) -> Void,
            ended: @escaping @Sendable (Int32) -> Void,
            held: @escaping @Sendable (Int32) -> Void = { _ in },
            failed: @escaping @Sendable (KafkaError) -> Void
        ) {
            self.record = record
            self.ended = ended
            self.held = held
            self.failed = failed
        }
    }

    /// - Parameters:
    ///   - starts: where reading begins, of partitions of which not all is to be read; no earlier than their beginnings.
    ///   - configuration: what is set there about groups and offset resets has no effect.
    /// - Throws: ``KafkaError`` where the process has no file descriptor left.
    package init(
        _ topic: String,
        partitions: [Int32],
        from starts: [Int32: Int64] = [:],
        configuration: ClientConfiguration,
        isolation: IsolationLevel = .readCommitted,
        telling listener: Listener
    ) throws(KafkaError) {
        let state = ReaderState(wakeup: try Wakeup())
        self.state = state
        let watching = configuration.forReading(.readUncommitted, defaults: ["reconnect.backoff.max.ms": "1000"])
        let configuration = configuration.forReading(
            isolation,
            defaults: ["reconnect.backoff.max.ms": "1000"],
            required: [
                // Of all partitions together: librdkafka counts the queue to which it forwards them. What comes to this
                // waits for up to a second.
                "queued.max.messages.kbytes": String(SnapshotRun.bufferSize >> 10),
                // A partition that is begun waits for the answer to the fetch that is under way.
                "fetch.wait.max.ms": "5",
            ]
        )
        OSThread.start(name: "rdk:snapshot") {
            var pause = Self.shortestPause
            while !state.isStopped {
                do throws(KafkaError) {
                    let client = try ClientHandle(.consumer, configuration)
                    let watcher = try ClientHandle(.consumer, watching)
                    return SnapshotRun(topic, partitions, starts, client, watcher, state, listener).read()
                } catch {
                    // A process may be out of descriptors for a moment, or a certificate's file be replaced.
                    listener.failed(error)
                }
                state.wakeup.wait(milliseconds: pause.wholeMilliseconds)
                pause = min(pause * 2, Self.longestPause)
            }
        }
    }

    private static let shortestPause = Duration.milliseconds(250)
    private static let longestPause = Duration.seconds(10)

    /// Ends it; returns at once. A call that is under way ends by itself; there is no other one after it.
    package func stop() {
        state.stop()
    }

    deinit {
        state.stop()
    }
}

/// The thread's part: it alone starts, reads and stops partitions, because batch calls of librdkafka 2.0 lose messages
/// when a partition is started or stopped beside them.
private final class SnapshotRun {
    /// Partitions that are read at the same time, and bytes that they may hold in memory.
    static let width = 32
    static let bufferSize = 64 << 20
    private static let batchSize = 1000
    /// How long a broker may take to tell of its partitions' ends.
    private static let lookLimit = Duration.seconds(1)
    private static let pause = Duration.milliseconds(250)
    /// For how long a partition has to be unknown to count as missing: a broker that has just come up knows none.
    private static let missingLimit = Duration.seconds(5)

    private let name: String
    private let starts: [Int32: Int64]
    private let client: ClientHandle
    /// Asks where the logs end. Who reads what is committed is told where the first open transaction begins instead.
    private let watcher: ClientHandle
    private let state: ReaderState
    private let listener: SnapshotReader.Listener
    private let queue: OpaquePointer
    private var topic: OpaquePointer?
    private let topicLook: TopicLook
    /// The watcher's. Asked for by its name a topic that this client may not see is told apart from one that there is not.
    private let watched: OpaquePointer?
    private var messages = [UnsafeMutablePointer<rd_kafka_message_t>?](repeating: nil, count: batchSize)
    /// Of which it is not known yet where they end.
    private var unknown: [Int32]
    /// Of those the ones that do not exist, as far as a broker knows, and since when.
    private var missingSince: [Int32: ContinuousClock.Instant] = [:]
    private var nextLookAt = ContinuousClock.now
    /// Of which that is known, and which are not begun.
    private var waiting: [(partition: Int32, range: Range<Int64>)] = []
    /// Being read: where they end.
    private var ends: [Int32: Int64] = [:]
    /// Of those the ones in which a transaction is open: there is nothing to read in them now.
    /// The offset before which all has been read.
    private var held: [Int32: Int64] = [:]
    /// Of which that has been told.
    private var toldHeld: Set<Int32> = []
    private var sources: [Int32: MessageSource] = [:]

    init(
        _ name: String,
        _ partitions: [Int32],
        _ starts: [Int32: Int64],
        _ client: ClientHandle,
        _ watcher: ClientHandle,
        _ state: ReaderState,
        _ listener: SnapshotReader.Listener
    ) {
        self.name = name
        self.starts = starts
        self.client = client
        self.watcher = watcher
        self.state = state
        self.listener = listener
        watched = rd_kafka_topic_new(watcher.pointer, name, nil)
        topicLook = TopicLook(client: watcher, topic: name, limit: Self.lookLimit)
        unknown = partitions
        queue = rd_kafka_queue_new(client.pointer)
        var one: UInt64 = 1
        rd_kafka_queue_io_event_enable(queue, state.wakeup.descriptor, &one, MemoryLayout<UInt64>.size)
    }

    deinit {
        rd_kafka_queue_io_event_enable(queue, -1, nil, 0)
        for partition in sources.keys { rd_kafka_consume_stop(topic, partition) }
        rd_kafka_queue_destroy(queue)
        if let topic { rd_kafka_topic_destroy(topic) }
        if let watched { rd_kafka_topic_destroy(watched) }
    }

    func read() {
        while !state.isStopped, !unknown.isEmpty || !waiting.isEmpty || !ends.isEmpty {
            if !unknown.isEmpty, ContinuousClock.now >= nextLookAt { look() }
            begin()
            rd_kafka_poll(client.pointer, 0)
            finishShortened()
            while !state.isStopped, readBatch() { begin() }
            guard !state.isStopped, waiting.isEmpty || !hasRoom else { continue }
            guard !unknown.isEmpty || !ends.isEmpty else { break }
            let pause = unknown.isEmpty ? Duration.seconds(1) : max(.zero, nextLookAt - .now)
            state.wakeup.wait(milliseconds: min(pause, .seconds(1)).wholeMilliseconds)
        }
    }

    // MARK: - Ends

    /// Asks where the partitions end, all of them before any is begun: a broker answers a connection's requests one after
    /// another, and these would wait behind each fetch.
    private func look() {
        defer { nextLookAt = .now + Self.pause }
        let leaders: [Int32]?
        do throws(KafkaError) {
            leaders = try topicLook.leaders(watched)
        } catch {
            return listener.failed(error)
        }
        let count = leaders?.count ?? 0
        let extents = topicLook.extents(of: unknown.filter { $0 < count }, leaders ?? []) { state.isStopped }
        if let failure = extents.failure { listener.failed(failure) }
        let now = ContinuousClock.now
        unknown.removeAll { partition in
            guard !state.isStopped else { return false }
            if let extent = extents.ranges[partition] {
                let start = min(max(extent.lowerBound, starts[partition] ?? 0), extent.upperBound)
                let range = start..<extent.upperBound
                if range.isEmpty { listener.ended(partition) } else { waiting.append((partition, range)) }
                return true
            }
            // Only where a broker says that there is no such partition, and not where that has no leader.
            let since = partition < count ? nil : missingSince[partition] ?? now
            missingSince[partition] = since
            guard let since, now - since > Self.missingLimit else { return false }
            listener.ended(partition)
            return true
        }
    }

    private var hasRoom: Bool { ends.count - held.count < Self.width }

    /// Begins partitions whose ends are known, as far as there is room.
    private func begin() {
        while hasRoom, let (partition, range) = waiting.popLast() {
            guard !start(partition, from: range.lowerBound, end: range.upperBound) else { continue }
            unknown.append(partition)
            nextLookAt = .now + Self.pause
        }
    }

    private func start(_ partition: Int32, from beginning: Int64, end: Int64) -> Bool {
        topic = topic ?? rd_kafka_topic_new(client.pointer, name, nil)
        guard let topic, rd_kafka_consume_start_queue(topic, partition, beginning, queue) == 0 else {
            listener.failed(KafkaError(rd_kafka_last_error(), operation: "starting to read \(name)/\(partition)"))
            return false
        }
        ends[partition] = end
        sources[partition] = MessageSource(TopicPartition(topic: name, partition: partition), client: client)
        return true
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
            rd_kafka_message_destroy(message)
        }
        return count == messages.count
    }

    private func take(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
        let partition = message.pointee.partition
        guard let end = ends[partition], let source = sources[partition], !state.isStopped else { return }
        switch message.pointee.err {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
            held[partition] = nil
            listener.record(partition, ConsumedMessage(message, source: source))
            if message.pointee.offset + 1 >= end { finish(partition) }
        // Where a transaction is open the partition ends before it, for whoever reads what is committed; it goes on from
        // there, and comes to another end, when that is over.
        case RD_KAFKA_RESP_ERR__PARTITION_EOF where message.pointee.offset < end:
            held[partition] = message.pointee.offset
            if toldHeld.insert(partition).inserted { listener.held(partition) }
        case RD_KAFKA_RESP_ERR__PARTITION_EOF: finish(partition)
        default:
            let reason = rd_kafka_message_errstr(message).map { String(cString: $0) }
            listener.failed(
                KafkaError(message.pointee.err, operation: "reading \(source.topicPartition)", message: reason)
            )
        }
    }

    /// A log that has become shorter than it was ends before it: an unclean election, a topic that was made again.
    private func finishShortened() {
        for (partition, offset) in held {
            var (low, high): (Int64, Int64) = (0, 0)
            // As of the last answer to a fetch; nobody is asked.
            let code = rd_kafka_get_watermark_offsets(client.pointer, name, partition, &low, &high)
            if code == RD_KAFKA_RESP_ERR_NO_ERROR, high >= 0, high <= offset { finish(partition) }
        }
    }

    private func finish(_ partition: Int32) {
        ends[partition] = nil
        held[partition] = nil
        sources[partition] = nil
        rd_kafka_consume_stop(topic, partition)
        listener.ended(partition)
    }
}
