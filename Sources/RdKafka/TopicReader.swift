internal import CRdKafka
internal import Synchronization

/// Which records of transactions a reader sees.
public enum IsolationLevel: String, Sendable {
    /// None of transactions that are aborted or still open.
    case readCommitted = "read_committed"
    case readUncommitted = "read_uncommitted"
}

/// Reads stretches of partitions to their ends, without a group and without committing anything.
public enum TopicReader {
    /// Reads the records whose offsets lie in `ranges` and returns when all have been seen.
    ///
    /// Records of one partition come in order, those of several mixed. A partition ends at its range's end, or before
    /// it where its log does: gaps and transaction markers are not waited for. What retention has taken from the
    /// start of a range is missing without notice: ask ``AdminClient/listOffsets(_:_:timeout:)`` first.
    ///
    /// - Parameters:
    ///   - configuration: what is set there about groups and offset resets has no effect.
    ///   - stallTimeout: for how long nothing may arrive before it is an error.
    ///   - each: called with each record on the reader's own thread; false ends the reading. A record may be kept:
    ///     its memory, and the client's, live as long as it does.
    /// - Returns: for each partition the offset before which all has been seen. It is below its range's end where the
    ///   log ended before, where a transaction is open, or where `each` said false.
    /// - Throws: ``KafkaError``, what `each` throws, or `CancellationError` when the task is cancelled.
    @discardableResult
    public static func read(
        _ ranges: [TopicPartition: Range<Int64>],
        configuration: ClientConfiguration,
        isolation: IsolationLevel = .readCommitted,
        stallTimeout: Duration = .seconds(30),
        each: @escaping @Sendable (Record) throws -> Bool
    ) async throws -> [TopicPartition: Int64] {
        let isCancelled = Flag()
        return try await withTaskCancellationHandler {
            try await OSThread.run(name: "rdk:reader") {
                let run = try TopicReaderRun(ranges, configuration, isolation)
                return try run.read(stallTimeout: stallTimeout, isCancelled: isCancelled, each)
            }
        } onCancel: {
            isCancelled.raise()
        }
    }

    final class Flag: Sendable {
        private let raised = Atomic(false)

        var isRaised: Bool { raised.load(ordering: .relaxed) }

        func raise() { raised.store(true, ordering: .relaxed) }
    }
}

/// One reading. It stays on the thread that made it: batch calls of librdkafka 2.0 lose messages when a partition is
/// started or stopped beside them.
private final class TopicReaderRun {
    private static let batchSize = 1000

    private let client: ClientHandle
    private let queue: OpaquePointer
    private let batch: UnsafeMutableBufferPointer<UnsafeMutablePointer<rd_kafka_message_t>?>
    private var topics: [String: OpaquePointer] = [:]
    private var names: [OpaquePointer: String] = [:]
    private var sources: [TopicPartition: MessageSource] = [:]
    /// The partitions that librdkafka fetches.
    private var reading: [TopicPartition: Range<Int64>] = [:]
    private var positions: [TopicPartition: Int64]

    init(
        _ ranges: [TopicPartition: Range<Int64>],
        _ configuration: ClientConfiguration,
        _ isolation: IsolationLevel
    ) throws(KafkaError) {
        // What all partitions together may hold in memory; each may hold its share, but a useful one.
        let kilobytes = max(4096, 262_144 / max(1, ranges.count))
        let configuration = configuration.forReading(
            isolation,
            defaults: ["queued.max.messages.kbytes": String(kilobytes), "fetch.wait.max.ms": "100"]
        )
        client = try ClientHandle(.consumer, configuration)
        queue = rd_kafka_queue_new(client.pointer)
        batch = .allocate(capacity: Self.batchSize)
        positions = ranges.mapValues(\.lowerBound)
        for (partition, range) in ranges where !range.isEmpty { try start(partition, range) }
    }

    deinit {
        for partition in reading.keys { rd_kafka_consume_stop(topics[partition.topic], partition.partition) }
        rd_kafka_queue_destroy(queue)
        for topic in topics.values { rd_kafka_topic_destroy(topic) }
        batch.deallocate()
    }

    private func start(_ partition: TopicPartition, _ range: Range<Int64>) throws(KafkaError) {
        let operation = "starting to read \(partition)"
        if topics[partition.topic] == nil {
            guard let topic = rd_kafka_topic_new(client.pointer, partition.topic, nil) else {
                throw KafkaError(rd_kafka_last_error(), operation: operation)
            }
            topics[partition.topic] = topic
        }
        let topic = topics[partition.topic]
        guard rd_kafka_consume_start_queue(topic, partition.partition, range.lowerBound, queue) == 0 else {
            throw KafkaError(rd_kafka_last_error(), operation: operation)
        }
        reading[partition] = range
    }

    func read(
        stallTimeout: Duration,
        isCancelled: TopicReader.Flag,
        _ each: (Record) throws -> Bool
    ) throws -> [TopicPartition: Int64] {
        var stalls = Deadline(after: stallTimeout)
        while !reading.isEmpty {
            if isCancelled.isRaised { throw CancellationError() }
            rd_kafka_poll(client.pointer, 0)
            let count = try nextBatch()
            if count == 0, stalls.isOver {
                let partitions = reading.keys.sorted().map(\.description).joined(separator: ", ")
                throw KafkaError(
                    code: .localTimedOut,
                    operation: "reading \(partitions)",
                    message: "nothing arrived for \(stallTimeout)"
                )
            }
            guard try take(count, each) else { break }
            // What the caller took its time for is no silence of the broker's.
            if count > 0 { stalls = Deadline(after: stallTimeout) }
        }
        return positions
    }

    /// Waits for a message, for 100 ms at most, and takes what else is there.
    private func nextBatch() throws(KafkaError) -> Int {
        let count = rd_kafka_consume_batch_queue(queue, 0, batch.baseAddress, batch.count)
        guard count >= 0 else { throw KafkaError(rd_kafka_last_error(), operation: "reading a batch") }
        guard count == 0 else { return count }
        // The batch call itself would wait out its timeout whatever arrives.
        guard let first = rd_kafka_consume_queue(queue, 100) else { return 0 }
        batch[0] = first
        return 1
    }

    /// Deals with the messages of a batch; false when `each` wants no more.
    private func take(_ count: Int, _ each: (Record) throws -> Bool) throws -> Bool {
        var taken = 0
        defer { for index in taken..<count { rd_kafka_message_destroy(batch[index]) } }
        var goesOn = true
        while goesOn, taken < count, let message = batch[taken] {
            taken += 1
            let partition = partition(of: message)
            // It owns the message from here on, whatever comes.
            let source = source(of: partition)
            let storage = RecordStorage(ConsumedMessage(message, source: source), of: source)
            guard let range = reading[partition] else { continue }
            let offset = message.pointee.offset
            switch message.pointee.err {
            case RD_KAFKA_RESP_ERR_NO_ERROR:
                // Below the range: the log has become shorter than it, and librdkafka has gone back to the start.
                guard range.contains(offset) else {
                    if offset >= range.upperBound { positions[partition] = range.upperBound }
                    stop(partition)
                    continue
                }
                goesOn = try each(Record(storage))
                positions[partition] = offset + 1
                if offset + 1 == range.upperBound { stop(partition) }
            case RD_KAFKA_RESP_ERR__PARTITION_EOF:
                // Markers and gaps at the end count as seen.
                positions[partition] = min(max(offset, positions[partition] ?? 0), range.upperBound)
                stop(partition)
            default:
                let error = KafkaError(
                    message.pointee.err,
                    operation: "reading \(partition)",
                    message: rd_kafka_message_errstr(message).map { String(cString: $0) }
                )
                guard error.isRetriable, error.code != .unknownTopicOrPartition else { throw error }
            }
        }
        return goesOn
    }

    private func stop(_ partition: TopicPartition) {
        reading[partition] = nil
        rd_kafka_consume_stop(topics[partition.topic], partition.partition)
    }

    private func source(of partition: TopicPartition) -> MessageSource {
        if let known = sources[partition] { return known }
        let source = MessageSource(partition, client: client)
        sources[partition] = source
        return source
    }

    private func partition(of message: UnsafeMutablePointer<rd_kafka_message_t>) -> TopicPartition {
        guard let topic = message.pointee.rkt else { return TopicPartition(topic: "", partition: -1) }
        let name: String
        if let known = names[topic] {
            name = known
        } else {
            name = String(cString: rd_kafka_topic_name(topic))
            names[topic] = name
        }
        return TopicPartition(topic: name, partition: message.pointee.partition)
    }
}
