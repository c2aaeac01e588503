internal import RdKafka
internal import Synchronization

extension QueueState {
    /// What of an attempt is to happen once, or by one job only.
    struct Once: Sendable {
        var claim: MarkBook.Claim?
        var claimKey: Bytes?
        /// Milliseconds.
        var window: Int64
        var candidate: MarkBook.Candidate?
        var candidateKey: Bytes?
        /// Where the job stood first, as marks say it.
        var of: String

        var isEmpty: Bool { claim == nil && candidate == nil }
    }

    /// What the job's record says of that.
    func once(_ content: JobContent, now: Int64) -> Once? {
        guard let envelope = content.envelope, envelope.idempotencyKey != nil || envelope.unique != nil else {
            return nil
        }
        let place = content.firstPlace
        var of = place.description
        let identity = of.withUTF8 { MarkBook.identity(UnsafeRawBufferPointer($0)) }
        var once = Once(window: envelope.idempotencyWindow ?? settings.idempotencyWindow.milliseconds, of: of)
        if let key = envelope.idempotencyKey {
            let bytes = MarkRecord.key(.idempotency, key)
            once.claimKey = bytes
            once.claim = MarkBook.Claim(
                key: KeyDigest(bytes),
                ticket: content.ticket,
                identity: identity,
                replayedSince: queue.replay == nil ? content.replay.flatMap(ReplayID.time(of:)) : nil
            )
        }
        if let unique = envelope.unique {
            let bytes = MarkRecord.key(.unique, unique.key)
            once.candidateKey = bytes
            let isMain = place.topic == queue.mainTopic && place.partition == content.partition
            once.candidate = MarkBook.Candidate(
                key: KeyDigest(bytes),
                identity: identity,
                until: unique.until,
                ends: now + unique.limit,
                offset: isMain ? place.offset : nil,
                isCommitted: content.attempt > 1 || envelope.hasBegun || content.wasSentBack
            )
        }
        return once
    }

    /// Whether an attempt is to run; nil is that it is, or how it ends without.
    func admit(_ content: JobContent) async -> AttemptEnd? {
        guard content.isOnce, let once = once(content, now: now()) else { return nil }
        do {
            try await restored(for: content)
            while true {
                switch decide(once, content) {
                case .run:
                    _ = content.attemptNotes
                    return nil
                case .skip(let isOwn):
                    if isOwn { _ = content.attemptNotes }
                    return .skipped(isOwn: isOwn)
                case .wait(let other):
                    // Of another ordering key: a lane keeps those apart that share one.
                    try await Task.sleep(for: .milliseconds(10))
                    abandonIfOver(once, other)
                }
                if standing(of: content) == .over { throw StateError.fenced(content) }
            }
        } catch {
            return .failed(error)
        }
    }

    private func decide(_ once: Once, _ content: JobContent) -> MarkBook.Verdict {
        let now = now()
        return shared.withLock { shared in
            shared.table.update(content.partition) { partition in
                if let claim = once.claim {
                    let verdict = partition.books.marks.claim(claim, now: now)
                    guard verdict == .run else { return verdict }
                }
                guard let candidate = once.candidate else { return .run }
                let verdict = partition.books.marks.stand(candidate, seen: partition.seen, now: now)
                if verdict != .run, let claim = once.claim { partition.books.marks.release(claim.key, claim.ticket) }
                return verdict
            } ?? .run
        }
    }

    /// A job that ``admit(_:)`` let run has not begun: others of its key are not skipped for its start.
    func withdraw(_ content: JobContent) {
        guard content.isOnce, let candidate = once(content, now: now())?.candidate else { return }
        shared.withLock { shared in
            _ = shared.table.update(content.partition) { $0.books.marks.withdraw(candidate) }
        }
    }

    /// Frees a key whose job has left without a word: its task was cancelled with its worker's shutdown.
    private func abandonIfOver(_ once: Once, _ other: Engine.Ticket) {
        guard let claim = once.claim, shared.withLock({ $0.link })?.standing(of: other) == .over else { return }
        shared.withLock { shared in
            for number in shared.table.partitions.keys {
                _ = shared.table.update(number) { $0.books.marks.release(claim.key, other) }
            }
        }
    }

    // MARK: - Ends

    /// How an attempt has ended, as far as it matters to the state.
    private struct End {
        let disposition: Disposition
        let content: JobContent
        let once: Once?
        let known: AttemptNotes.State?
        let outcome: JobRecord?
        let now: Int64
    }

    /// What an attempt's end has to leave in the state topic before its job counts as finished.
    ///
    /// - Parameter stands: it does so already: it is only taken note of.
    func writes(
        after disposition: Disposition,
        of content: JobContent,
        isCancelled: Bool = false,
        stands: Bool = false
    ) -> [StateRecord] {
        guard let end = end(disposition, of: content, isCancelled: isCancelled) else { return [] }
        return shared.withLock { shared in
            shared.table.update(content.partition) { partition in
                let records = records(after: end, &partition)
                guard !stands else { return [] }
                if case .complete = disposition, end.once?.claim != nil, let outcome = end.outcome {
                    partition.unwritten[KeyDigest(JobRecord.key(of: content.id))] = outcome
                }
                return records
            } ?? []
        }
    }

    /// What a job's completion is to leave there, for who writes that himself. Nothing is taken note of: it may come to
    /// nothing.
    ///
    /// - Throws: `CancellationError`.
    func leavings(of content: JobContent) async throws -> [StateRecord] {
        try await content.writtenNotes?.close()
        guard let end = end(.complete, of: content) else { return [] }
        let keys = [end.once?.claim?.key, end.once?.candidate?.key, KeyDigest(JobRecord.key(of: content.id))]
        return shared.withLock { shared in
            shared.table.update(content.partition) { partition in
                var trial = partition.excerpt(of: keys.compactMap { $0 })
                defer { partition.sequence = trial.sequence }
                return records(after: end, &trial)
            } ?? []
        }
    }

    /// All that the end of a job was to leave stands in the topic.
    func finished(_ content: JobContent) {
        guard content.isOnce else { return }
        let key = KeyDigest(JobRecord.key(of: content.id))
        shared.withLock { shared in
            _ = shared.table.update(content.partition) { $0.unwritten[key] = nil }
        }
    }

    /// Nil where nothing is to be left.
    private func end(_ disposition: Disposition, of content: JobContent, isCancelled: Bool = false) -> End? {
        let hasNotes = content.hasNotes.load(ordering: .acquiring)
        guard hasNotes || content.attempt > 1 || content.isOnce || content.keptResult != nil else { return nil }
        // Whoever is not the owner any more knows nothing that the owner should believe.
        guard standing(of: content) != .over else { return nil }
        let now = now()
        let known = content.writtenNotes?.state.withLock { state in
            // What is still on its way to the topic would stand behind what the end leaves there.
            state.isOver = true
            return state
        }
        let outcome = content.outcome(after: disposition, isCancelled: isCancelled, now: now)
        // What is kept for a time has to be taken away after it.
        if outcome != nil { want() }
        return End(
            disposition: disposition,
            content: content,
            once: content.isOnce ? once(content, now: now) : nil,
            known: known,
            outcome: outcome,
            now: now
        )
    }

    private func records(after end: End, _ partition: inout StateTable.Partition) -> [StateRecord] {
        // The result before the mark: a job whose mark stands is not run again, and could not leave it any more.
        let record = jobRecord(
            after: end.disposition,
            of: end.content,
            known: end.known,
            outcome: end.outcome,
            &partition
        )
        let marks = end.once.map { settle($0, end.disposition, end.content, &partition, now: end.now) } ?? []
        return (record.map { [$0] } ?? []) + marks
    }

    private func settle(
        _ once: Once,
        _ disposition: Disposition,
        _ content: JobContent,
        _ partition: inout StateTable.Partition,
        now: Int64
    ) -> [StateRecord] {
        var records: [StateRecord] = []
        if let claim = once.claim, let key = once.claimKey {
            let until = now + once.window
            if let mark = partition.books.marks.settle(claim, after: disposition, now: now, until: until) {
                records.append(record(mark, key, once, content, now: now))
            }
        }
        // Also while the state is being restored: the mark was taken over with the job, or is not this job's.
        guard let candidate = once.candidate, let key = once.candidateKey else { return records }
        let settlement: MarkBook.Settlement =
            switch disposition {
            case .complete: partition.books.marks.settle(candidate, isDone: true, seen: partition.seen)
            case .retry, .postpone: partition.books.marks.pause(candidate)
            // What it left stands, or has been taken over by others since.
            case .finishedBefore: .nothing
            case .skip(isOwn: true): partition.books.marks.settle(candidate, isDone: true, seen: partition.seen)
            // It may have stood for others before: then its idempotency key was done meanwhile.
            case .skip(isOwn: false), .discard, .bury:
                partition.books.marks.settle(candidate, isDone: false, seen: partition.seen)
            }
        switch settlement {
        case .nothing: break
        case .write(let mark): records.append(record(mark, key, once, content, now: now))
        case .remove: records.append(StateRecord(key: key, value: nil))
        }
        return records
    }

    private func record(
        _ mark: MarkBook.Mark,
        _ key: Bytes,
        _ once: Once,
        _ content: JobContent,
        now: Int64
    ) -> StateRecord {
        // One that is written again was made when it was made.
        let at = mark.kind == .done ? mark.at : now
        return StateRecord(key: key, value: MarkRecord(mark: mark, of: once.of, at: at, job: content.id).value)
    }
}

extension JobContent {
    /// Whether something of it is to happen once, or by one job only.
    var isOnce: Bool {
        // Not by ``whole``, which copies what it is asked for.
        guard case .whole(let whole) = reading else { return false }
        return whole.job.envelope.idempotencyKey != nil || whole.job.envelope.unique != nil
    }

    /// Whether it was a dead letter that somebody wants to run again.
    var wasSentBack: Bool {
        var wasSentBack = false
        message.forEachHeader { name, _ in
            if HeaderName.recognise(name) == .retriedFrom { wasSentBack = true }
        }
        return wasSentBack
    }
}

extension JobContent {
    /// The lane of a job that has no other: those of one key meet in it, and each sees what became of the one before.
    var onceLane: UInt64? {
        guard let envelope = whole?.envelope, var key = envelope.idempotencyKey ?? envelope.unique?.key else {
            return nil
        }
        return key.withUTF8 { KeyHash.hash(UnsafeRawBufferPointer($0)) }
    }
}
