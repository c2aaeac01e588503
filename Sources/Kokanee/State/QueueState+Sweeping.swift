internal import RdKafka
internal import Synchronization

extension QueueState {
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
        let (due, link, generation) = shared.withLock { shared -> ([Int32], StateLink?, Int) in
            for number in shared.table.partitions.keys where shared.table.partitions[number]?.isRestored == true {
                let count = shared.table.update(number) { partition in
                    partition.books.marks.expire(now: now) + partition.books.jobs.expire(now: now)
                }
                shared.sweeps.note(count ?? 0, in: number, now: instant)
            }
            guard shared.sweeper == nil else { return ([], nil, 0) }
            return (shared.sweeps.due(now: instant), shared.link, shared.generation)
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
            guard
                left.withLock({
                    $0 -= 1
                    return $0 == 0
                })
            else { return }
            self?.shared.withLock { if $0.generation == generation { $0.sweeper = nil } }
        } failed: { _ in
        }
        guard
            let reader = try? SnapshotReader(
                queue.stateTopic,
                partitions: partitions,
                configuration: link.client,
                telling: listener
            )
        else { return }
        shared.withLock { shared in
            if shared.generation == generation { shared.sweeper = reader } else { reader.stop() }
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
