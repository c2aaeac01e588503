package import RdKafka
internal import Synchronization

/// What stands in `kokanee.control`, by key: commands to fleets, and the records of what was done.
///
/// The topic is compacted, small, and read whole. Of one key the newest value counts, by the broker's order within a
/// partition; a key always has the same partition.
package struct ControlTopic: Sendable {
    package struct Entry: Sendable, Equatable {
        package let key: String
        package let value: [UInt8]
        /// The broker's time, in milliseconds since the epoch.
        package let timestamp: Int64
    }

    private let configuration: ClientConfiguration
    private let admin: AdminClient

    /// - Throws: ``KafkaError`` where librdkafka refuses a property.
    package init(_ configuration: ClientConfiguration) throws(KafkaError) {
        self.configuration = configuration
        admin = try AdminClient(configuration)
    }

    /// The entries whose keys begin with `prefix`, sorted by key. None where the topic is not there.
    package func read(prefix: String) async throws -> [Entry] { try await read(prefixes: [prefix]) }

    /// The entries whose keys begin with any of some prefixes, sorted by key.
    package func read(prefixes: [String]) async throws -> [Entry] {
        guard let partitions = try await admin.metadata(topics: [Queue.controlTopic]).partitions(of: Queue.controlTopic)
        else { return [] }
        let ranges = try await admin.extents(of: partitions)
        let entries = Mutex<[String: Entry]>([:])
        try await TopicReader.read(ranges, configuration: configuration, stallTimeout: .seconds(10)) { record in
            guard let key = record.key?.text, prefixes.contains(where: key.hasPrefix) else { return true }
            let entry = record.value.map { Entry(key: key, value: $0.array, timestamp: record.timestamp) }
            entries.withLock { $0[key] = entry }
            return true
        }
        return entries.withLock { $0.values.sorted { $0.key < $1.key } }
    }

    /// Writes entries in their order and awaits their acknowledgements; a nil value takes an entry away.
    ///
    /// The topic is made where there is none.
    ///
    /// - Throws: ``KafkaError`` of the first that failed; ``TopicError`` where the topic can't be made.
    package func write(_ entries: [(key: String, value: [UInt8]?)]) async throws {
        try await TopicAdministrator(admin).createControlTopic()
        let producer = try Producer(configuration)
        let records = entries.map { entry in
            ProducerRecord(
                topic: Queue.controlTopic,
                key: Bytes(entry.key),
                value: entry.value.map { Bytes($0) }
            )
        }
        let results = await producer.send(records)
        await producer.close()
        for result in results { _ = try result.get() }
    }
}
