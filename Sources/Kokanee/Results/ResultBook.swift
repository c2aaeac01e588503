internal import RdKafka

/// What a client knows of the jobs of one queue, from the records of its state topic that it has read.
///
/// It keeps the newest record of each job, as far as they find room; who asks for one that is not here waits, and is told by
/// ``take(id:value:partition:)`` when it comes.
struct ResultBook: Sendable {
    private struct Entry {
        var state: JobState
        var order: JobRecord.Order
        var size: Int
    }

    private let mostBytes: Int
    private var entries: [String: Entry] = [:]
    /// Ids in the order in which they came; some are not here any more.
    private var arrivals = Fifo<String>()
    private var bytes = 0
    /// Of jobs that have ended and were let go for want of room: the topic has them all the same, until it loses them, too.
    private var forgotten: Set<KeyDigest> = []

    static let usualSize = 16 << 20

    init(mostBytes: Int = usualSize) {
        self.mostBytes = mostBytes
    }

    subscript(id: String) -> JobState? { entries[id]?.state }

    /// Takes a record; nil where it says nothing new.
    ///
    /// - Returns: the job's state; one that has been taken away is told as the last that was known.
    mutating func take(id: String, value: Bytes?, partition: Int32) -> JobState? {
        guard let value else {
            if !forgotten.isEmpty { forgotten.remove(KeyDigest(Bytes(id))) }
            remove(id)
            return nil
        }
        guard let record = JobRecord(value: value) else { return nil }
        let known = entries[id]
        // A worker that stood still may have written behind its successor.
        if let known, known.order > record.order { return nil }
        let state = JobState(id: id, partition: partition, record)
        let size = value.count + 200
        bytes += size - (known?.size ?? 0)
        entries[id] = Entry(state: state, order: record.order, size: size)
        if known == nil { arrivals.append(id) }
        while bytes > mostBytes, let oldest = arrivals.popFirst() {
            if entries[oldest]?.state.ending != nil { forgotten.insert(KeyDigest(Bytes(oldest))) }
            remove(oldest)
        }
        return state
    }

    /// Whether the end of a job was known, and is not any more.
    func hasForgotten(_ id: String) -> Bool { !forgotten.isEmpty && forgotten.contains(KeyDigest(Bytes(id))) }

    private mutating func remove(_ id: String) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        bytes -= entry.size
        // Most jobs are taken away by tombstones, and not for want of room.
        guard arrivals.count > 2 * entries.count + 1024 else { return }
        arrivals.removeAll { [entries] in entries[$0] == nil }
    }
}
