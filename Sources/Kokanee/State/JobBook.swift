internal import RdKafka

/// What is known of the records that one partition's jobs have in the state topic.
///
/// It is pure. Checkpoints are kept in memory as far as there is room; of the others is known where they stand.
struct JobBook: Sendable {
    /// What is asked of a record at first sight.
    struct Head: Sendable, Equatable {
        var order: JobRecord.Order
        /// In milliseconds since the epoch; from then on the record says nothing.
        var expiresAt: Int64?
        /// Whether the job has not ended.
        var isOpen: Bool
    }

    struct Entry: Sendable {
        var head: Head
        /// Where the record stands in the state topic's partition; nil where nobody has said.
        var offset: Int64?
        /// The record's value, where there was room for it.
        var value: Bytes?
    }

    /// Bytes of values that one partition keeps at most.
    static let usualLimit = 4 << 20

    private(set) var entries: [KeyDigest: Entry] = [:]
    private(set) var bytes = 0
    private let limit: Int

    init(limit: Int = Self.usualLimit) {
        self.limit = limit
    }

    subscript(key: KeyDigest) -> Entry? { entries[key] }

    /// The highest epoch that any record has.
    private(set) var latestEpoch: Int64 = 0

    /// Whether there is room for one more value.
    var hasRoom: Bool { bytes < limit }

    /// Takes note of a record, unless a newer one is known.
    ///
    /// - Parameter value: called where there is room for it.
    mutating func note(_ key: KeyDigest, _ head: Head, offset: Int64?, value: () -> Bytes) {
        latestEpoch = max(latestEpoch, head.order.epoch)
        let known = entries[key]
        if let known, known.head.order > head.order { return }
        bytes -= known?.value?.count ?? 0
        var entry = Entry(head: head, offset: offset, value: nil)
        if head.isOpen, bytes < limit {
            let value = value()
            bytes += value.count
            entry.value = value
        }
        entries[key] = entry
    }

    /// Takes note of where a record stands that may have to be read again: it is open, there was no room for its value, and
    /// no other one is known by now.
    mutating func stands(_ key: KeyDigest, _ value: Bytes, at offset: Int64) {
        guard let entry = entries[key], entry.head.isOpen, entry.value == nil, entry.offset == nil else { return }
        guard value.withUnsafeBytes({ Head($0) })?.order == entry.head.order else { return }
        entries[key]?.offset = offset
    }

    mutating func remove(_ key: KeyDigest) {
        bytes -= entries.removeValue(forKey: key)?.value?.count ?? 0
    }

    /// Takes over what another book knows of a partition that was away for a moment.
    mutating func take(over other: JobBook) {
        for (key, entry) in other.entries {
            let known = entries[key].flatMap { $0.head.order == entry.head.order ? $0.offset : nil }
            note(key, entry.head, offset: entry.offset ?? known) { entry.value ?? Bytes([]) }
            if entry.value == nil { entries[key]?.value = nil }
        }
    }

    /// With these keys only.
    func excerpt(of keys: [KeyDigest]) -> JobBook {
        var excerpt = JobBook(limit: limit)
        for key in keys { excerpt.entries[key] = entries[key] }
        return excerpt
    }

    /// Forgets what has expired; returns how many records that were.
    mutating func expire(now: Int64) -> Int {
        let expired = entries.filter { entry in entry.value.head.expiresAt.map { $0 <= now } ?? false }
        for key in expired.keys { remove(key) }
        return expired.count
    }
}

extension JobBook.Head {
    /// What a value says; nil for bytes that no job's record has.
    init?(_ value: UnsafeRawBufferPointer) {
        if let head = Self.read(value) {
            self = head
        } else {
            guard let record = JobRecord(value: Bytes(copying: value)) else { return nil }
            self.init(order: record.order, expiresAt: record.expiresAt, isOpen: record.isOpen)
        }
    }

    /// Reads a value that stands as ``JobRecord/value`` writes it, without making anything.
    private static func read(_ value: UnsafeRawBufferPointer) -> Self? {
        var scan = JSONScan(value)
        guard scan.take("{\"attempt\":"), scan.number() != nil, scan.take(",\"at\":"), scan.number() != nil,
            scan.take(",\"epoch\":"), let epoch = scan.number(), scan.take(",\"sequence\":"),
            let sequence = scan.number()
        else { return nil }
        var expiresAt: Int64?
        if scan.take(",\"expiresAt\":") {
            guard let number = scan.number() else { return nil }
            expiresAt = number
        }
        let order = JobRecord.Order(readEpoch: epoch, sequence: sequence)
        let isOpen = !scan.take(",\"outcome\":\"") || scan.take("dead\"")
        return Self(order: order, expiresAt: expiresAt, isOpen: isOpen)
    }
}
