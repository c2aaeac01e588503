internal import CRdKafka

/// Records that were handed over together and are kept until all are acknowledged or have failed, so that the next
/// instance can produce them again.
///
/// `@unchecked Sendable`: what changes belongs to one thread at a time. `place` and `missing` are touched under the
/// producer's lock only. `cursor` and `sink`'s calls belong to whoever has the producer's hand-over role. A slot is
/// written by the polling thread when its report comes, or by the holder of the hand-over role when librdkafka refuses
/// its record, of which there is then no report; and `abandonment` by the polling thread while it has that role. It is
/// read by others once ``finish()`` was called, after `missing` had become 0 under the lock that all writers took
/// between their writing and that; and by the polling thread once it, or under that lock another, has settled it.
class PendingRecords: @unchecked Sendable {
    let count: Int
    /// Where it stands in the order of all that was handed over.
    fileprivate(set) var sequence = 0
    /// The index in the producer's list; -1 when it is in none.
    var position = -1
    /// Records that are neither acknowledged nor failed.
    var missing: Int
    /// As of the polling thread's last turn; nil where nobody minds how long the records wait.
    var acceptedAt: ContinuousClock.Instant?
    /// The next record to be handed to librdkafka.
    var cursor = 0
    /// Why what is still pending is given up.
    var abandonment: KafkaError?
    /// Who is told of each record by itself; nil where only ``finish()`` tells.
    let receiver: (any DeliveryReceiver)?
    fileprivate let slots: UnsafeMutablePointer<DeliverySlot>

    fileprivate init(count: Int, receiver: (any DeliveryReceiver)? = nil) {
        self.count = count
        self.receiver = receiver
        missing = count
        slots = .allocate(capacity: count)
        slots.initialize(repeating: DeliverySlot(owner: .passUnretained(self)), count: count)
    }

    deinit {
        // The slots are trivial.
        slots.deallocate()
    }

    func accept(sequence: Int, at now: ContinuousClock.Instant?) {
        self.sequence = sequence
        acceptedAt = now
    }

    func topic(of index: Int) -> String { fatalError("abstract") }
    func offer(_ index: Int, to sink: inout RecordSink) { fatalError("abstract") }
    /// Tells that all is settled. To be called once, without the producer's lock.
    func finish() { fatalError("abstract") }
    /// What the receiver is told of a record that is settled.
    func settled(_ index: Int) -> SettledRecord { fatalError("abstract") }

    enum HandOver {
        case finished
        /// There is more than was to be handed over.
        case interrupted
        /// librdkafka has no room, or, after a fatal error, no use for more.
        case full
    }

    /// Offers the records to librdkafka from the cursor on; returns which of them it refused for good.
    func handOver(to sink: inout RecordSink, limit: Int) -> (end: HandOver, handed: Int, refused: [Int]) {
        var refused: [Int] = []
        let start = cursor
        let end = min(count, start + limit)
        while cursor < end {
            let slot = slots + cursor
            // Of what is produced again after a fatal error, a part was settled before.
            guard slot.pointee.state == .pending else {
                cursor += 1
                continue
            }
            sink.token = UnsafeMutableRawPointer(slot)
            offer(cursor, to: &sink)
            if sink.code == RD_KAFKA_RESP_ERR__QUEUE_FULL, sink.isQueueEmpty {
                // It may have been emptied since. Nobody else fills it: one that does not take the record now never will.
                offer(cursor, to: &sink)
                if sink.code == RD_KAFKA_RESP_ERR__QUEUE_FULL { sink.refuseAsTooLarge() }
            }
            switch sink.code {
            case RD_KAFKA_RESP_ERR_NO_ERROR: break
            case RD_KAFKA_RESP_ERR__QUEUE_FULL, RD_KAFKA_RESP_ERR__FATAL:
                return (.full, cursor - start, refused)
            default:
                slot.pointee.code = sink.code
                slot.pointee.state = .refused
                refused.append(cursor)
            }
            cursor += 1
        }
        return (cursor == count ? .finished : .interrupted, cursor - start, refused)
    }

    func index(of slot: UnsafeMutablePointer<DeliverySlot>) -> Int { slot - slots }

    /// What became of a record, once all are settled.
    func result(_ index: Int) -> Result<Delivery, KafkaError> {
        let slot = slots[index]
        guard slot.state == .delivered else { return .failure(error(index)) }
        return .success(
            Delivery(
                topicPartition: TopicPartition(topic: topic(of: index), partition: slot.partition),
                offset: slot.offset,
                timestamp: slot.timestamp,
                timestampType: slot.timestampType
            )
        )
    }

    fileprivate func error(_ index: Int) -> KafkaError {
        let slot = slots[index]
        let topic = topic(of: index)
        switch slot.state {
        case .failed: return KafkaError(slot.code, operation: "producing to \(topic)/\(slot.partition)")
        case .refused: return KafkaError(slot.code, operation: "producing to \(topic)")
        case .pending, .delivered:
            return abandonment ?? KafkaError(code: .localState, operation: "producing to \(topic)")
        }
    }
}

/// One record, and who is told of its fate.
final class PendingRecord: PendingRecords, @unchecked Sendable {
    private let record: ProducerRecord
    private let completion: Producer.Completion

    init(_ record: ProducerRecord, _ completion: @escaping Producer.Completion) {
        self.record = record
        self.completion = completion
        super.init(count: 1)
    }

    override func topic(of index: Int) -> String { record.topic }
    override func offer(_ index: Int, to sink: inout RecordSink) { sink.offer(record) }
    override func finish() { completion(result(0)) }
}

/// The records of a source; who sent them waits for all.
final class PendingBatch: PendingRecords, @unchecked Sendable {
    private let source: any RecordSource
    private let whenSettled: @Sendable (SettledBatch) -> Void

    init(_ source: any RecordSource, whenSettled: @escaping @Sendable (SettledBatch) -> Void) {
        self.source = source
        self.whenSettled = whenSettled
        super.init(count: source.count)
    }

    override func topic(of index: Int) -> String { source.topic(of: index) }
    override func offer(_ index: Int, to sink: inout RecordSink) { source.offer(index, to: &sink) }
    override func finish() { whenSettled(SettledBatch(self)) }
}

/// The records of a source, of each of which somebody is told as soon as it is settled.
final class PendingEach: PendingRecords, @unchecked Sendable {
    private let source: any RecordSource

    init(_ source: any RecordSource, telling receiver: any DeliveryReceiver) {
        self.source = source
        super.init(count: source.count, receiver: receiver)
    }

    override func topic(of index: Int) -> String { source.topic(of: index) }
    override func offer(_ index: Int, to sink: inout RecordSink) { source.offer(index, to: &sink) }

    /// What is still pending was given up; all else has been told of, or is by who noted the refusals.
    override func finish() {
        guard abandonment != nil else { return }
        receiver?.settled((0..<count).filter { slots[$0].state == .pending }.map(settled))
    }

    override func settled(_ index: Int) -> SettledRecord {
        let slot = slots[index]
        return SettledRecord(
            source: source,
            index: index,
            error: slot.state == .delivered ? nil : error(index),
            offset: slot.state == .delivered ? slot.offset : -1,
            timestamp: slot.timestamp,
            timestampType: slot.timestampType
        )
    }
}

/// What became of records that were sent together. Nothing of it changes any more.
package struct SettledBatch: Sendable {
    private let records: PendingBatch

    fileprivate init(_ records: PendingBatch) {
        self.records = records
    }

    package var count: Int { records.count }

    /// Where a record stands; nil where it failed.
    package func place(of index: Int) -> (partition: Int32, offset: Int64)? {
        precondition(index >= 0 && index < records.count)
        let slot = records.slots[index]
        return slot.state == .delivered ? (slot.partition, slot.offset) : nil
    }

    package func result(_ index: Int) -> Result<Delivery, KafkaError> {
        precondition(index >= 0 && index < records.count)
        return records.result(index)
    }
}

/// Records that are at hand.
final class RecordArray: RecordSource {
    private let records: [ProducerRecord]

    init(_ records: [ProducerRecord]) {
        self.records = records
    }

    var count: Int { records.count }
    func topic(of index: Int) -> String { records[index].topic }
    func offer(_ index: Int, to sink: inout RecordSink) { sink.offer(records[index]) }
}
