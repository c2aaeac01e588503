import RdKafka

@testable import Kokanee

/// A record of a partition of the state topic.
struct ModelStateRecord {
    enum Value {
        case mark(MarkBook.Mark)
        /// How far a job had come, as its checkpoint says it.
        case checkpoint(JobBook.Head, Int)
        case tombstone(isMark: Bool)
    }

    let key: String
    let value: Value
    /// Who wrote it, and in which of its assignments.
    let worker: Int
    let assignment: Int

    var digest: KeyDigest { KeyDigest(Bytes(key)) }
}

/// One partition of the state topic, which is never compacted: readers have to cope with all that was ever written.
struct ModelStateLog {
    private(set) var records: [ModelStateRecord] = []

    mutating func append(_ record: ModelStateRecord) { records.append(record) }
}
