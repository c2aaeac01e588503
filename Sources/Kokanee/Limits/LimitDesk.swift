package import RdKafka

/// Reads and writes what `kokanee.control` says of queues' limits.
package struct LimitDesk: Sendable {
    private let control: ControlTopic
    private let configuration: ClientConfiguration
    private let admin: AdminClient

    /// - Throws: ``KafkaError`` where librdkafka refuses a property.
    package init(_ configuration: ClientConfiguration) throws(KafkaError) {
        self.configuration = configuration
        control = try ControlTopic(configuration)
        admin = try AdminClient(configuration)
    }

    /// A queue's limits; nil where none have been written, so that those of the workers' code count.
    ///
    /// - Throws: ``InputError`` where what is there can't be read; ``KafkaError``.
    package func table(of queue: String) async throws -> LimitTable? {
        guard let entry = try await entry(of: queue) else { return nil }
        do {
            return try LimitTable(json: entry.value)
        } catch {
            throw InputError(
                "what \(Queue.controlTopic) has under \(entry.key) can't be read: \(error); take it away with: "
                    + "kokanee limits \(queue) clear"
            )
        }
    }

    /// Whether limits of a queue have been written, whether they can be read or not.
    package func has(_ queue: String) async throws -> Bool {
        try await entry(of: queue) != nil
    }

    private func entry(of queue: String) async throws -> ControlTopic.Entry? {
        let key = LimitTable.controlKey(of: queue)
        return try await control.read(prefix: key).first { $0.key == key }
    }

    /// What a queue's workers, of whichever group, say that their configuration has of its limits; one without any among
    /// them. Workers of which nothing is heard are left out.
    package func reported(of queue: String) async throws -> [(worker: String, limits: [JobLimit])] {
        let control = try await admin.metadata(topics: [Queue.controlTopic]).partitions(of: Queue.controlTopic) ?? []
        let workers = try await ReportReader(configuration: configuration, admin: admin)
            .read(control, group: nil, now: Timestamp.now)
        return workers.filter { !$0.isSilent && $0.report.queue == queue }.map { ($0.report.name, $0.report.limits) }
    }

    /// Puts a queue's limits in the place of what they were; nil lets those of the workers' code count again.
    ///
    /// - Throws: ``InputError`` for limits of a replay's queue; ``KafkaError``.
    package func write(_ table: LimitTable?, of queue: String) async throws {
        if table != nil { try Queue(queue).requireLive() }
        try await control.write([(LimitTable.controlKey(of: queue), try table.map { try $0.json() })])
    }
}

extension LimitTable {
    /// Reads what ``json()`` writes.
    ///
    /// - Throws: ``PayloadError`` or ``InputError`` where it is none.
    package init(json: [UInt8]) throws {
        self = try JSONCodec().decode(LimitTable.self, from: Bytes(json))
    }

    package func json() throws -> [UInt8] {
        try JSONCodec().encode(self).array
    }
}
