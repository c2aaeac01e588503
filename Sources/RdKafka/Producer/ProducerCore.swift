internal import CRdKafka
internal import Synchronization

/// The producer's state, and the thread that polls for delivery reports until the producer ends.
final class ProducerCore: Sendable {
    /// Gathered under the lock, told outside it.
    private typealias Outcome = ProducerState.Outcome

    private let configuration: ClientConfiguration
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

    /// Hands records over in order, under one lock.
    func produce(_ records: [ProducerRecord], isMinded: Bool = true, observer: (Int) -> DeliveryObserver) {
        var failed: [Outcome] = []
        state.withLock { state in
            for (index, record) in records.enumerated() {
                if let failure = state.accept(record, observer(index), isMinded: isMinded) { failed.append(failure) }
            }
        }
        tell(failed)
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
            while poll() {}
        }
    }

    /// Serves one event. False once the producer has ended.
    private func poll() -> Bool {
        turns.add(1, ordering: .relaxed)
        let instance = state.withLock { $0.instance }
        if let event = rd_kafka_queue_poll(instance.mainQueue, 50) {
            serve(event, of: instance)
            rd_kafka_event_destroy(event)
        }
        // Not before the event is gone: until then its records count against librdkafka's bounds, and there may be
        // no other event to try again at.
        tell(state.withLock { $0.drainOverflow() })
        if let fatal = instance.handle.fatalError { replace(instance, after: fatal) }
        return !endIfDue()
    }

    private func serve(_ event: OpaquePointer, of instance: ProducerInstance) {
        guard rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR else { return }
        let isFatal = instance.handle.fatalError != nil
        var outcomes: [Outcome] = []
        state.withLock { state in
            while let message = rd_kafka_event_message_next(event) {
                // What the fatal error took down stays pending: the next instance produces it again.
                if isFatal, message.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR { continue }
                if let outcome = state.settle(message) { outcomes.append(outcome) }
            }
        }
        tell(outcomes)
    }

    private func replace(_ old: ProducerInstance, after fatal: KafkaError) {
        // What was acknowledged before the end must not be produced again: read the reports that are there.
        while let event = rd_kafka_queue_poll(old.mainQueue, 0) {
            serve(event, of: old)
            rd_kafka_event_destroy(event)
        }
        // The same configuration made one before: the process is out of memory or threads, and the next poll tries
        // again. Nothing fails meanwhile: the old instance's reports still name the slots.
        guard let new = try? ProducerInstance(configuration) else { return }
        configuration.log(.warning, "FATAL", "\(fatal): the producer is made anew")
        tell(state.withLock { $0.restart(on: new, after: fatal) })
    }

    private func endIfDue() -> Bool {
        var outcomes: [Outcome] = []
        var waiters: [@Sendable () -> Void] = []
        let hasEnded = state.withLock { state in
            guard let ending = state.ending else { return false }
            if case .when(let deadline) = ending, state.unacknowledged > 0, ContinuousClock.now < deadline {
                return false
            }
            outcomes = state.failAll(KafkaError(code: .localDestroyed, operation: "producing to a closed producer"))
            state.hasEnded = true
            (waiters, state.whenEnded) = (state.whenEnded, [])
            return true
        }
        tell(outcomes)
        for waiter in waiters { waiter() }
        return hasEnded
    }

    private func tell(_ outcomes: [Outcome]) {
        for outcome in outcomes { outcome.observer.tell(outcome.result) }
    }
}
