import RdKafka

@testable import Kokanee

/// A record of a partition of the state topic.
struct ModelStateRecord {
    enum Value {
        case mark(MarkBook.Mark)
        /// How far a job had come, as its checkpoint says it.
        case checkpoint(JobBook.Head, Int)
        case tombstone(isMark: Bool)
        /// How far a schedule is, or that a job of one has come to its end; nil takes it away.
        case schedule([UInt8]?)
        /// Of a transaction that was taken back, or the marker of its end.
        case nothing
    }

    let key: String
    var value: Value
    /// Who wrote it, and in which of its assignments.
    let worker: Int
    let assignment: Int
    /// Where it stands, if not in its job's.
    var partition: Int?

    var digest: KeyDigest { KeyDigest(Bytes(key)) }
}

/// One partition of the state topic, which is never compacted: readers have to cope with all that was ever written.
struct ModelStateLog {
    /// By offset.
    private(set) var records: [ModelStateRecord] = []
    /// Where the open transaction begins, past which nobody reads who wants to see only what is committed.
    var heldFrom: Int?

    var readable: Int { heldFrom ?? records.count }

    mutating func append(_ record: ModelStateRecord) { records.append(record) }

    mutating func takeBack(_ offsets: [Int]) {
        for offset in offsets { records[offset].value = .nothing }
    }
}
