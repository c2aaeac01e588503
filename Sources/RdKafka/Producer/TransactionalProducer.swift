internal import CRdKafka
internal import Synchronization

/// A producer whose records become visible all together or not at all, for short jobs of which one at a time may run.
///
/// All producers of one transactional id are one to the brokers: ``takeOver(within:)`` ends whatever another of that
/// id had begun, and shuts that other out for good. What is read after it, with ``IsolationLevel/readCommitted``, is
/// therefore all that others have done, and nothing can be added to it but by this producer.
///
///     let producer = try TransactionalProducer(configuration, transactionalID: "accounts.closing")
///     try await producer.takeOver()
///     try await producer.send(records)
///
/// Calls are made one after another. They block a thread of their own, never Swift's pool, and cancelling the
/// surrounding task does not cut them short. After an error that ``KafkaError/isFatal`` the producer is of no more use.
///
/// The embedded broker takes transactions, but shuts nobody out and takes nothing back: there a transaction is a batch.
public final class TransactionalProducer: Sendable {
    private static let attempts = 3
    /// Of a transaction with a record that was not delivered in its time: what is behind it waits.
    private static let attemptsInTime = 2

    private let transactionalID: String
    private let instance: ProducerInstance
    private let failure: FirstFailure
    /// The topic of the first record of the last transaction that was not delivered; nil where none failed.
    package var failedTopic: String? { failure.topic }
    /// Guards the instance's `produce`; never held while something blocks.
    private let lock = Mutex(())
    /// Milliseconds that a commit or an abort may take: librdkafka sets no end to either.
    private let endLimit: Int32

    /// - Parameters:
    ///   - configuration: `transaction.timeout.ms` (a minute unless configured) is how long a transaction may stay open
    ///     before the brokers abort it: as long readers of its partitions wait if this process dies in the middle. A
    ///     `message.timeout.ms` of more than three quarters of that, and a longer `socket.timeout.ms`, are cut to it.
    ///   - transactionalID: not empty.
    /// - Throws: ``KafkaError`` with `localInvalidArgument` where librdkafka refuses a property.
    public init(_ configuration: ClientConfiguration, transactionalID: String) throws(KafkaError) {
        self.transactionalID = transactionalID
        let failure = FirstFailure()
        self.failure = failure
        let times = TransactionTimes(configuration)
        endLimit = times.transaction + 10_000
        // Without events for deliveries a commit serves them itself. Of records that fail in librdkafka, after their time or for
        // want of a topic, it tells no more than that there are some.
        instance = try ProducerInstance(
            times.configuration.with(
                defaults: ["partitioner": "murmur2_random"],
                required: ["transactional.id": transactionalID, "enable.idempotence": "true", "acks": "all"]
            ),
            events: 0,
            onFailedDelivery: failure.note
        )
    }

    /// Shuts out every other producer of the same id, once what it had begun has been committed or aborted.
    ///
    /// To be called once, before anything else.
    ///
    /// - Throws: ``KafkaError`` where that is not done within `timeout`, or the brokers refuse.
    public func takeOver(within timeout: Duration = .seconds(90)) async throws(KafkaError) {
        try await run { producer throws(KafkaError) in
            let operation = "taking over transactional id \(producer.transactionalID)"
            let deadline = Deadline(after: timeout)
            while true {
                let limit = max(deadline.remaining.wholeMilliseconds, 1)
                let error = rd_kafka_init_transactions(producer.instance.handle.pointer, limit)
                guard let refusal = producer.refusal(error, operation) else { return }
                guard refusal.error.isRetriable, !refusal.error.isFatal, !deadline.isOver else { throw refusal.error }
                rd_kafka_poll(producer.instance.handle.pointer, 100)
            }
        }
    }

    /// Produces records in one transaction, which is made again where it had to be aborted for a reason that passes.
    ///
    /// - Throws: ``KafkaError``. None of the records is visible then, unless it is fatal and not ``KafkaError/isFenced``:
    ///   whether the transaction took place is then for the next who takes over to see.
    public func send(_ records: [ProducerRecord]) async throws(KafkaError) {
        try await send(records) {}
    }

    /// - Parameters:
    ///   - separately: each record is on its own until a broker has it: brokers hold a topic's `max.message.bytes` against
    ///     batches.
    ///   - committing: called when the records are on their way, right before they are committed.
    package func send(
        _ records: [ProducerRecord],
        separately: Bool = false,
        committing: @Sendable () -> Void
    ) async throws(KafkaError) {
        guard !records.isEmpty else { return }
        var attempt = 1
        while true {
            do throws(KafkaError) {
                try await begin()
                try await produce(records, separately: separately)
                committing()
                return try await commit()
            } catch {
                let most = error.code == .localMessageTimedOut ? Self.attemptsInTime : Self.attempts
                guard !error.isFatal, error.passesWithTransaction, attempt < most else { throw error }
                attempt += 1
            }
        }
    }

    /// Begins a transaction.
    public func begin() async throws(KafkaError) {
        try await run { producer throws(KafkaError) in
            producer.failure.forget()
            let error = rd_kafka_begin_transaction(producer.instance.handle.pointer)
            if let refusal = producer.refusal(error, "beginning a transaction") { throw refusal.error }
        }
    }

    /// Adds records to the transaction. They are on their way when it returns; ``commit()`` tells of what failed.
    ///
    /// - Throws: ``KafkaError`` where a record is refused at once. The transaction is aborted then.
    public func produce(_ records: [ProducerRecord]) async throws(KafkaError) {
        try await produce(records, separately: false)
    }

    private func produce(_ records: [ProducerRecord], separately: Bool) async throws(KafkaError) {
        try await run { producer throws(KafkaError) in
            for record in records {
                do throws(KafkaError) {
                    try producer.hand(record)
                    // What is not acknowledged by then has failed, and the commit knows why.
                    if separately { rd_kafka_flush(producer.instance.handle.pointer, producer.endLimit) }
                } catch {
                    // An earlier record has failed by now, and the commit knows why.
                    if error.code == .localState, !error.isFatal { return }
                    throw producer.aborted(after: error)
                }
            }
        }
    }

    /// Waits until all records are acknowledged and makes them visible, together.
    ///
    /// - Throws: ``KafkaError``. The transaction is aborted then, unless it is fatal.
    public func commit() async throws(KafkaError) {
        try await run { producer throws(KafkaError) in
            let operation = "committing a transaction of \(producer.transactionalID)"
            // A commit that has begun is resumed by calling it again.
            for _ in 1...Self.attempts {
                let error = rd_kafka_commit_transaction(producer.instance.handle.pointer, producer.endLimit)
                guard let refusal = producer.refusal(error, operation) else { return }
                if refusal.requiresAbort { throw producer.aborted(after: producer.failure.cause(of: refusal.error)) }
                guard refusal.error.isRetriable, !refusal.error.isFatal else { throw refusal.error.fatal }
            }
            throw KafkaError(
                code: .localTimedOut,
                operation: operation,
                message: "whether it took place is not known",
                isFatal: true
            )
        }
    }

    /// Takes back what was produced since ``begin()``.
    public func abort() async throws(KafkaError) {
        try await run { producer throws(KafkaError) in try producer.abortNow() }
    }

    // MARK: - On a thread of its own

    private func run(
        _ body: @escaping @Sendable (TransactionalProducer) throws(KafkaError) -> Void
    ) async throws(KafkaError) {
        let result = await withCheckedContinuation { continuation in
            OSThread.start(name: "rdk:txn") {
                continuation.resume(returning: Result { () throws(KafkaError) in try body(self) })
            }
        }
        try result.get()
    }

    private func hand(_ record: ProducerRecord) throws(KafkaError) {
        let deadline = Deadline(after: .seconds(60))
        while true {
            // The token is for delivery reports, of which there are none.
            let code = lock.withLock { _ in instance.produce(record) }
            guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
            guard code == RD_KAFKA_RESP_ERR__QUEUE_FULL, !deadline.isOver else {
                throw named(KafkaError(code, operation: "producing to \(record.topic)"))
            }
            rd_kafka_poll(instance.handle.pointer, 50)
        }
    }

    /// Aborts and returns `error`, or what is worse: that the abort failed.
    private func aborted(after error: KafkaError) -> KafkaError {
        guard !error.isFatal else { return error }
        do throws(KafkaError) {
            try abortNow()
            return error
        } catch let abortion {
            return abortion.isFenced ? abortion : error.fatal
        }
    }

    private func abortNow() throws(KafkaError) {
        let operation = "aborting a transaction of \(transactionalID)"
        var last = KafkaError(code: .localTimedOut, operation: operation)
        for _ in 1...Self.attempts {
            guard let refusal = refusal(rd_kafka_abort_transaction(instance.handle.pointer, endLimit), operation) else {
                return
            }
            last = refusal.error
            guard last.isRetriable, !last.isFatal else { break }
        }
        throw last
    }

    /// Takes over librdkafka's error object; nil is none.
    private func refusal(
        _ error: OpaquePointer?,
        _ operation: String
    ) -> (error: KafkaError, requiresAbort: Bool)? {
        let requiresAbort = error.map { rd_kafka_error_txn_requires_abort($0) != 0 } ?? false
        guard let error = KafkaError(consuming: error, operation: operation) else { return nil }
        return (named(error), requiresAbort)
    }

    /// The error that made the client unusable in the place of one that only says that it is.
    private func named(_ error: KafkaError) -> KafkaError {
        guard let fatal = instance.handle.fatalError else { return error }
        return KafkaError(code: fatal.code, operation: error.operation, message: fatal.message, isFatal: true)
    }
}

/// The timeouts of a client that makes transactions, so that librdkafka takes them: neither a record's time nor a request's
/// may be longer than a transaction's.
///
/// See `rd_kafka_conf_finalize` in librdkafka's `rdkafka_conf.c`.
struct TransactionTimes {
    /// Milliseconds.
    let transaction: Int32
    let configuration: ClientConfiguration

    init(_ configuration: ClientConfiguration) {
        var configuration = configuration
        let transaction = configuration.properties["transaction.timeout.ms"].flatMap { Int32($0) } ?? 60_000
        // A record that fails first has its transaction aborted, before the brokers abort it and nobody knows why.
        let record = transaction / 4 * 3
        let alias = configuration.properties.removeValue(forKey: "delivery.timeout.ms")
        let set = configuration.properties["message.timeout.ms"] ?? alias ?? "0"
        // What is no number is for librdkafka to refuse; 0 is without an end.
        configuration.properties["message.timeout.ms"] =
            Int32(set).map { "\($0 <= 0 ? record : min($0, record))" } ?? set
        if let socket = configuration.properties["socket.timeout.ms"].flatMap({ Int32($0) }), socket > transaction {
            configuration.properties["socket.timeout.ms"] = "\(transaction)"
        }
        self.transaction = min(max(transaction, 1000), 900_000)
        self.configuration = configuration
    }
}

/// Why the first record of a transaction was not delivered.
private final class FirstFailure: Sendable {
    private let first = Mutex<(error: KafkaError, topic: String)?>(nil)

    var topic: String? { first.withLock { $0?.topic } }

    func forget() { first.withLock { $0 = nil } }

    func note(_ error: KafkaError, _ topic: String) {
        // An abort's own doing.
        guard error.code != .localPurgedFromQueue, error.code != .localPurgedInFlight else { return }
        first.withLock { $0 = $0 ?? (error, topic) }
    }

    /// That error in the place of one that only says that there was one.
    func cause(of error: KafkaError) -> KafkaError {
        guard error.code.rawValue == RD_KAFKA_RESP_ERR__INCONSISTENT.rawValue else { return error }
        guard let failure = first.withLock({ $0?.error }) else { return error }
        let operation = "\(error.operation), \(failure.operation)"
        return KafkaError(code: failure.code, operation: operation, message: failure.message)
    }
}

extension KafkaError {
    /// Another producer of the same transactional id has taken over.
    public var isFenced: Bool {
        code == .localFenced || code == .producerFenced
            || code.rawValue == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH.rawValue
    }

    /// Whether a transaction that was aborted for this may succeed when it is made again.
    fileprivate var passesWithTransaction: Bool {
        // The brokers forget idle producers; librdkafka asks for a new id when the transaction is aborted.
        let forgotten = [
            RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING,
            RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
        ]
        return isRetriable || forgotten.contains { code.rawValue == $0.rawValue }
    }

    fileprivate var fatal: KafkaError {
        KafkaError(code: code, operation: operation, message: message, isFatal: true, isRetriable: isRetriable)
    }
}
