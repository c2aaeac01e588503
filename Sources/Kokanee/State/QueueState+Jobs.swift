internal import RdKafka
internal import Synchronization

extension QueueState {
    /// The job's record as it is known; nil where there is none.
    ///
    /// - Throws: ``StateError`` where the attempt's epoch is over; `CancellationError`; ``KafkaError``.
    func record(of content: JobContent) async throws -> JobRecord? {
        try await restored(for: content)
        let notes = content.attemptNotes
        if let record = notes.state.withLock({ $0.record }) { return record }
        let key = KeyDigest(JobRecord.key(of: content.id))
        let entry = shared.withLock { shared in shared.table.update(content.partition) { $0.books.jobs[key] } ?? nil }
        guard let entry, entry.head.isOpen, entry.head.expiresAt.map({ $0 > now() }) ?? true else { return nil }
        guard let value = try await value(of: entry, content), let record = JobRecord(value: value) else { return nil }
        return notes.state.withLock { state in
            state.record = state.record ?? record
            state.mayHaveRecord = true
            return state.record
        }
    }

    /// Changes the job's record, and returns once the brokers have it.
    ///
    /// - Throws: ``StateError`` where the attempt's epoch is over, at the beginning or by the end; `CancellationError`;
    ///   ``KafkaError`` where the record was not taken: then the topic has what it had, or this.
    func save(of content: JobContent, _ change: @Sendable (inout JobRecord) -> Void) async throws {
        _ = try await record(of: content)
        try await writable(for: content)
        guard let link = shared.withLock({ $0.link }) else { throw StateError.fenced(content) }
        let now = now()
        let made = content.attemptNotes.state.withLock { state -> (order: JobRecord.Order, record: StateRecord)? in
            // Under the notes' lock, so that of two calls the later one has the later place.
            guard let order = shared.withLock({ $0.table.update(content.partition) { $0.nextOrder() } }) else {
                return nil
            }
            var record = state.record ?? JobRecord()
            change(&record)
            record.attempt = content.attempt
            record.at = now
            record.order = order
            record.expiresAt = now + settings.retention.milliseconds
            state.record = record
            state.mayHaveRecord = true
            return (order, record.record(of: content.id))
        }
        guard let (order, record) = made else { throw StateError.fenced(content) }
        let delivery = try await produce(record, content, link)
        // The next owner may have looked before it arrived: then it is not kept, whatever the broker says.
        try await writable(for: content)
        let head = JobBook.Head(order: order, expiresAt: now + settings.retention.milliseconds, isOpen: true)
        shared.withLock { shared in
            _ = shared.table.update(content.partition) { partition in
                partition.books.jobs.note(KeyDigest(record.key), head, offset: delivery.offset) {
                    record.value ?? Bytes([])
                }
            }
        }
    }

    private func produce(_ record: StateRecord, _ content: JobContent, _ link: StateLink) async throws -> Delivery {
        let result = FirstResult<Delivery>()
        link.engine.producer.produce(record.record(topic: queue.stateTopic, partition: content.partition)) { delivery in
            result.set(delivery.mapError { $0 })
        }
        return try await withTaskCancellationHandler {
            try await result.value()
        } onCancel: {
            result.set(.failure(CancellationError()))
        }
    }

    /// What the topic has to have of a job's record after an attempt; nil leaves it as it is.
    func jobRecord(
        after disposition: Disposition,
        of content: JobContent,
        mayHaveRecord: Bool,
        _ partition: inout StateTable.Partition
    ) -> StateRecord? {
        switch disposition {
        // A job that is sent back from the dead letters goes on where it was, as long as its record is kept.
        case .retry, .bury: return nil
        case .complete, .discard, .skip: break
        }
        // Without a note or an entry nothing was written: most have neither.
        guard mayHaveRecord || !partition.books.jobs.entries.isEmpty else { return nil }
        let key = JobRecord.key(of: content.id)
        let digest = KeyDigest(key)
        guard mayHaveRecord || partition.books.jobs[digest]?.head.isOpen == true else { return nil }
        partition.books.jobs.remove(digest)
        return StateRecord(key: key, value: nil)
    }

    /// A record's value: at hand, or read from where it stands.
    private func value(of entry: JobBook.Entry, _ content: JobContent) async throws -> Bytes? {
        if let value = entry.value { return value }
        guard let offset = entry.offset, let link = shared.withLock({ $0.link }) else { return nil }
        let place = TopicPartition(topic: queue.stateTopic, partition: content.partition)
        let found = Mutex<Bytes?>(nil)
        try await TopicReader.read([place: offset..<offset + 1], configuration: link.client) { record in
            let value = record.value.map { Bytes($0.array) }
            found.withLock { $0 = value }
            return false
        }
        return found.withLock { $0 }
    }
}
