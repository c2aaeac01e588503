public import RdKafka

/// What a queue's state topic says of one job: how far it is, or how it has ended.
///
/// It is there for jobs that leave something: a checkpoint, progress, a result; and of those that were enqueued with
/// ``NewJob/keepResult`` also when they end without one.
public struct JobState: Sendable, Equatable {
    /// How a job has ended.
    public enum Ending: String, Sendable {
        case completed
        case discarded
        /// It is, or was, a dead letter.
        case dead
        case cancelled
    }

    public let id: String
    public let partition: Int32
    /// The attempt that said so last.
    public let attempt: Int
    /// When that was, in milliseconds since the epoch.
    public let at: Int64
    /// JSON as it is; other bytes as they were given.
    public let checkpoint: Bytes?
    /// From 0 to 1.
    public let progress: Double?
    public let note: String?
    /// Nil while the job goes on.
    public let ending: Ending?
    public let result: Bytes?
    /// Why there is none, where the job has not completed.
    public let error: String?
    /// When this may be taken away, in milliseconds since the epoch.
    public let expiresAt: Int64?

    init(id: String, partition: Int32, _ record: JobRecord) {
        self.id = id
        self.partition = partition
        attempt = record.attempt
        at = record.at
        checkpoint = record.checkpoint?.bytes
        progress = record.progress
        note = record.note
        ending =
            switch record.outcome {
            case .completed: .completed
            case .discarded: .discarded
            case .dead: .dead
            case .cancelled: .cancelled
            case nil: nil
            }
        result = record.result?.bytes
        error = record.error
        expiresAt = record.expiresAt
    }
}
