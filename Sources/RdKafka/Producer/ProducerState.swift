internal import CRdKafka

/// What a producer keeps of the records that are not acknowledged yet. ``ProducerCore`` guards it by its lock.
///
/// One thread at a time has the hand-over role: it alone offers records to librdkafka, without the lock, in the order
/// of `waiting`. Whoever finds the role taken leaves his records there and goes his way.
struct ProducerState {
    enum Ending {
        case now
        case when(ContinuousClock.Instant)
    }

    /// Records of which somebody is to be told, without the lock.
    struct Telling {
        let records: PendingRecords
        /// Those that librdkafka did not take, where each is told of.
        let refused: [Int]
        /// Whether that is the end of all of them.
        let isSettled: Bool

        func tell() {
            if !refused.isEmpty { records.receiver?.settled(refused.map(records.settled)) }
            if isSettled { records.finish() }
        }
    }

    private static let barrenInstancesAllowed = 3

    private(set) var instance: ProducerInstance
    /// Instances in a row that turned fatal before anything was acknowledged.
    private var barrenInstances = 0
    var ending: Ending?
    var hasEnded = false
    var whenEnded: [@Sendable () -> Void] = []
    private(set) var unacknowledged = 0
    /// All that is not settled, in no order.
    private var live: [PendingRecords] = []
    /// What is to be handed to librdkafka, in order; read from `waitingHead`. The first may be handed over in part.
    private var waiting: [PendingRecords] = []
    private var waitingHead = 0
    private var isHandingOver = false
    /// The polling thread waits for events, and has to be woken where there is something to hand over.
    private var isPollingThreadAsleep = false
    /// To be told of by the polling thread.
    private var refusals: [Telling] = []
    /// librdkafka had no room; the polling thread tries again when there may be some.
    private var isFull = false
    private var nextSequence = 0
    /// Asking for the time with each record would cost as much as the rest of taking it.
    private var now = ContinuousClock.now

    init(instance: ProducerInstance) {
        self.instance = instance
    }

    /// When the records were taken that have waited longest of those that are minded.
    ///
    /// It looks at all that waits: for the watch, which asks once a second.
    var oldestAcceptedAt: ContinuousClock.Instant? {
        live.lazy.compactMap(\.acceptedAt).min()
    }

    /// There is something to hand over, as far as is known room for it, and nobody who does it.
    var needsHand: Bool { !isHandingOver && hasWork }

    private var hasWork: Bool { waitingHead < waiting.count && !isFull }

    /// What who brings records has to do for them.
    enum Reception {
        case refuse
        /// To hand over what waits, from these records on; the hand-over role is his.
        case handOver(PendingRecords, to: ProducerInstance)
        /// To wake the polling thread.
        case wake(ProducerInstance)
        case nothing
    }

    /// Takes records.
    ///
    /// Many are left to the polling thread: it frees what librdkafka makes of them, and memory that another thread has
    /// allocated costs glibc's allocator twice as much. For one record waking that thread would cost more.
    ///
    /// - Parameter isMinded: that they wait for long is worth an alarm.
    mutating func accept(_ records: PendingRecords, isMinded: Bool) -> Reception {
        guard ending == nil else { return .refuse }
        records.accept(sequence: nextSequence, at: isMinded ? now : nil)
        nextSequence += 1
        records.position = live.count
        live.append(records)
        waiting.append(records)
        unacknowledged += records.count
        let isAlone = waiting.count - waitingHead == 1 && records.count == 1
        if isAlone, let first = takeRole() { return .handOver(first, to: instance) }
        guard needsHand, isPollingThreadAsleep else { return .nothing }
        isPollingThreadAsleep = false
        return .wake(instance)
    }

    // MARK: - Handing over

    /// The first of what is to be handed over, where nobody else does that; the caller then has the role.
    mutating func takeRole() -> PendingRecords? {
        guard needsHand else { return nil }
        isHandingOver = true
        return waiting[waitingHead]
    }

    /// The next records to be handed over by the role's holder; nil, and the role is given back, where there are none.
    mutating func nextWaiting() -> PendingRecords? {
        guard hasWork else {
            isHandingOver = false
            return nil
        }
        return waiting[waitingHead]
    }

    /// The holder of the role goes before all is done.
    mutating func giveBackRole() {
        isHandingOver = false
    }

    /// Notes how far the holder of the role has come with the first of those that wait.
    mutating func noteHandOver(_ records: PendingRecords, _ end: PendingRecords.HandOver, refused: [Int]) {
        switch end {
        case .full: isFull = true
        case .interrupted: break
        case .finished:
            waitingHead += 1
            if waitingHead == waiting.count {
                waiting.removeAll(keepingCapacity: waitingHead < 1024)
                waitingHead = 0
            } else if waitingHead >= 32, waitingHead * 2 >= waiting.count {
                // Half of the array is spent: shifting the rest costs each element once.
                waiting.removeFirst(waitingHead)
                waitingHead = 0
            }
        }
        guard !refused.isEmpty else { return }
        let isSettled = settle(records, refused.count)
        if isSettled || records.receiver != nil {
            refusals.append(Telling(records: records, refused: refused, isSettled: isSettled))
        }
    }

    /// The polling thread looks for events next; returns whether it may wait for them.
    mutating func goToSleep() -> Bool {
        isPollingThreadAsleep = !needsHand
        return isPollingThreadAsleep
    }

    /// The polling thread is back, and there may be room again.
    mutating func wakeUp(now: ContinuousClock.Instant) {
        self.now = now
        isPollingThreadAsleep = false
        isFull = false
    }

    /// What was refused, to be told of.
    mutating func takeRefusals() -> [Telling] {
        guard !refusals.isEmpty else { return [] }
        defer { refusals = [] }
        return refusals
    }

    // MARK: - Settling

    /// Notes that `count` of the records are settled; true if all are now, and somebody is to be told.
    mutating func settle(_ records: PendingRecords, _ count: Int) -> Bool {
        records.missing -= count
        unacknowledged -= count
        guard records.missing == 0 else { return false }
        let last = live.removeLast()
        if last !== records {
            last.position = records.position
            live[last.position] = last
        }
        records.position = -1
        return true
    }

    mutating func noteAcknowledgement() {
        barrenInstances = 0
    }

    /// Goes on with a new instance, which gets all that is not acknowledged, in order.
    ///
    /// Where several in a row delivered nothing, what waits fails with their error: it would wait for ever.
    ///
    /// - Returns: nil, and nothing is done, where somebody is handing over; else whom to tell that they failed.
    mutating func restart(on new: ProducerInstance, after fatal: KafkaError) -> [Telling]? {
        guard !isHandingOver else { return nil }
        instance = new
        isFull = false
        barrenInstances += 1
        guard barrenInstances <= Self.barrenInstancesAllowed else {
            barrenInstances = 0
            return abandonAll(fatal)
        }
        waiting = live.sorted { $0.sequence < $1.sequence }
        waitingHead = 0
        for records in waiting { records.cursor = 0 }
        return []
    }

    /// Gives up all that is pending; returns whom to tell, or nil, and nothing is done, where somebody is handing over.
    mutating func failAll(_ error: KafkaError) -> [Telling]? {
        isHandingOver ? nil : takeRefusals() + abandonAll(error)
    }

    private mutating func abandonAll(_ error: KafkaError) -> [Telling] {
        let abandoned = live.sorted { $0.sequence < $1.sequence }
        for records in abandoned {
            records.abandonment = error
            records.missing = 0
            records.position = -1
        }
        unacknowledged = 0
        live = []
        waiting = []
        waitingHead = 0
        return abandoned.map { Telling(records: $0, refused: [], isSettled: true) }
    }
}
