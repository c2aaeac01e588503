public import RdKafka

/// The replays and resets of all queues, as `kokanee.control` has them: who did what, when, and what came of it.
public struct ReplayBook: Sendable {
    private let control: ControlTopic
    private let codec = JSONCodec()

    /// - Throws: ``KafkaError`` where librdkafka refuses a property.
    public init(_ configuration: ClientConfiguration) throws(KafkaError) {
        control = try ControlTopic(configuration)
    }

    /// All replays, or one queue's, the oldest first.
    public func records(queue: String? = nil) async throws -> [ReplayRecord] {
        ReplayRecord.records(try await control.read(prefix: ReplayRecord.keyPrefix(queue: queue)))
    }

    /// - Throws: ``InputError`` where there is none of that id.
    public func record(_ id: String) async throws -> ReplayRecord {
        guard let record = try await records().first(where: { $0.id == id }) else {
            throw InputError("there is no replay \(SafeText.quoted(id)); list them with: kokanee replay list")
        }
        return record
    }

    public func begin(_ beginning: ReplayRecord.Beginning) async throws {
        try await write(beginning, beginning.queue, beginning.id, .beginning)
    }

    public func wish(_ wish: ReplayRecord.Wish, of replay: ReplayRecord) async throws {
        try await write(wish, replay.beginning.queue, replay.id, .wish)
    }

    public func end(_ result: ReplayRecord.Result, of replay: ReplayRecord) async throws {
        try await write(result, replay.beginning.queue, replay.id, .result)
    }

    private func write(_ value: some Encodable, _ queue: String, _ id: String, _ part: ReplayRecord.Part) async throws {
        try await control.write([(ReplayRecord.key(queue, id, part), codec.encode(value).array)])
    }
}
