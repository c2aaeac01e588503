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
        case .main(let due): (topic, dueAt) = (queue.mainTopic, due)
        }
        let headers = Envelope.rungHeaders(
            copying: content.record.headers,
            from: content.place,
            attempt: attempt,
            dueAt: dueAt,
            failure: failure
        )
        return record(content, topic, headers)
    }

    static func deadLetter(
        _ content: JobContent,
        reason: DeadReason,
        failure: Envelope.Failure?,
        now: Int64
    ) -> ProducerRecord {
        let headers = Envelope.deadLetterHeaders(
            copying: content.record.headers,
            from: content.place,
            attempt: content.attempt,
            reason: reason,
            failure: failure,
            at: now
        )
        return record(content, content.runtime.queue.deadLetterTopic, headers)
    }

    private static func record(_ content: JobContent, _ topic: String, _ headers: [Header]) -> ProducerRecord {
        ProducerRecord(
            topic: topic,
            partition: content.record.partition,
            key: content.record.key,
            value: content.record.value,
            headers: headers
        )
    }
}
