internal import RdKafka

/// Makes the records of hops: the job's own bytes and headers, its partition number kept, its retry state renewed.
enum HopRecord {
    static func retry(
        _ content: JobContent,
        attempt: Int,
        after wait: Int64,
        failure: Envelope.Failure?,
        now: Int64
    ) -> ProducerRecord {
        let queue = content.runtime.queue
        let topic: String
        let dueAt: Int64?
        switch Disposition.destination(after: wait, now: now, ladder: queue.ladder) {
        case .rung(let rung, let due): (topic, dueAt) = (queue.retryTopic(rung), due)
        // A replay writes nothing to the live topic: its shortest rung takes longer, and never less.
        case .main where queue.replay != nil: (topic, dueAt) = (queue.retryTopic(queue.ladder.rungs[0]), nil)
        case .main(let due): (topic, dueAt) = (queue.mainTopic, due)
        }
        let state = Envelope.rungState(
            content.hopState,
            from: content.place,
            attempt: attempt,
            dueAt: dueAt,
            failure: failure
        )
        return record(content, topic, state)
    }

    static func deadLetter(
        _ content: JobContent,
        reason: DeadReason,
        failure: Envelope.Failure?,
        now: Int64
    ) -> ProducerRecord {
        let state = Envelope.deadLetterState(
            content.hopState,
            from: content.place,
            attempt: content.attempt,
            reason: reason,
            failure: failure,
            at: now
        )
        return record(content, content.runtime.queue.deadLetterTopic, state)
    }

    /// The record of a hop that was refused as too large, without what it can do without the most.
    ///
    /// Which topic takes how much is the brokers' to say, and nothing else would ever end such a job: it is tried
    /// without its errors' texts; then as a dead letter without the headers that Kokanee does not know; then without
    /// the payload, and a key beyond reason, too: they still stand at the job's origin. The letter says what was cut.
    ///
    /// - Parameter now: milliseconds since the epoch.
    static func smaller(_ record: ProducerRecord, of content: JobContent, now: Int64) -> ProducerRecord {
        let record = record.withCopiedHeaders
        var smaller = record
        smaller.headers = Envelope.withoutErrors(record.headers)
        guard smaller.headers.count == record.headers.count else { return smaller }
        if record.topic != content.runtime.queue.deadLetterTopic {
            let message = "\(record.topic) takes no record of this size"
            let failure = Envelope.Failure(type: "TooLarge", message: message, at: now)
            smaller = deadLetter(content, reason: .tooLarge, failure: failure, now: now).withCopiedHeaders
        }
        let cut = Envelope.Cut(smaller.headers)
        smaller.headers = Envelope.withoutUnknown(smaller.headers, cut: cut == nil ? .headers : .payload)
        if cut != nil {
            smaller.value = nil
            smaller.key = smaller.key.flatMap { $0.count > Envelope.longestName ? nil : $0 }
        }
        return smaller
    }

    /// The job's record with its hop's state behind the headers that it carries on, which are not copied.
    private static func record(_ content: JobContent, _ topic: String, _ state: [Header]) -> ProducerRecord {
        let source = content.record
        var record = ProducerRecord(
            topic: topic,
            partition: source.partition,
            key: source.key,
            value: source.value,
            headers: state
        )
        if let carried = HopState.carried(source) {
            record.carried = carried
        } else {
            record.headers = Envelope.carriedHeaders(source.headers) + state
        }
        return record
    }
}
