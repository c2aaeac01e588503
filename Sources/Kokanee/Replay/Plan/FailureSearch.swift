internal import RdKafka
internal import Synchronization

/// Finds the jobs of a queue that have failed, by where they are now: for history from before workers marked failures.
enum FailureSearch {
    /// Where in the main topic the dead letters come from, and the jobs that wait on rungs because an attempt failed.
    ///
    /// - Parameter ranges: of the main topic; others are not asked for.
    static func run(
        _ queue: Queue,
        _ ranges: [Int32: Range<Int64>],
        _ admin: AdminClient,
        _ configuration: ClientConfiguration
    ) async throws -> [Int32: OffsetSet] {
        let topics = [queue.deadLetterTopic] + queue.retryTopics
        let metadata = try await admin.metadata(topics: topics)
        let places = topics.flatMap { metadata.partitions(of: $0) ?? [] }
        let stretches = try await admin.extents(of: places)
        let found = Mutex<[Int32: OffsetSet]>([:])
        try await TopicReader.read(stretches, configuration: configuration) { record in
            let isLetter = record.topic == queue.deadLetterTopic
            guard let origin = origin(of: record, isLetter: isLetter), origin.topic == queue.mainTopic,
                ranges[origin.partition]?.contains(origin.offset) == true
            else { return true }
            found.withLock { $0[origin.partition, default: OffsetSet()].insert(origin.offset) }
            return true
        }
        return found.withLock { $0 }
    }

    /// Nil of a job that only waits for its time.
    private static func origin(of record: Record, isLetter: Bool) -> Envelope.Origin? {
        var origin: Envelope.Origin?
        var hasFailed = isLetter
        record.forEachHeader { name, value in
            switch HeaderName.recognise(name) {
            case .origin: origin = value.flatMap(Envelope.Origin.init)
            case .error, .firstFailedAt: hasFailed = true
            default: break
            }
        }
        return hasFailed ? origin : nil
    }
}
