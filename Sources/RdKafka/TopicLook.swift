internal import CRdKafka

/// Asks brokers for a topic's partitions, and for where their logs begin and end, on behalf of who reads without a group.
///
/// librdkafka's own question for one partition's ends says of a partition without a leader what it says of one that does
/// not exist. Whoever took the one for the other would read nothing where there is something.
struct TopicLook {
    /// What is known of partitions' ends.
    struct Extents {
        var ranges: [Int32: Range<Int64>] = [:]
        /// Why it is not known of all, by one example.
        var failure: KafkaError?
    }

    let client: ClientHandle
    let topic: String
    /// How long an answer may take; each leader is asked twice.
    let limit: Duration

    /// The leaders of the topic's partitions, -1 of those that have none; nil where a broker says that there is no such topic.
    ///
    /// - Parameters:
    ///   - handle: the topic's. Without it all topics are listed, because there are brokers that create whatever is named; one
    ///     that this client may not see is not among them.
    ///   - listed: called with the name of each topic that was.
    func leaders(
        _ handle: OpaquePointer?,
        listed: (String) -> Void = { _ in }
    ) throws(KafkaError) -> [Int32]? {
        let operation = "asking for the partitions of \(topic)"
        var metadata: UnsafePointer<rd_kafka_metadata>?
        let limit = limit.wholeMilliseconds
        let code = rd_kafka_metadata(client.pointer, handle == nil ? 1 : 0, handle, &metadata, limit)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else { throw KafkaError(code, operation: operation) }
        defer { rd_kafka_metadata_destroy(metadata) }
        let topics = UnsafeBufferPointer(start: metadata.pointee.topics, count: Int(metadata.pointee.topic_cnt))
        for topic in topics { listed(String(cString: topic.topic)) }
        guard let found = topics.first(where: { String(cString: $0.topic) == topic }) else { return nil }
        guard found.err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART else { return nil }
        try KafkaError.check(found.err, operation)
        let partitions = UnsafeBufferPointer(start: found.partitions, count: Int(found.partition_cnt))
        var leaders = [Int32](repeating: -1, count: partitions.count)
        for partition in partitions where leaders.indices.contains(Int(partition.id)) {
            leaders[Int(partition.id)] = partition.leader
        }
        return leaders
    }

    /// Where partitions begin and end. A leader that is away holds up its own partitions only.
    ///
    /// - Parameters:
    ///   - leaders: as ``leaders(_:)`` has them; of all these partitions.
    ///   - isStopped: whether nobody wants to know any more.
    func extents(of partitions: [Int32], _ leaders: [Int32], unless isStopped: () -> Bool) -> Extents {
        var extents = Extents()
        for (leader, led) in Dictionary(grouping: partitions, by: { leaders[Int($0)] }) where !isStopped() {
            if leader >= 0 {
                look(for: led, &extents, unless: isStopped)
            } else {
                let operation = operation(led)
                extents.failure = KafkaError(RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, operation: operation)
            }
        }
        return extents
    }

    /// Asks the one leader of partitions.
    private func look(for partitions: [Int32], _ extents: inout Extents, unless isStopped: () -> Bool) {
        do throws(KafkaError) {
            let places = partitions.map { TopicPartition(topic: topic, partition: $0) }
            let starts = try offsets(.earliest, of: places, operation(partitions))
            let ends = try offsets(.latest, of: places, operation(partitions))
            for place in places {
                // Where the log was cut between the two answers, the next look tells.
                guard let start = starts[place], let end = ends[place], start >= 0, end >= start else { continue }
                extents.ranges[place.partition] = start..<end
            }
        } catch {
            extents.failure = error
            // What the broker says of one of them librdkafka says of all.
            guard error.code.rawValue > 0, partitions.count > 1 else { return }
            for partition in partitions where !isStopped() { look(for: [partition], &extents, unless: isStopped) }
        }
    }

    private func operation(_ partitions: [Int32]) -> String { "looking where \(topic)/\(partitions[0]) ends" }

    private func offsets(
        _ edge: Consumer.Edge,
        of places: [TopicPartition],
        _ operation: String
    ) throws(KafkaError) -> [TopicPartition: Int64] {
        try client.offsets(of: places, at: edge.rawValue, timeout: limit, operation)
    }
}
