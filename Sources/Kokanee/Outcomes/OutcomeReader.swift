internal import RdKafka
internal import Synchronization

/// Reads the marks that workers have left in a queue's state topic.
struct OutcomeReader: Sendable {
    private let configuration: ClientConfiguration
    private let admin: AdminClient

    /// - Throws: ``KafkaError`` where librdkafka refuses a property.
    init(_ configuration: ClientConfiguration) throws(KafkaError) {
        self.configuration = configuration
        admin = try AdminClient(configuration.seeingUncommitted)
    }

    /// What is marked of the jobs in a queue's main topic, by partition; a partition of which nothing is marked is left out.
    ///
    /// The state topic is read once, at scan speed, and to its own end: what is marked behind somebody's open transaction is
    /// waited for, since without it jobs would be run again that are done. In memory is a kilobyte for each chunk of
    /// ``OffsetSet``, build and replay of which something is kept.
    ///
    /// - Parameters:
    ///   - queue: or a replay of it: the marks are the same.
    ///   - partitions: nil is all.
    ///   - ranges: only what is marked of these offsets, give or take a chunk at either end, and of these partitions; nil is
    ///     all of them.
    /// - Returns: nothing where there is no state topic.
    /// - Throws: ``KafkaError``, also where a transaction stays open for more than 90 s.
    func read(
        queue: Queue,
        partitions: [Int32]? = nil,
        within ranges: [Int32: Range<Int64>]? = nil
    ) async throws -> [Int32: Outcomes] {
        let topic = queue.outcomeTopic
        let wanted = (try await admin.metadata(topics: [topic]).partitions(of: topic) ?? []).filter { place in
            (partitions?.contains(place.partition) ?? true)
                && (ranges.map { $0[place.partition]?.isEmpty == false } ?? true)
        }
        guard !wanted.isEmpty else { return [:] }
        let stretches = try await admin.extents(of: wanted)
        let found = Mutex<[Int32: Outcomes]>([:])
        try await TopicReader.readSettled(
            stretches,
            configuration: configuration,
            operation: "reading what is marked of the jobs"
        ) { record in
            guard let (kind, chunk) = OutcomeRecord.parse(key: record.key), let value = record.value else {
                return true
            }
            let partition = record.topicPartition.partition
            if let ranges {
                let start = chunk * OffsetSet.chunkLength
                guard let range = ranges[partition], range.overlaps(start..<start + OffsetSet.chunkLength) else {
                    return true
                }
            }
            // Of several values with a key each has all bits of the ones before it.
            guard let (build, replay, words) = OutcomeRecord.parse(value: value) else { return true }
            found.withLock { found in
                switch kind {
                case .completed:
                    found[partition, default: Outcomes()].addCompleted(
                        build: build,
                        replay: replay,
                        chunk: chunk,
                        words
                    )
                case .failed: found[partition, default: Outcomes()].addFailed(chunk: chunk, words)
                }
            }
            return true
        }
        return found.withLock { $0.filter { !$0.value.isEmpty } }
    }
}
