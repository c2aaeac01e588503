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
        return Self.message(cause, done: done)
    }

    /// What cut it short, what was done, and how to go on.
    package static func message(_ cause: any Error, done: String) -> String {
        let again = "Run it again for what is left: nothing is done twice"
        if let cause = cause as? KafkaError, cause.isFenced {
            return "another command took over the queue's dead letters; \(done). \(again)"
        }
        if cause is CancellationError { return "interrupted; \(done). \(again)" }
        return "\(cause); \(done). \(again)"
    }
}

extension DeadLetters {
    /// Sends the jobs of open letters back to the main topic, each to its partition, as attempt 1.
    ///
    /// A job and its letter's verdict are written in one transaction, and verdicts are read when others have been shut
    /// out: whether calls follow one another, run beside each other or die in the middle, a letter's job goes back
    /// once. (The embedded broker keeps no such promise for calls beside each other or cut short.) Cancellation ends
    /// it between two transactions. A replay's jobs go to the main topic of the queue that was replayed, that is into live
    /// work, with the header `kokanee-replay`.
    ///
    /// - Parameters:
    ///   - filter: open letters are meant, whatever it says of that.
    ///   - reason: kept with the verdicts.
    ///   - rate: at most so many go back; nil is as fast as the brokers take them.
    ///   - progress: told of letters that are done.
    /// - Throws: ``SettlementError`` once it has begun; ``TopicError``, ``KafkaError`` before.
    public func retry(
        _ filter: DeadLetterFilter,
        reason: String? = nil,
        rate: Rate? = nil,
        progress: Progress? = nil
    ) async throws -> Settlement {
        try await settle(filter, rate, progress) { [self] record, place, id in
            let headers = record.headers
            if Envelope.Cut(headers) == .payload { return nil }
            let origin = Envelope.Origin(topic: record.topic, partition: record.partition, offset: record.offset)
            return LetterDecision(
                id: id,
                size: record.size,
                place: place,
                job: ProducerRecord(
                    topic: queue.mainTopic,
                    partition: record.partition,
                    // Copies: the record's own bytes would keep all of its fetch in memory.
                    key: record.key.map { Bytes($0.array) },
                    value: record.value.map { Bytes($0.array) },
                    headers: jobHeaders(copying: headers, from: origin)
                ),
                verdict: VerdictRecord(
                    .retried,
                    at: 0,
                    by: operatorName,
                    job: id,
                    letterTimestamp: record.timestamp,
                    reason: reason,
                    destination: "\(queue.mainTopic)/\(record.partition)"
                )
            )
        }
    }

    /// Puts open letters aside: their jobs are not to run again. As ``retry(_:reason:rate:progress:)`` otherwise.
    public func discard(
        _ filter: DeadLetterFilter,
        reason: String? = nil,
        progress: Progress? = nil
    ) async throws -> Settlement {
        try await settle(filter, nil, progress) { [operatorName] record, place, id in
            LetterDecision(
                id: id,
                size: record.size,
                place: place,
                verdict: VerdictRecord(
                    .discarded,
                    at: 0,
                    by: operatorName,
                    job: id,
                    letterTimestamp: record.timestamp,
                    reason: reason
                )
            )
        }
    }

    private static let lacksPayload =
        "its payload was too large for the dead letters; it may still stand at the job's origin, as kokanee-origin says"

    /// - Parameter decide: nil where the letter lacks its job's payload.
    private func settle(
        _ filter: DeadLetterFilter,
        _ rate: Rate?,
        _ progress: Progress?,
        _ decide: @escaping @Sendable (Record, LetterPlace, _ id: String) -> LetterDecision?
    ) async throws -> Settlement {
        let layout = try await layout()
        var writer: DecisionWriter
        do throws(KafkaError) {
            writer = try await DecisionWriter(self, rate: rate)
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
                let decisions = try await read(part) { record, place in
                    let id = Envelope.decodeDeadLetter(record, defaultType: defaultType).envelope.id
                    return (id, decide(record, place, id))
                }
                settlement.refusals += decisions.filter { $1 == nil }.map {
                    .init(id: $0.0, reason: Self.lacksPayload)
                }
                try await writer.write(decisions.compactMap(\.1)) { done, refusal in
                    if let refusal {
                        settlement.refusals += done.map { .init(id: $0.id, reason: refusal) }
                    } else {
                        settlement.letters += done.count
                        progress?(settlement.letters, references.count)
                    }
                }
            }
        } catch {
            throw SettlementError(settlement: settlement, cause: error)
        }
        return settlement
    }
}
