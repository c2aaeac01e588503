internal import RdKafka
internal import Synchronization

extension QueueState {
    private static let pause = Duration.seconds(1)

    /// Begins to read what is assigned and not restored, on a thread of its own.
    func restore() {
        let generation = shared.withLock { shared in
            shared.hasFailed = false
            return shared.generation
        }
        beginRestoring(generation)
        startSweeping()
    }

    private func beginRestoring(_ generation: Int) {
        let (partitions, link) = shared.withLock { shared in
            shared.generation == generation ? (shared.table.unrestored, shared.link) : ([], nil)
        }
        guard let link, !partitions.isEmpty else { return }
        let topic = queue.stateTopic
        let start = ContinuousClock.now
        let listener = SnapshotReader.Listener { [weak self] partition, message in
            self?.take(message, of: partition, generation)
        } ended: { [weak self] partition in
            self?.finish(partition, generation, start)
        } held: { [weak self] partition in
            self?.noteHeld(partition, generation)
        } failed: { [weak self] error in
            self?.note(error, generation)
        }
        do {
            let reader = try SnapshotReader(
                topic,
                partitions: partitions,
                configuration: link.client,
                telling: listener
            )
            let isLate = shared.withLock { shared in
                guard shared.generation == generation else { return true }
                shared.reader = reader
                return false
            }
            if isLate { reader.stop() }
        } catch {
            note(error, generation)
            Task { [weak self] in
                try? await Task.sleep(for: Self.pause)
                self?.beginRestoring(generation)
            }
        }
    }

    /// On the reader's thread, for each record.
    private func take(_ message: ConsumedMessage, of partition: Int32, _ generation: Int) {
        // Foreign keys, and those of outcomes and verdicts, are most of many topics.
        guard let key = message.key, let kind = StateKey(key) else { return }
        let digest = KeyDigest(key)
        let value = message.value
        switch kind {
        case .mark:
            let mark = value.flatMap(MarkRecord.mark)
            // What is none says nothing, and takes nothing away.
            guard value == nil || mark != nil else { return }
            shared.withLock { shared in
                guard shared.generation == generation else { return }
                shared.table.restore(mark, digest, in: partition)
            }
        case .job:
            let head = value.flatMap { JobBook.Head($0) }
            guard value == nil || head != nil else { return }
            shared.withLock { shared in
                guard shared.generation == generation else { return }
                shared.table.restore(head, digest, in: partition, offset: message.offset) {
                    value.map { Bytes(copying: $0) } ?? Bytes([])
                }
            }
        }
    }

    private func finish(_ partition: Int32, _ generation: Int, _ start: ContinuousClock.Instant) {
        let now = now()
        let counts = shared.withLock { shared -> (left: Int, marks: Int, jobs: Int)? in
            guard shared.generation == generation else { return nil }
            let expired = shared.table.finishRestoring(partition, now: now)
            let live = shared.table.partitions[partition]?.books.count ?? 0
            shared.sweeps.note(expired, besides: live, in: partition, now: .now)
            let left = shared.table.unrestored.count
            if left == 0 { shared.reader = nil }
            let all = shared.table.partitions.values
            return (
                left, all.reduce(0) { $0 + $1.books.marks.count }, all.reduce(0) { $0 + $1.books.jobs.entries.count }
            )
        }
        guard let counts, counts.left == 0 else { return }
        logger.log(
            .info,
            "state restored",
            [
                "queue": queue.name, "topic": queue.stateTopic, "marks": "\(counts.marks)", "jobs": "\(counts.jobs)",
                "took": "\(start.duration(to: .now).milliseconds) ms",
            ]
        )
    }

    /// A mark behind it may say that a key is done: that is never guessed.
    private func noteHeld(_ partition: Int32, _ generation: Int) {
        guard shared.withLock({ $0.generation == generation }) else { return }
        logger.log(
            .notice,
            "somebody's transaction is open in the queue's state, a dead worker's mostly: jobs that need the state wait "
                + "until it is ended, or the brokers end it after its transaction.timeout.ms",
            ["queue": queue.name, "topic": queue.stateTopic, "partition": "\(partition)"]
        )
    }

    /// Once for each assignment: librdkafka says it again and again.
    private func note(_ error: KafkaError, _ generation: Int) {
        let (isNews, waiting) = shared.withLock { shared in
            defer { if shared.generation == generation { shared.hasFailed = true } }
            return (shared.generation == generation && !shared.hasFailed, shared.table.unrestored)
        }
        guard isNews else { return }
        logger.log(
            .warning,
            "the queue's state can't be read yet; it is tried again, and jobs that need it wait, as long as their timeout "
                + "allows",
            [
                "queue": queue.name, "topic": queue.stateTopic,
                "partitions": waiting.prefix(20).map { "\($0)" }.joined(separator: ","), "error": "\(error)",
            ]
        )
    }
}

/// What of the state topic a restore looks at.
enum StateKey {
    case mark
    case job

    init?(_ key: UnsafeRawBufferPointer) {
        if MarkRecord.isKey(key) {
            self = .mark
        } else if MarkRecord.starts(key, with: JobRecord.prefix) {
            self = .job
        } else {
            return nil
        }
    }
}
