internal import RdKafka

/// What came of a decision about dead letters.
public struct Settlement: Sendable, Equatable {
    /// A letter that stays open, and why.
    public struct Refusal: Sendable, Equatable {
        public let id: String
        public let reason: String
    }

    /// Letters that have their verdicts now.
    public internal(set) var letters = 0
    /// Letters whose job the main topic does not take, or that lack its payload.
    public internal(set) var refusals: [Refusal] = []
    /// What the filter meant when it began.
    public internal(set) var findings: DeadLetters.Findings

    /// Nothing done yet.
    public init(_ findings: DeadLetters.Findings) {
        self.findings = findings
    }
}

/// Not all dead letters could be dealt with; what was, stays so, and the others are as they were.
public struct SettlementError: Error, Sendable, CustomStringConvertible {
    /// What was done before.
    public let settlement: Settlement
    public let cause: any Error

    public var description: String {
        let total = settlement.findings.letters
        let done = total == 0 ? "nothing was done" : "\(settlement.letters) of \(total) letters were done before"
        if let cause = cause as? KafkaError, cause.isFenced {
            return "another command took over the queue's dead letters; \(done). Run it again for what is left"
        }
        if cause is CancellationError { return "interrupted; \(done)" }
        return "\(cause); \(done)"
    }
}

extension DeadLetters {
    private static let batchSize = 1000
    private static let batchBytes = 5_000_000

    /// One at a time decides about a queue's letters: the brokers shut out whoever came before.
    private var transactionalID: String { "kokanee.\(queue.name).dlq" }

    /// Sends the jobs of open letters back to the main topic, each to its partition, as attempt 1.
    ///
    /// A job and its letter's verdict are written in one transaction, and verdicts are read when others have been shut
    /// out: whether calls follow one another, run beside each other or die in the middle, a letter's job goes back
    /// once. (The embedded broker keeps no such promise for calls beside each other or cut short.) Cancellation ends
    /// it between two transactions.
    ///
    /// - Parameters:
    ///   - filter: open letters are meant, whatever it says of that.
    ///   - progress: told of letters that are done.
    /// - Throws: ``SettlementError`` once it has begun; ``TopicError``, ``KafkaError`` before.
    public func retry(_ filter: DeadLetterFilter, progress: Progress? = nil) async throws -> Settlement {
        try await settle(filter, progress) { [queue, operatorName, now] record, id in
            let headers = record.headers
            if Envelope.Cut(headers) == .payload { return [] }
            let place = Envelope.Origin(topic: record.topic, partition: record.partition, offset: record.offset)
            let job = ProducerRecord(
                topic: queue.mainTopic,
                partition: record.partition,
                // Copies: the record's own bytes would keep all of its fetch in memory.
                key: record.key.map { Bytes($0.array) },
                value: record.value.map { Bytes($0.array) },
                headers: Envelope.retryHeaders(copying: headers, from: place)
            )
            let verdict = VerdictRecord(
                .retried,
                at: now(),
                by: operatorName,
                job: id,
                letterTimestamp: record.timestamp,
                destination: "\(queue.mainTopic)/\(record.partition)"
            )
            return [job, verdict.record(in: queue, on: record)]
        }
    }

    /// Puts open letters aside: their jobs are not to run again. As ``retry(_:progress:)`` otherwise.
    ///
    /// - Parameter reason: kept with the verdict.
    public func discard(
        _ filter: DeadLetterFilter,
        reason: String? = nil,
        progress: Progress? = nil
    ) async throws -> Settlement {
        try await settle(filter, progress) { [queue, operatorName, now] record, id in
            let verdict = VerdictRecord(
                .discarded,
                at: now(),
                by: operatorName,
                job: id,
                letterTimestamp: record.timestamp,
                reason: reason
            )
            return [verdict.record(in: queue, on: record)]
        }
    }

    private struct Decision: Sendable {
        let id: String
        let size: Int
        /// None where the job can't go back.
        let records: [ProducerRecord]

        var lacksPayload: Bool { records.isEmpty }
    }

    private static let lacksPayload =
        "its payload was too large for the dead letters; it may still stand at the job's origin, as kokanee-origin says"

    private func settle(
        _ filter: DeadLetterFilter,
        _ progress: Progress?,
        _ records: @escaping @Sendable (Record, String) -> [ProducerRecord]
    ) async throws -> Settlement {
        let layout = try await layout()
        let producer = try TransactionalProducer(producerConfiguration, transactionalID: transactionalID)
        do throws(KafkaError) {
            try await producer.takeOver()
        } catch {
            guard error.isFenced else { throw error }
            throw SettlementError(settlement: Settlement(Findings()), cause: error)
        }
        // Only now: what somebody else was about to decide is decided, or will never be.
        let verdicts = try await verdicts(layout, .complete)
        var open = filter
        open.isOpenOnly = true
        let search = try await search(open, layout, verdicts, nil)
        // Jobs of one key keep their order.
        let references = search.references.sorted { $0.place < $1.place }
        var settlement = Settlement(findings(search, references))
        let defaultType = queue.defaultType
        do {
            for part in references.parts(ofAtMost: Self.partSize, bytes: Self.partBytes) {
                let decisions = try await read(part) { record, _ in
                    let id = Envelope.decodeDeadLetter(record, defaultType: defaultType).envelope.id
                    return Decision(id: id, size: record.size, records: records(record, id))
                }
                let refused = decisions.filter(\.lacksPayload)
                settlement.refusals += refused.map { .init(id: $0.id, reason: Self.lacksPayload) }
                for batch in batches(decisions.filter { !$0.lacksPayload }) {
                    try Task.checkCancellation()
                    try await commit(batch, producer, &settlement)
                    progress?(settlement.letters, references.count)
                }
            }
        } catch {
            throw SettlementError(settlement: settlement, cause: error)
        }
        return settlement
    }

    /// Commits decisions together; those that are too large together by halves, down to the one that is by itself.
    private func commit(
        _ batch: ArraySlice<Decision>,
        _ producer: TransactionalProducer,
        _ settlement: inout Settlement
    ) async throws {
        do throws(KafkaError) {
            try await producer.send(batch.flatMap(\.records))
            settlement.letters += batch.count
        } catch {
            guard error.isTooLarge, !error.isFatal else { throw error }
            guard batch.count > 1 else {
                settlement.refusals += batch.map { .init(id: $0.id, reason: "too large for \(queue.mainTopic)") }
                return
            }
            let middle = batch.startIndex + batch.count / 2
            try await commit(batch[..<middle], producer, &settlement)
            try await commit(batch[middle...], producer, &settlement)
        }
    }

    private func batches(_ decisions: [Decision]) -> [ArraySlice<Decision>] {
        var batches: [ArraySlice<Decision>] = []
        var start = 0
        var size = 0
        for (index, decision) in decisions.enumerated() {
            if index > start, index - start == Self.batchSize || size + decision.size > Self.batchBytes {
                batches.append(decisions[start..<index])
                (start, size) = (index, 0)
            }
            size += decision.size
        }
        if start < decisions.count { batches.append(decisions[start...]) }
        return batches
    }

    private var producerConfiguration: ClientConfiguration {
        var configuration = configuration
        // What the dead-letter topic holds it once took from a producer: the topics' limits count, not this client's.
        configuration.properties.merge(["message.max.bytes": "104857600"]) { set, _ in set }
        return configuration
    }
}

extension VerdictRecord {
    fileprivate func record(in queue: Queue, on letter: Record) -> ProducerRecord {
        ProducerRecord(
            topic: queue.stateTopic,
            partition: letter.partition,
            key: Self.key(partition: letter.partition, offset: letter.offset),
            value: value
        )
    }
}
