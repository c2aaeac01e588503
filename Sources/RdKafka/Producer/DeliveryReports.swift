internal import CRdKafka

/// The delivery reports of one event, on their way from librdkafka to who waits for them.
///
/// It belongs to the polling thread, and keeps its arrays' memory from one event to the next.
struct DeliveryReports {
    /// Whose records were settled, and how many: neighbours in a log mostly came together.
    private var touched: [(records: PendingRecords, count: Int)] = []
    /// Of the touched records that have a receiver, one after the other, which were settled.
    private var indices: [Int] = []
    private var settled: [PendingRecords] = []
    private var hasAcknowledgement = false

    /// Writes what the event's reports say into their slots.
    ///
    /// - Parameter ignoringFailures: what a fatal error took down stays pending, for the next instance produces it again.
    mutating func read(_ event: OpaquePointer, ignoringFailures: Bool) {
        var owner: PendingRecords?
        var count = 0
        var tellsEach = false
        while let message = rd_kafka_event_message_next(event) {
            if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR {
                hasAcknowledgement = true
            } else if ignoringFailures {
                continue
            }
            // The token is a slot's address, and the slot is there: its owner is in the producer's list, which lets go
            // of it when all its slots are settled. A settled record is handed to no instance again, and the
            // reports of an instance that was replaced are not read.
            guard let token = message.pointee._private else { continue }
            let slot = token.assumingMemoryBound(to: DeliverySlot.self)
            guard slot.pointee.state == .pending else { continue }
            slot.pointee.settle(message)
            let ownerOfSlot = slot.pointee.owner._withUnsafeGuaranteedRef { $0 === owner }
            if ownerOfSlot {
                count += 1
            } else {
                if let owner { touched.append((owner, count)) }
                owner = slot.pointee.owner.takeUnretainedValue()
                count = 1
                tellsEach = owner?.receiver != nil
            }
            if tellsEach, let owner { indices.append(owner.index(of: slot)) }
        }
        if let owner { touched.append((owner, count)) }
    }

    /// To be called under the producer's lock.
    mutating func settle(in state: inout ProducerState) {
        if hasAcknowledgement { state.noteAcknowledgement() }
        hasAcknowledgement = false
        for (records, count) in touched where state.settle(records, count) { settled.append(records) }
    }

    /// To be called without the lock.
    mutating func tell() {
        if !indices.isEmpty { tellEach() }
        touched.removeAll(keepingCapacity: true)
        for records in settled { records.finish() }
        settled.removeAll(keepingCapacity: true)
    }

    /// Tells a receiver once of all its records, unless another's stand between them.
    private mutating func tellEach() {
        var receiver: (any DeliveryReceiver)?
        var told: [SettledRecord] = []
        told.reserveCapacity(indices.count)
        var next = 0
        for (records, count) in touched {
            guard let itsReceiver = records.receiver else { continue }
            if let receiver, receiver !== itsReceiver {
                receiver.settled(told)
                told.removeAll(keepingCapacity: true)
            }
            receiver = itsReceiver
            for index in indices[next..<next + count] { told.append(records.settled(index)) }
            next += count
        }
        receiver?.settled(told)
        indices.removeAll(keepingCapacity: true)
    }
}
