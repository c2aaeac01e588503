internal import RdKafka
internal import Synchronization

/// Commits, for the jobs of one partition number, what they produce together with their completion: one transaction at a
/// time, and in each all that has come up meanwhile.
///
/// All workers that ever own the partition use one transactional id for it. Whoever takes it over ends what another had
/// begun and shuts that other out, and then reads the ledger, to which nobody else can add any more. A job is committed only
/// where the ledger that was read last does not have it: so it doesn't matter who thinks that he owns the partition.
final class OutputDesk: Sendable {
    enum Answer: Sendable, Equatable {
        /// The job's outputs are committed, by this order or by an earlier attempt.
        case done
        /// The job was finished by an earlier owner, and by what is not known.
        case finishedBefore
        /// They are not, and were not asked to be.
        case open
        /// The attempt has no word any more: nothing of it was committed.
        case gone
    }

    /// What an attempt wants; without records only to know.
    struct Order: Sendable {
        let content: JobContent
        let era: String
        let records: [ProducerRecord]?
        /// What the job leaves in the queue's state.
        var leavings: [StateRecord]
    }

    private struct Pending {
        var order: Order
        let continuation: CheckedContinuation<Answer, any Error>
    }

    private struct Session {
        let producer: TransactionalProducer
        var ledger: OutputLedger
    }

    private struct State {
        var pending: [Pending] = []
        var isServing = false
        /// The partition has been let go since the session began: what another owner did meanwhile is not in its ledger.
        var isStale = false
    }

    /// Orders in one transaction, and the bytes of their records.
    private static let batchLimit = 500
    private static let batchBytes = 8 << 20
    /// Records of one job that are sent one by one, each a round trip within the transaction's minute.
    private static let mostSeparate = 500

    private let runtime: QueueRuntime
    private let engine: Engine
    private let client: ClientConfiguration
    private let partition: Int32
    private let state = Mutex(State())
    /// Used by who serves, one at a time.
    private let session = Mutex<Session?>(nil)
    /// Nothing since the last batch that got through.
    private let setback = Mutex(OutputSetback())
    private var transactionalID: String { "kokanee.\(runtime.queue.name).outputs.\(partition)" }

    init(_ runtime: QueueRuntime, _ engine: Engine, _ client: ClientConfiguration, partition: Int32) {
        self.runtime = runtime
        self.engine = engine
        self.client = client
        self.partition = partition
    }

    /// - Throws: ``KafkaError`` where the brokers refuse just this job's records.
    func answer(_ order: Order) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            let begins = state.withLock { state in
                state.pending.append(Pending(order: order, continuation: continuation))
                defer { state.isServing = true }
                return !state.isServing
            }
            if begins { Task { await serve() } }
        }
    }

    /// The partition is another's now, as far as anybody knows.
    func letGo() {
        let isServing = state.withLock { state in
            state.isStale = true
            return state.isServing
        }
        setback.withLock { $0 = OutputSetback() }
        // Its threads are of no more use; who serves finds it stale.
        if !isServing { session.withLock { $0 = nil } }
    }

    // MARK: - Serving

    private func serve() async {
        while let batch = takeBatch() { await serve(batch) }
    }

    /// Nil where there is none, and the serving ends.
    private func takeBatch() -> [Pending]? {
        state.withLock { state in
            guard !state.pending.isEmpty else {
                state.isServing = false
                return nil
            }
            var bytes = 0
            let count = state.pending.prefix { pending in
                bytes += pending.order.size
                return bytes <= Self.batchBytes
            }.count
            let batch = Array(state.pending.prefix(min(max(count, 1), Self.batchLimit)))
            state.pending.removeFirst(batch.count)
            return batch
        }
    }

    private func serve(_ batch: [Pending]) async {
        var open = batch
        while true {
            letGoOfDead(&open)
            guard !open.isEmpty else { return }
            do throws(KafkaError) {
                let session = try await openSession()
                open.removeAll { settle($0, by: session.ledger) }
                let ready = begin(&open)
                if !ready.isEmpty { try await commit(ready, session) }
                return setback.withLock { $0 = OutputSetback() }
            } catch {
                // Whether the transaction took place is for the next session to see.
                session.withLock { $0 = nil }
                if error.isFenced {
                    log(.info, "outputs could not be committed yet; it is tried again", error)
                } else {
                    await rest(after: error, &open)
                }
            }
        }
    }

    /// Waits for an error to pass. Whoever is given up meanwhile does not wait.
    private func rest(after error: KafkaError, _ open: inout [Pending]) async {
        let start = ContinuousClock.now
        let (pause, isNews) = setback.withLock { $0.note(error.code, now: start) }
        if isNews {
            if error.code == .transactionalIDAuthorizationFailed {
                let prefix = "kokanee.\(runtime.queue.name)."
                log(
                    .error,
                    "the brokers do not let this worker use its transactional id: its jobs with outputs keep their slots until "
                        + "it may, by an ACL that allows Write on the TransactionalId resources with the prefix \(prefix)",
                    error
                )
            } else {
                log(.warning, "outputs could not be committed yet; it is tried again", error)
            }
        }
        while !open.isEmpty, ContinuousClock.now - start < pause {
            try? await Task.sleep(for: OutputSetback.shortestPause)
            letGoOfDead(&open)
        }
    }

    private func log(_ level: Logger.Level, _ message: String, _ error: KafkaError) {
        runtime.logger.log(
            level,
            message,
            [
                "queue": runtime.queue.name, "partition": "\(partition)", "id": transactionalID, "error": "\(error)",
            ]
        )
    }

    /// Answers those whose attempts have no word any more.
    private func letGoOfDead(_ open: inout [Pending]) {
        open.removeAll { pending in
            guard !engine.isAlive(pending.order.content) else { return false }
            pending.continuation.resume(returning: .gone)
            return true
        }
    }

    /// Answers what the ledger answers.
    private func settle(_ pending: Pending, by ledger: OutputLedger) -> Bool {
        let order = pending.order
        switch ledger.end(of: order.content.place, era: order.era) {
        case .completed: pending.continuation.resume(returning: .done)
        case .finished: pending.continuation.resume(returning: .finishedBefore)
        case nil where order.records == nil: pending.continuation.resume(returning: .open)
        case nil: return false
        }
        return true
    }

    private func openSession() async throws(KafkaError) -> Session {
        let isStale = state.withLock { state in
            defer { state.isStale = false }
            return state.isStale
        }
        if !isStale, let session = session.withLock({ $0 }) { return session }
        session.withLock { $0 = nil }
        let producer = try TransactionalProducer(client, transactionalID: transactionalID)
        try await producer.takeOver(within: .seconds(30))
        let ledger = try await OutputLedger(reading: runtime.queue.stateTopic, partition: partition, client: client)
        let opened = Session(producer: producer, ledger: ledger)
        session.withLock { $0 = opened }
        return opened
    }

    // MARK: - Committing

    /// From here on until their ends the attempts are not given up, for they may be committed: whether they are may not
    /// be known before the next session.
    ///
    /// - Parameter open: loses those that were given up before.
    private func begin(_ open: inout [Pending]) -> [(pending: Pending, watermark: Int64)] {
        var ready: [(Pending, Int64)] = []
        open.removeAll { pending in
            if let watermark = engine.beginCommit(of: pending.order.content) {
                ready.append((pending, watermark))
                return false
            }
            pending.continuation.resume(returning: .gone)
            return true
        }
        return ready
    }

    /// - Parameter separately: of one job, whose records were refused as too large: together they may be what none of them is.
    /// - Throws: ``KafkaError`` where another session is needed; then nobody has been answered.
    private func commit(
        _ ready: [(pending: Pending, watermark: Int64)],
        _ session: Session,
        separately: Bool = false
    ) async throws(KafkaError) {
        var ledger = session.ledger
        for (pending, watermark) in ready {
            let place = pending.order.content.place
            ledger.note([place.offset], of: place.topic, era: pending.order.era, watermark: watermark)
        }
        let topics = Set(ready.map(\.pending.order.content.place.topic)).sorted()
        let pages = topics.compactMap { ledger.record(of: $0) }.map { page in
            page.record(topic: runtime.queue.stateTopic, partition: partition)
        }
        do throws(KafkaError) {
            FailPoint.outputsCommitting.pass()
            let records = ready.flatMap { written(by: $0.pending.order) } + pages
            try await session.producer.send(records, separately: separately) { FailPoint.outputsProduced.pass() }
        } catch {
            if !error.isFatal, error.code == .localMessageTimedOut, let topic = session.producer.failedTopic,
                await fail(ready.map(\.pending), producingTo: topic, error)
            {
                return
            }
            guard !error.isFatal, !error.isFenced, !error.isRetriable else { throw error }
            guard ready.count == 1 else {
                // One of them is the cause, and the others are not to fail with it.
                for (pending, _) in ready { await serve([pending]) }
                return
            }
            var (pending, watermark) = ready[0]
            if error.isTooLarge, !separately, (pending.order.records ?? []).count <= Self.mostSeparate {
                return try await commit(ready, session, separately: true)
            }
            if error.isTooLarge, let smaller = pending.order.smaller {
                pending.order = smaller
                return try await commit([(pending, watermark)], session, separately: true)
            }
            return pending.continuation.resume(throwing: error)
        }
        FailPoint.outputsCommitted.pass()
        self.session.withLock { $0 = Session(producer: session.producer, ledger: ledger) }
        for (pending, _) in ready { pending.continuation.resume(returning: .done) }
    }

    /// A topic has taken nothing for long. Those that produce to it fail, and the others go on without them.
    ///
    /// - Returns: false where it is no job's but this desk's own.
    private func fail(_ batch: [Pending], producingTo topic: String, _ error: KafkaError) async -> Bool {
        guard topic != runtime.queue.stateTopic else { return false }
        let (failing, others) = (
            batch.filter { $0.order.produces(to: topic) }, batch.filter { !$0.order.produces(to: topic) }
        )
        guard !failing.isEmpty else { return false }
        for pending in failing { pending.continuation.resume(throwing: error) }
        await serve(others)
        return true
    }

    private func written(by order: Order) -> [ProducerRecord] {
        let topic = runtime.queue.stateTopic
        return (order.records ?? []) + order.leavings.map { $0.record(topic: topic, partition: partition) }
    }
}

extension OutputDesk.Order {
    fileprivate func produces(to topic: String) -> Bool { (records ?? []).contains { $0.topic == topic } }

    /// About what its records take.
    fileprivate var size: Int {
        (records ?? []).reduce(0) { $0 + ($1.value?.count ?? 0) + ($1.key?.count ?? 0) + 200 }
            + leavings.reduce(0) { $0 + ($1.value?.count ?? 0) + $1.key.count + 200 }
    }

    /// Without a result, which the state topic may have refused; nil where there is none. It says in its place what became
    /// of it.
    fileprivate var smaller: Self? {
        guard leavings.contains(where: { $0.fallback != nil }) else { return nil }
        var smaller = self
        smaller.leavings = leavings.map { $0.fallback == nil ? $0 : $0.smaller }
        return smaller
    }
}
