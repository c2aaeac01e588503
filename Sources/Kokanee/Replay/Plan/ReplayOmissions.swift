internal import RdKafka

/// Which of the records that a plan selects are passed over all the same: by the replay, by the scan that counts what it
/// will run, and by a rehearsal of it.
struct ReplayOmissions: Sendable {
    enum Omission: Sendable, Equatable {
        /// Its job's first record stands before it in the plan.
        case repetition
        /// It was not due when the plan was made: live work runs it.
        case toCome
    }

    private let topic: String
    private let ranges: [Int32: Range<Int64>]
    private let selector: RecordSelector
    private let plannedAt: Int64?

    /// - Parameters:
    ///   - topic: the queue's main topic.
    ///   - ranges: the plan's, as the others.
    ///   - plannedAt: ``ReplayPlan/at``.
    init(
        topic: String,
        ranges: [Int32: Range<Int64>],
        selection: Selection,
        selector: RecordSelector,
        plannedAt: Int64?
    ) {
        self.topic = topic
        self.ranges = ranges
        self.selector = selector
        // What has failed or was completed is not to come any more, whatever its record says.
        let hasEnded = selection.isOnlyFailed || !selection.completedBy.isEmpty
        self.plannedAt = hasEnded ? nil : plannedAt.map(Timestamp.clamped)
    }

    init(of plan: ReplayPlan, topic: String, selector: RecordSelector) {
        self.init(
            topic: topic,
            ranges: plan.ranges,
            selection: plan.selection,
            selector: selector,
            plannedAt: plan.at
        )
    }

    /// Why a record is passed over; nil is that it is not.
    ///
    /// - Parameters:
    ///   - message: of an owner that lives on; selected.
    ///   - partition: the message's.
    func omission(of message: ConsumedMessage, in partition: Int32) -> Omission? {
        var isCandidate = false
        func look(_ name: UnsafeRawBufferPointer, _: UnsafeRawBufferPointer?) {
            switch HeaderName.recognise(name) {
            case .attempt, .dueAt: isCandidate = true
            default: break
            }
        }
        // Hardly any record has either header, and only these are read as a whole.
        message.forEachHeader(look)
        guard isCandidate else { return nil }
        let scan = HeaderScan(message)
        if isRepetition(scan, partition, message.offset) { return .repetition }
        return isToCome(scan) ? .toCome : nil
    }

    func omission(of record: Record) -> Omission? {
        withExtendedLifetime(record) { omission(of: record.storage.message, in: record.partition) }
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

    /// Whether live work has its turn yet, as of the plan's making: so all that go by the plan agree. One that is due too far
    /// ahead is none that waits: it is dead.
    func isToCome(_ scan: HeaderScan) -> Bool {
        guard let plannedAt, let dueAt = scan.dueAt else { return false }
        return dueAt > plannedAt && dueAt - plannedAt <= Intake.furthestDue
    }
}
