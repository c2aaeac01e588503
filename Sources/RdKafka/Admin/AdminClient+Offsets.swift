internal import CRdKafka

extension AdminClient {
    /// Which offset of a partition ``listOffsets(_:_:timeout:)`` tells.
    public enum OffsetSpecification: Sendable, Hashable {
        /// The first record that is still there.
        case earliest
        /// The end: one beyond the last record that is committed, where transactions write.
        case latest
        /// The first record at or after a time in milliseconds since the epoch; the end where there is none.
        case timestamp(Int64)
    }

    /// The offsets that a group committed, with their metadata; nil where it has none.
    ///
    /// A partition that does not exist has none.
    public func committedOffsets(
        group: String,
        _ partitions: some Collection<TopicPartition> & Sendable,
        timeout: Duration = .seconds(10)
    ) async throws(KafkaError) -> [TopicPartition: CommittedOffset?] {
        guard !partitions.isEmpty else { return [:] }
        let deadline = Deadline(after: timeout)
        return try await session.run { session throws(KafkaError) in
            let operation = "reading the committed offsets of group \(group)"
            // Not ListConsumerGroupOffsets: before 2.1 librdkafka follows a null pointer when the broker answers it
            // that it is not the coordinator (any more).
            let client = try session.client(ofGroup: group)
            return try session.retrying(until: deadline) { _, attempt throws(KafkaError) in
                let list = TopicPartitionList(partitions)
                let limit = max(attempt.remaining.wholeMilliseconds, 1)
                try KafkaError.check(rd_kafka_committed(client.pointer, list.pointer, limit), operation)
                var committed: [TopicPartition: CommittedOffset?] = [:]
                var failure: KafkaError?
                for element in list.elements {
                    let hasOffset = element.error == RD_KAFKA_RESP_ERR_NO_ERROR && element.offset >= 0
                    committed[element.partition] = .some(
                        hasOffset ? CommittedOffset(offset: element.offset, metadata: element.metadata) : nil
                    )
                    guard
                        element.error != RD_KAFKA_RESP_ERR_NO_ERROR,
                        element.error != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
                    else { continue }
                    failure = KafkaError(element.error, operation: "\(operation), partition \(element.partition)")
                }
                if let failure { throw failure }
                return committed
            }
        }
    }

    /// Commits offsets, with their metadata, for a group that has no members.
    ///
    /// - Returns: the partitions that failed, with why. Empty is success.
    /// - Throws: ``KafkaError`` where all failed: `unknownMemberID` while the group has members (and on the embedded
    ///   broker once it has had one).
    public func alterOffsets(
        group: String,
        _ offsets: [TopicPartition: CommittedOffset],
        timeout: Duration = .seconds(10)
    ) async throws(KafkaError) -> [TopicPartition: KafkaError] {
        let operation = "committing offsets of group \(group)"
        guard !offsets.isEmpty else { return [:] }
        // librdkafka would leave those out without a word.
        guard offsets.values.allSatisfy({ $0.offset >= 0 }) else {
            throw KafkaError(code: .localInvalidArgument, operation: operation, message: "an offset is below 0")
        }
        let deadline = Deadline(after: timeout)
        return try await session.run { session throws(KafkaError) in
            try session.retrying(until: deadline) { session, _ throws(KafkaError) in
                let list = TopicPartitionList(capacity: offsets.count)
                for (partition, committed) in offsets {
                    list.add(partition, offset: committed.offset, metadata: committed.metadata)
                }
                var alteration = rd_kafka_AlterConsumerGroupOffsets_new(group, list.pointer)
                defer { rd_kafka_AlterConsumerGroupOffsets_destroy(alteration) }
                return try session.request(
                    RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS,
                    operation,
                    deadline,
                    send: { rd_kafka_AlterConsumerGroupOffsets($0, &alteration, 1, $1, $2) },
                    read: { event throws(KafkaError) in
                        var count = 0
                        let groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(event, &count)
                        let failures = try Self.failures(groups?.pointee, operation)
                        if failures.count == offsets.count, let failure = failures.values.first { throw failure }
                        return failures
                    }
                )
            }
        }
    }

    /// Forgets what a group committed for partitions of topics that it is not subscribed to.
    ///
    /// - Returns: the partitions that failed, with why. Empty is success.
    public func deleteOffsets(
        group: String,
        _ partitions: some Collection<TopicPartition> & Sendable,
        timeout: Duration = .seconds(10)
    ) async throws(KafkaError) -> [TopicPartition: KafkaError] {
        guard !partitions.isEmpty else { return [:] }
        let deadline = Deadline(after: timeout)
        return try await session.run { session throws(KafkaError) in
            let operation = "deleting offsets of group \(group)"
            return try session.retrying(until: deadline) { session, _ throws(KafkaError) in
                let list = TopicPartitionList(partitions)
                var deletion = rd_kafka_DeleteConsumerGroupOffsets_new(group, list.pointer)
                defer { rd_kafka_DeleteConsumerGroupOffsets_destroy(deletion) }
                return try session.request(
                    RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS,
                    operation,
                    deadline,
                    send: { rd_kafka_DeleteConsumerGroupOffsets($0, &deletion, 1, $1, $2) },
                    read: { event throws(KafkaError) in
                        var count = 0
                        let groups = rd_kafka_DeleteConsumerGroupOffsets_result_groups(event, &count)
                        return try Self.failures(groups?.pointee, operation)
                    }
                )
            }
        }
    }

    /// Tells an offset of each partition, with one request a leader.
    ///
    /// - Throws: ``KafkaError`` where any partition failed, or does not exist. The embedded broker knows no offsets by
    ///   time and fails as unsupported.
    public func listOffsets(
        _ partitions: some Collection<TopicPartition> & Sendable,
        _ specification: OffsetSpecification,
        timeout: Duration = .seconds(10)
    ) async throws(KafkaError) -> [TopicPartition: Int64] {
        guard !partitions.isEmpty else { return [:] }
        let deadline = Deadline(after: timeout)
        return try await session.run { session throws(KafkaError) in
            try session.retrying(until: deadline) { session, attempt throws(KafkaError) in
                switch specification {
                case .earliest:
                    return try Self.offsets(partitions, at: Int64(RD_KAFKA_OFFSET_BEGINNING), session, attempt)
                case .latest:
                    return try Self.offsets(partitions, at: Int64(RD_KAFKA_OFFSET_END), session, attempt)
                case .timestamp(let time):
                    // It would answer any time with "no record", which can't be told from the truth.
                    try session.refuseEmbeddedBroker("listing offsets by time", attempt)
                    // The end first: what is appended in between is then after it, and not passed over.
                    let ends = try Self.offsets(partitions, at: Int64(RD_KAFKA_OFFSET_END), session, attempt)
                    let found = try Self.offsets(partitions, at: max(0, time), session, attempt)
                    return ends.merging(found) { end, offset in offset < 0 ? end : offset }
                }
            }
        }
    }

    /// From the first record that each partition has to its end. The starts are asked for before the ends.
    ///
    /// - Throws: as ``listOffsets(_:_:timeout:)``.
    package func extents(
        of partitions: some Collection<TopicPartition> & Sendable
    ) async throws(KafkaError) -> [TopicPartition: Range<Int64>] {
        let starts = try await listOffsets(partitions, .earliest)
        let ends = try await listOffsets(partitions, .latest)
        return starts.reduce(into: [:]) { ranges, start in
            ranges[start.key] = start.value..<max(start.value, ends[start.key] ?? start.value)
        }
    }

    private static func offsets(
        _ partitions: some Collection<TopicPartition>,
        at time: Int64,
        _ session: AdminSession,
        _ deadline: Deadline
    ) throws(KafkaError) -> [TopicPartition: Int64] {
        let operation = "listing offsets of \(partitions.count) partitions, \(partitions.first!) first"
        return try session.main.offsets(of: partitions, at: time, timeout: deadline.remaining, operation)
    }

    private static func failures(
        _ group: OpaquePointer?,
        _ operation: String
    ) throws(KafkaError) -> [TopicPartition: KafkaError] {
        guard let group else { return [:] }
        try check(rd_kafka_group_result_error(group), operation)
        var failures: [TopicPartition: KafkaError] = [:]
        for element in TopicPartitionList.elements(of: rd_kafka_group_result_partitions(group)) {
            guard element.error != RD_KAFKA_RESP_ERR_NO_ERROR else { continue }
            failures[element.partition] = KafkaError(
                element.error,
                operation: "\(operation), partition \(element.partition)"
            )
        }
        return failures
    }
}
