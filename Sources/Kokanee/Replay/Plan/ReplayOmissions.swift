internal import RdKafka

/// Which of the records that a plan selects are passed over all the same: by the replay, by the scan that counts what it
/// will run, and by a rehearsal of it.
struct ReplayOmissions: Sendable {
    private let topic: String
    private let ranges: [Int32: Range<Int64>]
    private let selector: RecordSelector

    /// - Parameters:
    ///   - topic: the queue's main topic.
    ///   - ranges: the plan's.
    init(topic: String, ranges: [Int32: Range<Int64>], selector: RecordSelector) {
        self.topic = topic
        self.ranges = ranges
        self.selector = selector
    }

    /// - Parameters:
    ///   - message: of an owner that lives on; selected.
    ///   - partition: the message's.
    ///   - alone: whether the message is known to the caller alone, so that its headers are read without a lock.
    func omits(_ message: ConsumedMessage, of partition: Int32, alone: Bool = false) -> Bool {
        var isCandidate = false
        func look(_ name: UnsafeRawBufferPointer, _: UnsafeRawBufferPointer?) {
            if HeaderName.recognise(name) == .attempt { isCandidate = true }
        }
        // Hardly any record has the header, and only these are read as a whole.
        _ = alone ? message.forEachHeaderUnshared(look) : message.forEachHeader(look)
        return isCandidate && isRepetition(HeaderScan(message), partition, message.offset)
    }

    func omits(_ record: Record) -> Bool {
        withExtendedLifetime(record) { omits(record.storage.message, of: record.partition) }
    }

    /// Whether a record of the main topic is a later one of a job whose first record stands before it in the plan, written
    /// after an attempt or when the job had to wait: that was history's, and the replay makes its own. Where the plan begins
    /// behind the first record this one is all that there is of the job.
    ///
    /// Every hop names the attempt that its record is for. A dead letter that was sent back does not: it is a record of its
    /// own, though it has an origin.
    func isRepetition(_ scan: HeaderScan, _ partition: Int32, _ offset: Int64) -> Bool {
        guard scan.attempt != nil, let origin = scan.origin, origin.topic == topic, origin.partition == partition,
            ranges[partition]?.contains(origin.offset) == true, origin.offset < offset
        else { return false }
        return selector.means(origin.offset, of: partition)
    }
}
