internal import CRdKafka
internal import Synchronization

/// The producer's state, and the thread that polls for delivery reports until the producer ends.
final class ProducerCore: Sendable {
    /// The most records that are handed over between two looks for reports. Memory that reports free is soon used
    /// again, while the processor's caches still hold it: with strides ten times as long a record costs a third more.
    private static let stride = 128
    /// The most reports' events that are served between two strides.
    private static let eventsPerTurn = 64

    let configuration: ClientConfiguration
    private let state: Mutex<ProducerState>
    /// How often the polling thread has gone round.
    private let turns = Atomic(0)

    init(_ configuration: ClientConfiguration) throws(KafkaError) {
        self.configuration = configuration
        state = Mutex(ProducerState(instance: try ProducerInstance(configuration)))
    }

    var unacknowledged: Int { state.withLock { $0.unacknowledged } }

    /// It waits for nothing and nobody: where the state's lock is taken that part is missing.
    func pulse(now: ContinuousClock.Instant) -> ProducerPulse {
        let load = state.withLockIfAvailable { state in
            ProducerPulse.Load(
                unacknowledged: state.unacknowledged,
                oldest: state.oldestAcceptedAt.map { max(.zero, now - $0) }
            )
        }
        return ProducerPulse(turns: turns.load(ordering: .relaxed), load: load)
    }

    /// Takes records, behind all that was taken before.
    func produce(_ records: PendingRecords, isMinded: Bool = true) {
        switch state.withLock({ $0.accept(records, isMinded: isMinded) }) {
        case .nothing: break
        case .wake(let instance): rd_kafka_queue_yield(instance.mainQueue)
        case .handOver(let first, let instance):
            let leavesNothing = handOver(first, to: instance, limit: Self.stride)
            // The room that librdkafka has made since, if it has, may be the last that it reports.
            if !leavesNothing { rd_kafka_queue_yield(instance.mainQueue) }
        case .refuse:
            records.abandonment = KafkaError(
                code: .localDestroyed,
                operation: "producing to \(records.topic(of: 0)) by a closed producer"
            )
            records.finish()
        }
    }

    /// Offers what waits to librdkafka. The caller has the hand-over role, and has it no more when this returns.
    ///
    /// - Parameter first: the first that waits.
    /// - Returns: whether nothing is left to do; else it is the polling thread's.
    private func handOver(_ first: PendingRecords, to instance: ProducerInstance, limit: Int) -> Bool {
        var rest = limit
        var hasRefused = false
        var sink = RecordSink(instance)
        var next: PendingRecords? = first
        while let records = next {
            let (end, handed, refused) = records.handOver(to: &sink, limit: rest)
            rest -= max(handed, 1)
            hasRefused = hasRefused || !refused.isEmpty
            let mayGoOn = rest > 0 && end != .full
            next = state.withLock { state in
                state.noteHandOver(records, end, refused: refused)
                if mayGoOn { return state.nextWaiting() }
                state.giveBackRole()
                return nil
            }
            if !mayGoOn { return false }
        }
        return !hasRefused
    }

    func stop() {
        state.withLock { $0.ending = $0.ending ?? .now }
    }

    func close(within limit: Duration) async {
        let deadline = ContinuousClock.now + limit
        await withCheckedContinuation { continuation in
            let hasEnded = state.withLock { state in
                if state.hasEnded { return true }
                state.ending = .when(deadline)
                state.whenEnded.append { continuation.resume() }
                return false
            }
            if hasEnded { continuation.resume() }
        }
    }

    // MARK: - The polling thread

    func startPolling() {
        OSThread.start(name: "rdk:producer") { [self] in
            var reports = DeliveryReports()
            while poll(&reports) {}
        }
    }

    /// Serves the events that are there, waiting for the first, and hands records over. False once the producer has ended.
    private func poll(_ reports: inout DeliveryReports) -> Bool {
        turns.add(1, ordering: .relaxed)
        let (instance, mayWait) = state.withLock { ($0.instance, $0.goToSleep()) }
        var timeout: Int32 = mayWait ? 50 : 0
        for _ in 1...Self.eventsPerTurn {
            guard let event = rd_kafka_queue_poll(instance.mainQueue, timeout) else { break }
            serve(event, of: instance, &reports)
            rd_kafka_event_destroy(event)
            timeout = 0
        }
        let now = ContinuousClock.now
        // Not before the event is gone: until then its records count against librdkafka's bounds, and there may be
        // no other event to try again at.
        let waiting = state.withLock { state in
            state.wakeUp(now: now)
            return state.takeRole()
        }
        if let waiting { _ = handOver(waiting, to: instance, limit: Self.stride) }
        for refusal in state.withLock({ $0.takeRefusals() }) { refusal.tell() }
        if instance.handle.isFatal { replace(instance, &reports) }
        return !endIfDue()
    }

    private func serve(_ event: OpaquePointer, of instance: ProducerInstance, _ reports: inout DeliveryReports) {
        guard rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR else { return }
        reports.read(event, ignoringFailures: instance.handle.isFatal)
        state.withLock { reports.settle(in: &$0) }
        reports.tell()
    }

    private func replace(_ old: ProducerInstance, _ reports: inout DeliveryReports) {
        guard let fatal = old.handle.fatalError else { return }
        // What was acknowledged before the end must not be produced again: read the reports that are there.
        while let event = rd_kafka_queue_poll(old.mainQueue, 0) {
            serve(event, of: old, &reports)
            rd_kafka_event_destroy(event)
        }
        // The same configuration made one before: the process is out of memory or threads, and the next poll tries
        // again. Nothing fails meanwhile: the old instance's reports still name the slots.
        guard let new = try? ProducerInstance(configuration) else { return }
        // While somebody hands over to the old instance, which soon refuses him, the next poll tries again as well.
        guard let failed = state.withLock({ $0.restart(on: new, after: fatal) }) else { return }
        configuration.log(.warning, "FATAL", "\(fatal): the producer is made anew")
        for telling in failed { telling.tell() }
    }

    /// Has librdkafka send nothing more: what was told as failed may have been done otherwise by then.
    ///
    /// Nobody polls any more, so that the reports of it, whose slots are soon gone, are never read. It is not waited for:
    /// a broker's thread may be asking for an address.
    private func purge() {
        let flags = RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING
        rd_kafka_purge(state.withLock { $0.instance }.handle.pointer, flags)
    }

    private func endIfDue() -> Bool {
        var failed: [ProducerState.Telling] = []
        var waiters: [@Sendable () -> Void] = []
        let hasEnded = state.withLock { state in
            guard let ending = state.ending else { return false }
            if case .when(let deadline) = ending, state.unacknowledged > 0, ContinuousClock.now < deadline {
                return false
            }
            let error = KafkaError(code: .localDestroyed, operation: "producing to a closed producer")
            guard let given = state.failAll(error) else { return false }
            failed = given
            state.hasEnded = true
            (waiters, state.whenEnded) = (state.whenEnded, [])
            return true
        }
        if !failed.isEmpty { purge() }
        for telling in failed { telling.tell() }
        for waiter in waiters { waiter() }
        return hasEnded
    }
}
