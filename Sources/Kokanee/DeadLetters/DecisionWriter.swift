internal import RdKafka

/// What is to be written about one letter.
struct LetterDecision: Sendable {
    /// The job's id.
    var id: String
    /// Bytes of the letter.
    var size: Int
    var place: LetterPlace
    /// The job that goes back, if it does.
    var job: ProducerRecord?
    /// Without its time, which is that of the writing: at a slow rate that may be hours later.
    var verdict: VerdictRecord
    /// Of an import: the line that says so, and what it changes.
    var line = 0
    var change = LetterChange()
}

/// Writes decisions in transactions, each with its verdict, at a pace.
struct DecisionWriter: Sendable {
    private static let batchSize = 1000
    private static let batchBytes = 5_000_000

    private let producer: TransactionalProducer
    private let queue: Queue
    private let now: @Sendable () -> Int64
    private let clock: PacingClock
    private var pace: SendingPace

    /// Shuts out whoever decides about the same queue's letters.
    ///
    /// - Throws: ``KafkaError``, which ``KafkaError/isFenced`` where somebody else did that at the same time.
    init(_ letters: DeadLetters, rate: Rate?) async throws(KafkaError) {
        producer = try TransactionalProducer(
            letters.producerConfiguration,
            transactionalID: letters.transactionalID
        )
        queue = letters.queue
        now = letters.now
        clock = letters.clock
        pace = SendingPace(rate)
        try await producer.takeOver()
    }

    /// Writes decisions in their order. Cancellation ends it between two transactions.
    ///
    /// - Parameter each: called with those that are written, and with each, alone, that the main topic does not take and
    ///   why. What it throws ends the writing: nothing that comes later has been sent.
    mutating func write(
        _ decisions: [LetterDecision],
        _ each: (ArraySlice<LetterDecision>, _ refusal: String?) throws -> Void
    ) async throws {
        let most = pace.batchSize(atMost: Self.batchSize)
        for batch in Self.batches(decisions, ofAtMost: most) {
            try Task.checkCancellation()
            let wait = pace.wait(for: batch.count, now: clock.now())
            if wait > .zero { try await clock.sleep(wait) }
            try await commit(batch, each)
        }
    }

    /// Commits decisions together; those that are too large together by halves, down to the one that is by itself.
    private func commit(
        _ batch: ArraySlice<LetterDecision>,
        _ each: (ArraySlice<LetterDecision>, _ refusal: String?) throws -> Void
    ) async throws {
        do throws(KafkaError) {
            try await producer.send(batch.flatMap { records(of: $0, at: now()) })
        } catch {
            guard error.isTooLarge, !error.isFatal else { throw error }
            guard batch.count > 1 else { return try each(batch, "too large for \(queue.mainTopic)") }
            let middle = batch.startIndex + batch.count / 2
            try await commit(batch[..<middle], each)
            return try await commit(batch[middle...], each)
        }
        try each(batch, nil)
    }

    private func records(of decision: LetterDecision, at now: Int64) -> [ProducerRecord] {
        var verdict = decision.verdict
        verdict.at = now
        return [decision.job, verdict.record(in: queue, on: decision.place)].compactMap(\.self)
    }

    static func batches(_ decisions: [LetterDecision], ofAtMost most: Int) -> [ArraySlice<LetterDecision>] {
        var batches: [ArraySlice<LetterDecision>] = []
        var start = 0
        var size = 0
        for (index, decision) in decisions.enumerated() {
            if index > start, index - start == most || size + decision.size > batchBytes {
                batches.append(decisions[start..<index])
                (start, size) = (index, 0)
            }
            size += decision.size
        }
        if start < decisions.count { batches.append(decisions[start...]) }
        return batches
    }
}

extension DeadLetters {
    /// One at a time decides about a queue's letters: the brokers shut out whoever came before.
    var transactionalID: String { "kokanee.\(queue.name).dlq" }

    var producerConfiguration: ClientConfiguration {
        var configuration = configuration
        // What the dead-letter topic holds it once took from a producer: the topics' limits count, not this client's.
        configuration.properties.merge(["message.max.bytes": "104857600"]) { set, _ in set }
        return configuration
    }

    /// The headers of a letter's job that goes back.
    ///
    /// What went wrong in a replay goes back into live work all the same, and says where it comes from.
    func jobHeaders(copying headers: [Header], from place: Envelope.Origin) -> [Header] {
        Envelope.retryHeaders(copying: headers, from: place, replay: queue.replay)
    }
}

extension VerdictRecord {
    func record(in queue: Queue, on letter: LetterPlace) -> ProducerRecord {
        ProducerRecord(
            topic: queue.stateTopic,
            partition: letter.partition,
            key: Self.key(partition: letter.partition, offset: letter.offset),
            value: value
        )
    }
}
