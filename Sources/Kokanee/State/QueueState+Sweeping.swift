internal import RdKafka
internal import Synchronization

extension QueueState {
    /// Between two passes, the first of which has left some: its tombstones are on their way meanwhile.
    private static let pauseBetweenPasses = Duration.seconds(1)

    /// Looks now and then for what has expired, for as long as the worker runs.
    func startSweeping() {
        shared.withLock { shared in
            guard shared.sweepTask == nil, shared.link != nil else { return }
            let interval = settings.sweepInterval
            shared.sweepTask = Task { [weak self] in
                while (try? await Task.sleep(for: interval)) != nil { self?.sweep() }
            }
        }
    }

    /// Forgets what has expired, and begins a pass over the topic where that is worth it.
    func sweep() {
        let now = now()
        let instant = ContinuousClock.now
        shared.withLock { shared in
            for number in shared.table.partitions.keys where shared.table.partitions[number]?.isRestored == true {
                let counts = shared.table.update(number) { partition in
                    let expired = partition.books.marks.expire(now: now) + partition.books.jobs.expire(now: now)
                    return (expired: expired, live: partition.books.count)
                }
                guard let counts else { continue }
                shared.sweeps.note(counts.expired, besides: counts.live, in: number, now: instant)
            }
        }
        beginPass(now: instant)
    }

    /// Begins a pass over what is due, unless one is under way.
    private func beginPass(now: ContinuousClock.Instant) {
        let (due, link, generation) = shared.withLock { shared -> ([Int32], StateLink?, Int) in
            guard shared.sweeper == nil else { return ([], nil, 0) }
            return (shared.sweeps.due(now: now), shared.link, shared.generation)
        }
        guard let link, !due.isEmpty else { return }
        pass(due, link, generation)
    }

    private func pass(_ partitions: [Int32], _ link: StateLink, _ generation: Int) {
        let left = Mutex(partitions.count)
        let listener = SnapshotReader.Listener { [weak self] partition, message in
            self?.look(at: message, in: partition, generation)
        } ended: { [weak self] partition in
            self?.remove(in: partition, link, generation)
            let isLast = left.withLock {
                $0 -= 1
                return $0 == 0
            }
            if isLast { self?.finishPass(generation) }
        } failed: { _ in
        }
        // Under the lock: it may be through before anything else is done here.
        shared.withLock { shared in
            guard shared.generation == generation, shared.sweeper == nil else { return }
            let starts = partitions.map { ($0, shared.sweeps.start(of: $0)) }
            shared.sweeper = try? SnapshotReader(
                queue.stateTopic,
                partitions: partitions,
                from: Dictionary(uniqueKeysWithValues: starts),
                configuration: link.client,
                telling: listener
            )
        }
    }

    /// Begins the next pass soon where this one has left some: more may expire in the usual time than it finds.
    private func finishPass(_ generation: Int) {
        let isOverdue = shared.withLock { shared in
            guard shared.generation == generation else { return false }
            shared.sweeper = nil
            return shared.sweeps.isOverdue
        }
        guard isOverdue else { return }
        Task { [weak self] in
            try? await Task.sleep(for: Self.pauseBetweenPasses)
            guard let link = self?.shared.withLock({ $0.link }), link.engine.mayWrite(queue: link.queue) else { return }
            // What is known was looked through a moment ago.
            self?.beginPass(now: .now)
        }
    }

    /// Takes note of what has expired, on the reader's thread.
    private func look(at message: ConsumedMessage, in partition: Int32, _ generation: Int) {
        guard let key = message.key, let kind = StateKey(key) else { return }
        let now = now()
        var isExpired = false
        if let value = message.value {
            switch kind {
            case .mark: isExpired = MarkRecord.mark(value).map { $0.until <= now } ?? false
            case .job: isExpired = JobBook.Head(value)?.expiresAt.map { $0 <= now } ?? false
            }
        }
        shared.withLock { shared in
            guard shared.generation == generation else { return }
            shared.sweeps.see(KeyDigest(key), in: partition, at: message.offset, isExpired: isExpired) {
                Bytes(copying: key)
            }
        }
    }

    /// Takes away what a pass has found, unless its key is alive again.
    private func remove(in partition: Int32, _ link: StateLink, _ generation: Int) {
        guard link.engine.mayWrite(queue: link.queue) else { return }
        let topic = queue.stateTopic
        let now = now()
        shared.withLock { shared in
            guard shared.generation == generation else { return }
            let keys = shared.sweeps.take(partition, now: .now)
            _ = shared.table.update(partition) { books in
                for (key, name) in keys where books.books.isFree(key, now: now) {
                    // Under the lock: what a job writes under this key from now on comes behind it. The producer calls
                    // nothing of this, and a tombstone that is not taken is none that is missed.
                    let record = ProducerRecord(topic: topic, partition: partition, key: name, value: nil)
                    link.engine.producer.produceInPassing(record) { _ in }
                }
            }
        }
    }
}

extension StateTable.Books {
    /// Whether nothing that counts is known of a key.
    func isFree(_ key: KeyDigest, now: Int64) -> Bool {
        marks.isFree(key, now: now) && (jobs[key]?.head.expiresAt.map { $0 <= now } ?? (jobs[key] == nil))
    }
}

extension Engine {
    /// Whether this worker is certain to be the owner of what it was assigned.
    func mayWrite(queue: Int32) -> Bool {
        let now = clock.monotonic()
        return state.withLock { $0.mayWrite(queue, now: now) }
    }
}
