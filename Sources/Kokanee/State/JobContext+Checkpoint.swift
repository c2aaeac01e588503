public import RdKafka
internal import Synchronization

extension JobContext {
    /// Keeps how far the job has come: when this returns the brokers have it, and the job's next attempt, wherever it runs,
    /// gets it from ``lastCheckpoint(as:)``.
    ///
    /// It takes the place of the one before, and is gone once the job has completed or was discarded. See
    /// docs/checkpoints.md. In a rehearsal it is checked and kept nowhere.
    ///
    /// - Parameter value: at most 64 KiB, as JSON.
    /// - Throws: ``StateError`` where it is too large, or where the job is another worker's by now: let that through, for
    ///   nothing of the attempt counts any more. ``KafkaError`` where the brokers did not take it; then the one before it
    ///   counts, or this one. `CancellationError` where the attempt is cancelled.
    public func checkpoint(_ value: some Encodable) async throws {
        try await checkpoint(try JSONCodec().encode(value))
    }

    /// As ``checkpoint(_:)-(Encodable)``, of bytes as they are.
    public func checkpoint(_ bytes: Bytes) async throws {
        guard let content else { return try QueueState.check(bytes, limit: QueueState.Settings().checkpointLimit) }
        let state = content.runtime.state
        try QueueState.check(bytes, limit: state.settings.checkpointLimit)
        content.attemptNotes.contents.withLock { $0.spokeAt = .now }
        try await state.save(of: content) { $0.checkpoint = JobRecord.Blob(bytes: bytes) }
    }

    /// What an attempt of the job, this one or an earlier one, kept last; nil where none did.
    ///
    /// - Throws: `DecodingError` where it is no such value; else as ``checkpoint(_:)-(Encodable)``.
    public func lastCheckpoint<Value: Decodable>(as type: Value.Type) async throws -> Value? {
        try await lastCheckpoint().map { try JSONCodec().decode(type, from: $0) }
    }

    /// As ``lastCheckpoint(as:)``, the bytes as they are.
    public func lastCheckpoint() async throws -> Bytes? {
        guard let content else { return nil }
        return try await content.runtime.state.record(of: content)?.checkpoint?.bytes
    }
}

extension QueueState {
    static func check(_ bytes: Bytes, limit: Int) throws {
        guard bytes.count <= limit else { throw StateError.tooLarge(bytes.count, limit: limit) }
    }
}
