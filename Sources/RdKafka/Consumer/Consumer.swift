internal import CRdKafka

/// A member of a consumer group, with its partitions split off into queues and its offsets committed by hand.
///
/// It is not Sendable: one thread of its own makes it and calls it, because its calls block, and because librdkafka's
/// batch calls can lose records when a seek or a rebalance runs beside them (mended in 2.1.0). That thread loops:
///
///     while isRunning {
///         consumer.wait(upTo: .milliseconds(100))
///         while let event = consumer.nextEvent() { … }
///         for queue in queues { _ = queue.read(maximum: 500) { … } }
///     }
///
/// Always set, whatever the configuration says: no automatic commits, `enable.partition.eof`, and the classic group protocol,
/// where librdkafka knows others. Unless configured: `range` assignment, a start at the earliest record.
public final class Consumer {
    private let handle: ClientHandle
    private let wakeup: Wakeup
    private let group: String
    private let groupQueue: OpaquePointer
    private let commitQueue: OpaquePointer
    private let nudge: FetchNudge
    /// Commits that were asked for, and of which no event has told the end.
    private var commitsUnderWay = 0
    /// By a fatal error.
    private var isEnded = false
    /// How long a client is kept for their sake, in milliseconds.
    private static let commitPatience: Int32 = 2000
    /// Before 2.1.0 librdkafka waits for a seek for a thousandth of the time that it is given.
    private static let seekTimeoutUnit = rd_kafka_version() < 0x0201_0000 ? 1000 : 1

    /// - Parameter wakeup: ends ``wait(upTo:)`` from other threads.
    /// - Throws: ``KafkaError`` with `localInvalidArgument` where librdkafka refuses a property.
    public init(_ configuration: ClientConfiguration, group: String, wakeup: Wakeup) throws(KafkaError) {
        self.group = group
        self.wakeup = wakeup
        nudge = try FetchNudge()
        var defaults = ["partition.assignment.strategy": "range", "auto.offset.reset": "earliest"]
        if !FetchNudge.isNeeded { defaults["fetch.queue.backoff.ms"] = "10" }
        var required = [
            "group.id": group,
            "enable.auto.commit": "false",
            "enable.auto.offset.store": "false",
            "enable.partition.eof": "true",
        ]
        // Another one, which 2.4.0 and later know, takes and gives single partitions, and not by `assign`.
        let (name, classic) = ("group.protocol", "classic")
        if ClientConfiguration.problem(withProperty: name, value: classic) == nil { required[name] = classic }
        handle = try ClientHandle(.consumer, configuration.with(defaults: defaults, required: required)) { conf in
            rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR)
        }
        rd_kafka_poll_set_consumer(handle.pointer)
        groupQueue = rd_kafka_queue_get_consumer(handle.pointer)
        commitQueue = rd_kafka_queue_new(handle.pointer)
        var one: UInt64 = 1
        for queue in [groupQueue, commitQueue] {
            rd_kafka_queue_io_event_enable(queue, wakeup.descriptor, &one, MemoryLayout<UInt64>.size)
        }
    }

    deinit {
        nudge.end()
        for queue in [groupQueue, commitQueue] { rd_kafka_queue_io_event_enable(queue, -1, nil, 0) }
        rd_kafka_queue_destroy(groupQueue)
        guard commitsUnderWay > 0 else { return rd_kafka_queue_destroy(commitQueue) }
        // librdkafka 2.0.2 aborts the process now and then where a client ends with commits under way, by its assertion
        // wait_commit_cnt > 0: they get the time to be answered.
        OSThread.start(name: "rdk:commits") { [handle, commitsUnderWay, queue = UInt(bitPattern: commitQueue)] in
            let queue = OpaquePointer(bitPattern: queue)
            for _ in 0..<commitsUnderWay {
                guard let event = rd_kafka_queue_poll(queue, Self.commitPatience) else { break }
                rd_kafka_event_destroy(event)
            }
            rd_kafka_queue_destroy(queue)
            withExtendedLifetime(handle) {}
        }
    }

    /// The group's name for this member, once it has joined.
    public var memberID: String? {
        guard let text = rd_kafka_memberid(handle.pointer) else { return nil }
        defer { rd_kafka_mem_free(handle.pointer, text) }
        return String(cString: text)
    }

    /// Joins the group for these topics. Topics that don't exist yet are joined when they appear.
    public func subscribe(_ topics: [String]) throws(KafkaError) {
        let list = TopicPartitionList(topics.map { TopicPartition(topic: $0, partition: RD_KAFKA_PARTITION_UA) })
        try KafkaError.check(rd_kafka_subscribe(handle.pointer, list.pointer), "subscribing group \(group)")
    }

    /// Leaves the group's rotation: what is assigned is revoked by an event.
    public func unsubscribe() throws(KafkaError) {
        try KafkaError.check(rd_kafka_unsubscribe(handle.pointer), "unsubscribing group \(group)")
    }

    /// Blocks until there may be something to read, until woken, or until `limit` (rounded up to a millisecond).
    public func wait(upTo limit: Duration) {
        wakeup.wait(milliseconds: limit.wholeMilliseconds)
    }

    /// The next event, without waiting. It must be asked for until there is none, also while partitions are read:
    /// this is what keeps the member in its group.
    public func nextEvent() -> ConsumerEvent? {
        for queue in [groupQueue, commitQueue] {
            while let event = rd_kafka_queue_poll(queue, 0) {
                if let result = take(event) { return result }
            }
        }
        return nil
    }

    /// The next commit's result and no other event, without waiting: for whoever answers an event and has to know
    /// what became of a commit before that.
    public func nextCommitResult() -> (tag: Int, result: Result<[TopicPartition], KafkaError>)? {
        while let event = rd_kafka_queue_poll(commitQueue, 0) {
            if case .committed(let tag, let result) = take(event) { return (tag, result) }
        }
        return nil
    }

    /// There is room again in these partitions' queues, of which librdkafka has filled all that it may: see to it that it
    /// goes on fetching. Returns at once.
    ///
    /// Without this a consumer that empties its queues (`queued.min.messages`, `queued.max.messages.kbytes`) in less than a
    /// second waits for the rest of it. A few partitions of each leader are enough.
    public func resumeFetching(_ partitions: [TopicPartition]) {
        if FetchNudge.isNeeded { nudge.nudge(partitions, handle) }
    }

    /// Where to begin in a partition.
    public enum Start: Sendable, Hashable {
        case offset(Int64)
        case beginning
        /// At the group's committed offset; without one as `auto.offset.reset` says.
        case committed
    }

    /// Takes the partitions over. The queues are in the partitions' order.
    public func assign(_ starts: [TopicPartition: Start]) throws(KafkaError) -> [PartitionQueue] {
        let list = TopicPartitionList(capacity: starts.count)
        var queues: [PartitionQueue] = []
        for (partition, start) in starts.sorted(by: { $0.key < $1.key }) {
            queues.append(PartitionQueue(partition, of: handle, wakeup: wakeup))
            let offset =
                switch start {
                case .offset(let offset): offset
                case .beginning: Int64(RD_KAFKA_OFFSET_BEGINNING)
                case .committed: Int64(RD_KAFKA_OFFSET_STORED)
                }
            list.add(partition, offset: offset)
        }
        try KafkaError.check(rd_kafka_assign(handle.pointer, list.pointer), "taking over partitions of group \(group)")
        return queues
    }

    /// Lets go of all partitions; the answer to a revocation, without which the group waits for this member.
    public func unassign() throws(KafkaError) {
        try KafkaError.check(rd_kafka_assign(handle.pointer, nil), "letting go of partitions of group \(group)")
    }

    /// Stops fetching assigned partitions, until they are resumed; waits for librdkafka's own threads, and for no broker.
    ///
    /// What a partition's queue holds is dropped, and fetched again later. It stays stopped through later assignments.
    ///
    /// - Parameter positions: where each goes on; nil where it is not going to. By itself librdkafka goes on behind the last
    ///   message that was read, for which it takes the report of a partition's end as well, from 2.1.0 to 2.13.1: it would
    ///   leave out the record that comes next (confluentinc/librdkafka#5213).
    public func pause(_ positions: [TopicPartition: Int64?]) throws(KafkaError) {
        guard !positions.isEmpty else { return }
        try seek(positions.compactMapValues(\.self), timeout: .seconds(2))
        let list = TopicPartitionList(positions.keys)
        try KafkaError.check(
            rd_kafka_pause_partitions(handle.pointer, list.pointer),
            "pausing partitions of group \(group)"
        )
    }

    /// Goes on fetching partitions that were paused. Their ends are reported again.
    public func resume(_ partitions: [TopicPartition]) throws(KafkaError) {
        guard !partitions.isEmpty else { return }
        let list = TopicPartitionList(partitions)
        try KafkaError.check(
            rd_kafka_resume_partitions(handle.pointer, list.pointer),
            "resuming partitions of group \(group)"
        )
    }

    /// Goes on reading partitions at these offsets. What their queues still held from elsewhere is dropped.
    ///
    /// - Throws: the first partition's error, where there is one; the others have moved all the same.
    public func seek(_ positions: [TopicPartition: Int64], timeout: Duration = .seconds(10)) throws(KafkaError) {
        guard !positions.isEmpty else { return }
        let list = TopicPartitionList(capacity: positions.count)
        for (partition, offset) in positions { list.add(partition, offset: offset) }
        let operation = "seeking in partitions of group \(group)"
        let milliseconds = Int32(clamping: Int(timeout.wholeMilliseconds) * Self.seekTimeoutUnit)
        if let error = KafkaError(
            consuming: rd_kafka_seek_partitions(handle.pointer, list.pointer, milliseconds),
            operation: operation
        ) {
            throw error
        }
        for element in list.elements {
            try KafkaError.check(element.error, "seeking \(element.partition) to \(element.offset)")
        }
    }

    /// What the group has committed, with its metadata; partitions without a commit are not in the result.
    ///
    /// Blocks for a round trip, `timeout` at most.
    public func committed(
        _ partitions: [TopicPartition],
        timeout: Duration = .seconds(10)
    ) throws(KafkaError) -> [TopicPartition: CommittedOffset] {
        let operation = "reading the committed offsets of group \(group)"
        let list = TopicPartitionList(partitions)
        try KafkaError.check(rd_kafka_committed(handle.pointer, list.pointer, timeout.wholeMilliseconds), operation)
        var result: [TopicPartition: CommittedOffset] = [:]
        var failure: KafkaError?
        for element in list.elements {
            if element.error != RD_KAFKA_RESP_ERR_NO_ERROR {
                failure = failure ?? KafkaError(element.error, operation: "\(operation), \(element.partition)")
            } else if element.offset >= 0 {
                result[element.partition] = CommittedOffset(offset: element.offset, metadata: element.metadata)
            }
        }
        if let failure { throw failure }
        return result
    }

    /// The partitions' first offsets, or the ones behind their last records; one request to each leader.
    ///
    /// Blocks for a round trip, `timeout` at most.
    public func edges(
        _ edge: Edge,
        of partitions: [TopicPartition],
        timeout: Duration = .seconds(10)
    ) throws(KafkaError) -> [TopicPartition: Int64] {
        guard !partitions.isEmpty else { return [:] }
        let operation = "listing the \(edge) offsets of group \(group)'s partitions"
        return try handle.offsets(of: partitions, at: edge.rawValue, timeout: timeout, operation)
    }

    /// An end of a partition; the raw value is the time by which Kafka's ListOffsets asks for it.
    public enum Edge: Int64, Sendable {
        case latest = -1
        case earliest = -2
    }

    /// The lowest and the highest offset of a partition as of the last fetch; nil before the first one.
    public func cachedWatermarks(_ partition: TopicPartition) -> Range<Int64>? {
        var low: Int64 = 0
        var high: Int64 = 0
        let pointer = handle.pointer
        let code = rd_kafka_get_watermark_offsets(pointer, partition.topic, partition.partition, &low, &high)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, low >= 0, high >= low else { return nil }
        return low..<high
    }

    /// Commits asynchronously; the result comes as an event.
    ///
    /// - Parameter tag: comes back with the result, which tells commits apart.
    public func commit(_ offsets: [TopicPartition: CommittedOffset], tag: Int = 0) throws(KafkaError) {
        let list = Self.list(offsets)
        let opaque = UnsafeMutableRawPointer(bitPattern: tag)
        let code = rd_kafka_commit_queue(handle.pointer, list.pointer, commitQueue, nil, opaque)
        try KafkaError.check(code, "committing offsets of group \(group)")
        commitsUnderWay += 1
    }

    /// Commits and blocks for the broker's answer, which where no broker answers takes the session timeout or longer.
    public func commitAndWait(_ offsets: [TopicPartition: CommittedOffset]) throws(KafkaError) {
        let operation = "committing offsets of group \(group)"
        let list = Self.list(offsets)
        try KafkaError.check(rd_kafka_commit(handle.pointer, list.pointer, 0), operation)
        var failure: KafkaError?
        for element in list.elements where element.error != RD_KAFKA_RESP_ERR_NO_ERROR {
            failure = failure ?? KafkaError(element.error, operation: "\(operation), \(element.partition)")
        }
        if let failure { throw failure }
    }

    /// Starts to leave the group. Events, a revocation among them, go on coming until ``isClosed``.
    public func startClosing() {
        let error = KafkaError(
            consuming: rd_kafka_consumer_close_queue(handle.pointer, groupQueue),
            operation: "leaving group \(group)"
        )
        // Closing already, or never opened, isClosed tells.
        if error?.isFatal == true { isEnded = true }
    }

    /// Whether it has left the group, or can't: of one that a fatal error has ended librdkafka takes no leave.
    public var isClosed: Bool {
        isEnded || rd_kafka_consumer_closed(handle.pointer) != 0
    }

    private static func list(_ offsets: [TopicPartition: CommittedOffset]) -> TopicPartitionList {
        let list = TopicPartitionList(capacity: offsets.count)
        for (partition, committed) in offsets {
            list.add(partition, offset: committed.offset, metadata: committed.metadata)
        }
        return list
    }
}

extension Consumer {
    /// Turns one of librdkafka's events into ours and destroys it, unless a record lives on in it.
    private func take(_ event: OpaquePointer) -> ConsumerEvent? {
        if rd_kafka_event_type(event) == RD_KAFKA_EVENT_FETCH { return takeRecord(event) }
        defer { rd_kafka_event_destroy(event) }
        switch rd_kafka_event_type(event) {
        case RD_KAFKA_EVENT_REBALANCE:
            let list = rd_kafka_event_topic_partition_list(event)
            let partitions = TopicPartitionList.elements(of: list).map(\.partition)
            if rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS { return .assigned(partitions) }
            return rd_kafka_assignment_lost(handle.pointer) != 0 ? .lost(partitions) : .revoked(partitions)
        case RD_KAFKA_EVENT_OFFSET_COMMIT:
            commitsUnderWay -= 1
            return .committed(tag: Int(bitPattern: rd_kafka_event_opaque(event)), commitResult(event))
        case RD_KAFKA_EVENT_ERROR:
            let code = rd_kafka_event_error(event)
            let reason = rd_kafka_event_error_string(event).map { String(cString: $0) }
            // The code is the cause's; that the client can't go on is said beside it.
            let isFatal = rd_kafka_event_error_is_fatal(event) != 0
            let operation = "consuming in group \(group)"
            return .failed(KafkaError(code: .init(code), operation: operation, message: reason, isFatal: isFatal))
        default:
            return nil
        }
    }

    private func takeRecord(_ event: OpaquePointer) -> ConsumerEvent? {
        guard let message = rd_kafka_event_message_next(event),
            message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR
        else {
            rd_kafka_event_destroy(event)
            return nil
        }
        let partition = TopicPartition(
            topic: String(cString: rd_kafka_topic_name(message.pointee.rkt)),
            partition: message.pointee.partition
        )
        let source = MessageSource(partition, client: handle)
        return .record(Record(RecordStorage(ConsumedMessage(message, source: source), of: source, in: event)))
    }

    private func commitResult(_ event: OpaquePointer) -> Result<[TopicPartition], KafkaError> {
        let operation = "committing offsets of group \(group)"
        let code = rd_kafka_event_error(event)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { return .failure(KafkaError(code, operation: operation)) }
        let elements = TopicPartitionList.elements(of: rd_kafka_event_topic_partition_list(event))
        let failure = elements.first { $0.error != RD_KAFKA_RESP_ERR_NO_ERROR }
            .map { KafkaError($0.error, operation: "\(operation), \($0.partition)") }
        if let failure { return .failure(failure) }
        return .success(elements.map(\.partition))
    }
}
