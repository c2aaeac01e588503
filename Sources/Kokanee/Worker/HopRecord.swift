internal import RdKafka

/// The record of a hop: the job's own bytes and headers, its partition number kept, its retry state renewed.
///
/// It is put together when librdkafka takes it, straight from the job's record into librdkafka's memory.
struct HopRecord: Sendable {
    private enum Form {
        case rung(attempt: Int, dueAt: Int64?, refusedSince: Int64?, hasBegun: Bool = false)
        case letter(DeadReason, at: Int64)
        /// Not the job, but what it leaves in the queue's state.
        case state(StateRecord)
        /// It lacks something, and can't be made again from the job's record.
        indirect case made(ProducerRecord)
    }

    let content: JobContent
    let topic: String
    private let form: Form
    /// Of the attempt that was made.
    let failure: Envelope.Failure?

    /// - Parameter hasBegun: whether that attempt has begun here, and is to go on.
    static func retry(
        _ content: JobContent,
        attempt: Int,
        after wait: Int64,
        failure: Envelope.Failure?,
        hasBegun: Bool = false,
        now: Int64
    ) -> HopRecord {
        let (topic, dueAt) = content.runtime.destination(after: wait, now: now)
        let form = Form.rung(attempt: attempt, dueAt: dueAt, refusedSince: nil, hasBegun: hasBegun)
        return HopRecord(content: content, topic: topic, form: form, failure: failure)
    }

    /// To the shortest rung, for a worker whose build can run the job.
    static func refused(_ content: JobContent, since: Int64) -> HopRecord {
        let form = Form.rung(attempt: content.attempt, dueAt: nil, refusedSince: since)
        return HopRecord(content: content, topic: content.runtime.queue.retryTopics[0], form: form, failure: nil)
    }

    static func deadLetter(
        _ content: JobContent,
        reason: DeadReason,
        failure: Envelope.Failure?,
        now: Int64
    ) -> HopRecord {
        let topic = content.runtime.queue.deadLetterTopic
        return HopRecord(content: content, topic: topic, form: .letter(reason, at: now), failure: failure)
    }

    /// What a job that is done leaves in the queue's state.
    static func state(_ content: JobContent, _ record: StateRecord) -> HopRecord {
        HopRecord(content: content, topic: content.runtime.queue.stateTopic, form: .state(record), failure: nil)
    }

    /// What it leaves in the queue's state, if it is that.
    var state: StateRecord? { if case .state(let record) = form { record } else { nil } }

    var isDeadLetter: Bool { topic == content.runtime.queue.deadLetterTopic }

    var partition: Int32 { content.message.source.topicPartition.partition }

    /// Makes the record, the same each time, and gives it to the sink.
    func offer(to sink: inout RecordSink) {
        switch form {
        case .made(let record): return sink.offer(record)
        case .state(let state): return sink.offer(state.record(topic: topic, partition: partition))
        case .rung, .letter: break
        }
        withExtendedLifetime(content) {
            sink.begin(topic: topic, headersOf: content.message) { name in
                HeaderName.recognise(name).map(HopState.holds) == true
            }
        }
        writeState(to: &sink)
        sink.send(partition: partition, key: content.key, value: content.value, timestamp: nil)
    }

    /// The record of a hop that was refused as too large, without what it can do without the most.
    ///
    /// Which topic takes how much is the brokers' to say, and nothing else would ever end such a job: it is tried
    /// without its errors' texts; then as a dead letter without the headers that Kokanee does not know; then without
    /// the payload, and a key beyond reason, too: they still stand at the job's origin. The letter says what was cut.
    ///
    /// - Parameter now: milliseconds since the epoch.
    func smaller(now: Int64) -> HopRecord {
        if case .state(let state) = form { return HopRecord.state(content, state.smaller) }
        let record = made
        var smaller = record
        smaller.headers = Envelope.withoutErrors(record.headers)
        guard smaller.headers.count == record.headers.count else { return with(smaller, failure) }
        var failure = failure
        if record.topic != content.runtime.queue.deadLetterTopic {
            let message = "\(record.topic) takes no record of this size"
            failure = Envelope.Failure(type: "TooLarge", message: message, at: now)
            smaller = Self.deadLetter(content, reason: .tooLarge, failure: failure, now: now).made
        }
        let cut = Envelope.Cut(smaller.headers)
        smaller.headers = Envelope.withoutUnknown(smaller.headers, cut: cut == nil ? .headers : .payload)
        if cut != nil {
            smaller.value = nil
            smaller.key = smaller.key.flatMap { $0.count > Envelope.longestName ? nil : $0 }
        }
        return with(smaller, failure)
    }

    private func with(_ record: ProducerRecord, _ failure: Envelope.Failure?) -> HopRecord {
        HopRecord(content: content, topic: record.topic, form: .made(record), failure: failure)
    }

    /// The record as a whole.
    private var made: ProducerRecord {
        switch form {
        case .made(let record): return record
        case .state(let state): return state.record(topic: topic, partition: partition)
        case .rung, .letter: break
        }
        let source = content.record
        var list = HeaderList(headers: Envelope.carriedHeaders(source.headers))
        writeState(to: &list)
        return ProducerRecord(
            topic: topic,
            partition: partition,
            key: source.key,
            value: source.value,
            headers: list.headers
        )
    }

    private func writeState(to writer: inout (some HeaderWriter & ~Copyable)) {
        switch form {
        case .rung(let attempt, let dueAt, let refusedSince, let hasBegun):
            Envelope.writeRungState(
                content.hopState,
                from: content.place,
                attempt: attempt,
                dueAt: dueAt,
                failure: failure,
                refusedSince: refusedSince,
                hasBegun: hasBegun,
                to: &writer
            )
        case .letter(let reason, let now):
            Envelope.writeLetterState(
                content.hopState,
                from: content.place,
                attempt: content.attempt,
                reason: reason,
                failure: failure,
                at: now,
                to: &writer
            )
        case .made, .state: break
        }
    }
}
