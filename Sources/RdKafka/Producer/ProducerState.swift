internal import CRdKafka

/// What a producer keeps of the records that are not acknowledged yet. ``ProducerCore`` guards it by its lock.
struct ProducerState {
    typealias Outcome = (observer: DeliveryObserver, result: Result<Delivery, KafkaError>)

    enum Ending {
        case now
        case when(ContinuousClock.Instant)
    }

    /// A record is kept until it is acknowledged, so that the next instance can produce it again.
    private struct Pending {
        var sequence: Int
        var record: ProducerRecord
        var observer: DeliveryObserver
        /// As of the polling thread's last turn; nil where nobody minds how long the record waits.
        var acceptedAt: ContinuousClock.Instant?
    }

    private static let barrenInstancesAllowed = 3
    private static let mockTimestamp: Int64 = 1234

    private(set) var instance: ProducerInstance
    /// Instances in a row that turned fatal before anything was acknowledged.
    private var barrenInstances = 0
    var ending: Ending?
    var hasEnded = false
    var whenEnded: [@Sendable () -> Void] = []
    /// A token is an index into it plus 1; a free place is nil and stands in `free`.
    private var slots: [Pending?] = []
    private var free: [Int] = []
    /// Slots that librdkafka's full queue did not take, in the order of their records; read from `overflowHead`.
    private var overflow: [Int] = []
    private var overflowHead = 0
    private var nextSequence = 0
    /// Asking for the time with each record would cost as much as the rest of taking it.
    private var now = ContinuousClock.now

    init(instance: ProducerInstance) {
        self.instance = instance
    }

    var unacknowledged: Int { slots.count - free.count }

    /// When the record was taken that has waited longest of those that are minded.
    ///
    /// It looks at every record: for the watch, which asks once a second.
    var oldestAcceptedAt: ContinuousClock.Instant? {
        guard unacknowledged > 0 else { return nil }
        return slots.lazy.compactMap { $0?.acceptedAt }.min()
    }

    /// Takes a record; returns what to tell at once where it is refused.
    ///
    /// - Parameter isMinded: that it waits for long is worth an alarm.
    mutating func accept(_ record: ProducerRecord, _ observer: DeliveryObserver, isMinded: Bool = true) -> Outcome? {
        guard ending == nil else {
            return (observer, .failure(Self.closed(record)))
        }
        let pending = Pending(
            sequence: nextSequence,
            record: record,
            observer: observer,
            acceptedAt: isMinded ? now : nil
        )
        nextSequence += 1
        let slot: Int
        if let reused = free.popLast() {
            slot = reused
            slots[slot] = pending
        } else {
            slot = slots.count
            slots.append(pending)
        }
        guard overflow.isEmpty else {
            overflow.append(slot)
            return nil
        }
        switch hand(slot) {
        case .taken: return nil
        case .refused(let outcome): return outcome
        case .full:
            overflow.append(slot)
            return nil
        }
    }

    /// Frees the slot of a delivery report; returns whom to tell what.
    mutating func settle(_ message: UnsafePointer<rd_kafka_message_t>) -> Outcome? {
        let report = message.pointee
        let slot = Int(bitPattern: report._private) - 1
        guard slots.indices.contains(slot), let pending = slots[slot] else { return nil }
        release(slot)
        let partition = TopicPartition(topic: pending.record.topic, partition: report.partition)
        guard report.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
            return (pending.observer, .failure(KafkaError(report.err, operation: "producing to \(partition)")))
        }
        barrenInstances = 0
        var type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        // It looks behind the message, into librdkafka's own structure: a copy would not do.
        let timestamp = rd_kafka_message_timestamp(message, &type)
        // librdkafka's mock cluster appends with the producer's time, and answers that it was 1.234 s past the epoch.
        let isMade = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME && timestamp == Self.mockTimestamp
        let delivery = Delivery(
            topicPartition: partition,
            offset: report.offset,
            timestamp: isMade ? -1 : timestamp,
            timestampType: isMade ? .none : .init(type)
        )
        return (pending.observer, .success(delivery))
    }

    /// Hands over what waited for room, for as long as there is some.
    mutating func drainOverflow(now: ContinuousClock.Instant = .now) -> [Outcome] {
        self.now = now
        var refused: [Outcome] = []
        handing: while overflowHead < overflow.count {
            switch hand(overflow[overflowHead]) {
            case .taken: break
            case .refused(let outcome): refused.append(outcome)
            case .full: break handing
            }
            overflowHead += 1
        }
        // Half of the array is spent: shifting the rest costs each element once.
        if overflowHead * 2 >= overflow.count {
            overflow.removeFirst(overflowHead)
            overflowHead = 0
        }
        return refused
    }

    /// Goes on with a new instance, which gets all that is not acknowledged, in order.
    ///
    /// Where several in a row delivered nothing, what waits fails with their error: it would wait for ever.
    mutating func restart(on new: ProducerInstance, after fatal: KafkaError) -> [Outcome] {
        instance = new
        barrenInstances += 1
        guard barrenInstances <= Self.barrenInstancesAllowed else {
            barrenInstances = 0
            return failAll(fatal)
        }
        overflow = slots.indices.filter { slots[$0] != nil }.sorted { slots[$0]!.sequence < slots[$1]!.sequence }
        overflowHead = 0
        return drainOverflow()
    }

    mutating func failAll(_ error: KafkaError) -> [Outcome] {
        let outcomes = slots.compactMap { $0 }.sorted { $0.sequence < $1.sequence }
            .map { ($0.observer, Result<Delivery, KafkaError>.failure(error)) as Outcome }
        slots = []
        free = []
        overflow = []
        overflowHead = 0
        return outcomes
    }

    private enum HandOver {
        case taken
        case full
        case refused(Outcome)
    }

    /// Offers a slot's record to librdkafka. After a fatal error it waits, as it does for room, for the next instance.
    private mutating func hand(_ slot: Int) -> HandOver {
        guard let pending = slots[slot] else { return .taken }
        let code = instance.produce(pending.record, token: slot + 1)
        switch code {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
            return .taken
        case RD_KAFKA_RESP_ERR__QUEUE_FULL, RD_KAFKA_RESP_ERR__FATAL:
            return .full
        default:
            release(slot)
            let error = KafkaError(code, operation: "producing to \(pending.record.topic)")
            return .refused((pending.observer, .failure(error)))
        }
    }

    private mutating func release(_ slot: Int) {
        slots[slot] = nil
        free.append(slot)
    }

    private static func closed(_ record: ProducerRecord) -> KafkaError {
        KafkaError(code: .localDestroyed, operation: "producing to \(record.topic) by a closed producer")
    }
}
