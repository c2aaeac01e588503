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

    /// Waits until it is known what earlier attempts of a job have left, which ends without another one: that has to be known
    /// to be taken away.
    ///
    /// - Throws: as ``record(of:)``.
    func knowWhatIsLeft(of content: JobContent) async throws {
        if content.isOnce { try await restored(for: content) }
        if content.keptResult != nil { _ = try await record(of: content) }
        // Whose notes are there is looked after when it ends.
        _ = content.attemptNotes
    }

    /// Whether it is known already that no earlier attempt has left anything. False says nothing; it will be known soon.
    func hasNothing(of content: JobContent) -> Bool {
        let hasRecord: Bool? = shared.withLock { shared in
            guard let partition = shared.table.partitions[content.partition], partition.isRestored else { return nil }
            let jobs = partition.books.jobs
            // Mostly there are none, and no name need be made.
            return !jobs.entries.isEmpty && jobs[KeyDigest(JobRecord.key(of: content.id))] != nil
        }
        if hasRecord == nil { want() }
        return hasRecord == false
    }

    /// Whether an earlier attempt may have left something, which ``record(of:)`` then tells; it asks for less than that.
    ///
    /// - Throws: as ``record(of:)``.
    func mayHaveRecord(of content: JobContent) async throws -> Bool {
        try await restored(for: content)
        return shared.withLock { $0.table.update(content.partition) { !$0.books.jobs.entries.isEmpty } } ?? false
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
        let result = FirstResult<Delivery>()
        let made = content.attemptNotes.state.withLock { state -> Bool? in
            // Under the notes' lock, so that of two calls the later one has the later place, in the log as well.
            guard !state.isOver, let order = shared.withLock({ $0.table.update(content.partition) { $0.nextOrder() } })
            else {
                return nil
            }
            var record = state.record ?? JobRecord()
            change(&record)
            record.attempt = content.attempt
            record.at = now
            record.order = order
            record.expiresAt = now + settings.retention.milliseconds
            // A dead letter that runs again.
            (record.outcome, record.error, record.result) = (nil, nil, nil)
            state.record = record
            state.mayHaveRecord = true
            let written = record.record(of: content.id)
            let head = JobBook.Head(order: order, expiresAt: record.expiresAt, isOpen: true)
            content.attemptNotes.unsettled.add(1, ordering: .relaxed)
            link.engine.producer.produce(written.record(topic: queue.stateTopic, partition: content.partition)) {
                content.attemptNotes.unsettled.subtract(1, ordering: .releasing)
                // Also where nobody awaits it any more: the next attempt is to find it.
                if case .success(let delivery) = $0 { self.saved(written, head, of: content, at: delivery.offset) }
                result.set($0.mapError { $0 })
            }
            return true
        }
        guard made == true else { throw StateError.fenced(content) }
        _ = try await withTaskCancellationHandler {
            try await result.value()
        } onCancel: {
            result.set(.failure(CancellationError()))
        }
        // The next owner may have looked before it arrived: then it is not kept, whatever the broker says.
        try await writable(for: content)
    }

    /// The brokers have what a job saved.
    private func saved(_ record: StateRecord, _ head: JobBook.Head, of content: JobContent, at offset: Int64) {
        content.attemptNotes.state.withLock { state in
            // What the attempt's end left is newer, or nothing is to be known any more, or this is known.
            guard !state.isOver else { return stands(record, of: content, at: offset) }
            shared.withLock { shared in
                _ = shared.table.update(content.partition) { partition in
                    partition.books.jobs.note(KeyDigest(record.key), head, offset: offset) { record.value ?? Bytes([]) }
                }
            }
        }
    }

    /// What the topic has to have of a job's record after an attempt; nil leaves it as it is.
    ///
    /// - Parameters:
    ///   - known: what the attempt has noted of it.
    ///   - outcome: what is to be kept of its end.
    func jobRecord(
        after disposition: Disposition,
        of content: JobContent,
        known: AttemptNotes.State?,
        outcome: JobRecord?,
        _ partition: inout StateTable.Partition
    ) -> StateRecord? {
        // A first attempt that did not begin has left nothing: what the topic has may be of another job of the same id.
        guard known != nil || content.attempt > 1 || content.keptResult != nil else { return nil }
        switch disposition {
        case .retry, .postpone:
            if let record = known?.record, known?.mayHaveRecord == true { note(record, of: content, &partition) }
            return nil
        // A job that is sent back from the dead letters goes on where it was, as long as its record is kept.
        case .bury where outcome == nil: return nil
        // Its rung's record may be in the middle of it.
        case .finishedBefore: return nil
        case .bury, .complete, .discard, .skip: break
        }
        let mayHaveRecord = known?.mayHaveRecord ?? false
        // Without a note or an entry nothing was written: most have neither.
        guard
            mayHaveRecord || outcome != nil || !partition.books.jobs.entries.isEmpty || !partition.unwritten.isEmpty
        else { return nil }
        let key = JobRecord.key(of: content.id)
        let digest = KeyDigest(key)
        let entry = partition.books.jobs[digest]
        // Enqueued twice, as happens to who tries again: what the topic has is its twin's.
        if case .skip(isOwn: false) = disposition, content.attempt == 1, let entry, let outcome,
            entry.head.expiresAt.map({ $0 > outcome.at }) ?? true
        {
            return nil
        }
        var outcome = outcome
        // It was done before the last assignment, and what it was to leave then may not stand.
        if case .skip(isOwn: true) = disposition { outcome = partition.unwritten[digest] }
        if var outcome {
            outcome.order = partition.nextOrder()
            if outcome.outcome == .dead {
                let before = known?.record ?? entry?.value.flatMap { JobRecord(value: $0) }
                outcome.checkpoint = before?.checkpoint
                if outcome.checkpoint != nil {
                    let retained = outcome.at + settings.retention.milliseconds
                    outcome.expiresAt = max(outcome.expiresAt ?? retained, retained)
                }
            }
            let record = outcome.endRecord(of: content.id)
            let head = JobBook.Head(order: outcome.order, expiresAt: outcome.expiresAt, isOpen: outcome.isOpen)
            partition.books.jobs.note(digest, head, offset: nil) { record.value ?? Bytes([]) }
            return record
        }
        guard mayHaveRecord || entry?.head.isOpen == true else { return nil }
        partition.books.jobs.remove(digest)
        return StateRecord(key: key, value: nil)
    }

    /// What an attempt has saved is the next one's, also where it did not wait until the brokers had it: they have, or will.
    private func note(_ record: JobRecord, of content: JobContent, _ partition: inout StateTable.Partition) {
        let written = record.record(of: content.id)
        let key = KeyDigest(written.key)
        // Without its value it could only be read from where it stands, which is not known yet.
        guard partition.books.jobs.hasRoom, partition.books.jobs[key].map({ $0.head.order < record.order }) ?? true
        else { return }
        let head = JobBook.Head(order: record.order, expiresAt: record.expiresAt, isOpen: record.isOpen)
        partition.books.jobs.note(key, head, offset: nil) { written.value ?? Bytes([]) }
    }

    /// What the end of a job's attempt left stands in the topic.
    func stands(_ record: StateRecord, of content: JobContent, at offset: Int64) {
        guard offset >= 0, let value = record.value else { return }
        let key = KeyDigest(record.key)
        shared.withLock { shared in
            _ = shared.table.update(content.partition) { $0.books.jobs.stands(key, value, at: offset) }
        }
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
