internal import RdKafka
internal import Synchronization

/// Looks up the oldest unfinished job of each of many partitions.
struct OldestJobs {
    /// Partitions that are read at once; each may hold a fetch in memory.
    private static let chunk = 128

    let configuration: ClientConfiguration
    let defaultType: String

    init(_ configuration: ClientConfiguration, defaultType: String) {
        // One record is wanted of each partition, not all that one request could bring.
        var properties = [
            "fetch.message.max.bytes": "65536",
            "queued.max.messages.kbytes": "1024",
            "queued.min.messages": "1",
        ]
        if configuration.properties["max.partition.fetch.bytes"] != nil { properties["fetch.message.max.bytes"] = nil }
        self.configuration = configuration.merging(properties)
        self.defaultType = defaultType
    }

    /// The first record within each range; partitions whose ranges have none are not in the result.
    func read(_ ranges: [TopicPartition: Range<Int64>]) async throws -> [TopicPartition: QueueStatus.Job] {
        var jobs: [TopicPartition: QueueStatus.Job] = [:]
        let partitions = ranges.keys.sorted()
        for start in stride(from: 0, to: partitions.count, by: Self.chunk) {
            let chunk = partitions[start..<min(start + Self.chunk, partitions.count)]
            var firsts: [TopicPartition: Range<Int64>] = [:]
            for partition in chunk {
                guard let range = ranges[partition], !range.isEmpty else { continue }
                firsts[partition] = range.lowerBound..<range.lowerBound + 1
            }
            jobs.merge(try await firstRecords(firsts)) { first, _ in first }
        }
        // Where no record has that offset (a transaction's marker, compaction) the next one that there is.
        for partition in partitions where jobs[partition] == nil {
            guard let range = ranges[partition], range.count > 1 else { continue }
            jobs.merge(try await firstRecords([partition: range.dropFirst()], stopsAtFirst: true)) { first, _ in first }
        }
        return jobs
    }

    private func firstRecords(
        _ ranges: [TopicPartition: Range<Int64>],
        stopsAtFirst: Bool = false
    ) async throws -> [TopicPartition: QueueStatus.Job] {
        let found = Found()
        try await TopicReader.read(ranges, configuration: configuration, stallTimeout: .seconds(10)) { record in
            found.jobs.withLock { $0[record.topicPartition] = job(record) }
            return !stopsAtFirst
        }
        return found.jobs.withLock(\.self)
    }

    private final class Found: Sendable {
        let jobs = Mutex<[TopicPartition: QueueStatus.Job]>([:])
    }

    private func job(_ record: Record) -> QueueStatus.Job {
        let place = Envelope.Origin(topic: record.topic, partition: record.partition, offset: record.offset)
        let envelope = try? Envelope.decode(record, defaultType: defaultType).get().envelope
        return QueueStatus.Job(
            offset: record.offset,
            id: envelope?.id ?? place.description,
            type: envelope?.type ?? "unreadable",
            // It may be the producer's, and then it is whatever the producer wrote.
            timestamp: Timestamp.clamped(record.timestamp)
        )
    }
}

extension ClientConfiguration {
    fileprivate func merging(_ properties: [String: String]) -> ClientConfiguration {
        var copy = self
        copy.properties.merge(properties) { _, new in new }
        return copy
    }
}
