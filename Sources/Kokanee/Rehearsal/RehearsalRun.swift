internal import Dispatch
internal import RdKafka
internal import Synchronization

/// One rehearsal at work: a thread that reads, tasks that run attempts, and a state that they share.
///
/// The reader stops where no more can be held, and what runs too long is ended by a ticker.
final class RehearsalRun: Sendable {
    /// An attempt.
    struct Running {
        let task: Task<Void, Never>
        let result: FirstResult<AttemptEnd>
        /// When it is cancelled, if it still runs then.
        var deadline: ContinuousClock.Instant?
        /// When it is given up.
        var givenUpAt: ContinuousClock.Instant?
        var hasOverrun = false
    }

    struct Shared {
        var state: RehearsalState
        var tally = RehearsalTally()
        var running: [Int: Running] = [:]
        var idle: [CheckedContinuation<Void, Never>] = []
        var isReaderWaiting = false
        /// Nothing more comes.
        var isRead = false
        var total: Int?
    }

    let rehearsal: Rehearsal
    let progress: @Sendable (Rehearsal.Progress) -> Void
    let shared: Mutex<Shared>
    /// Signalled once for each time that the reader waits.
    let room = DispatchSemaphore(value: 0)
    let isSampling = Atomic(false)
    let isOver = Atomic(false)
    /// Set under the lock, and looked at without it.
    private let cancelled = Atomic(false)
    let scanned = Atomic<Int64>(0)
    let matched = Atomic<Int64>(0)

    init(_ rehearsal: Rehearsal, progress: @escaping @Sendable (Rehearsal.Progress) -> Void) {
        self.rehearsal = rehearsal
        self.progress = progress
        let concurrency = max(1, rehearsal.configuration.concurrency)
        let bounds = RehearsalState.Bounds(jobs: max(256, concurrency * 8))
        shared = Mutex(Shared(state: RehearsalState(bounds, order: rehearsal.configuration.order)))
    }

    func run() async throws -> RehearsalReport {
        let startedAt = Timestamp.now
        shared.withLock { $0.total = rehearsal.plan.count.map { Int($0.matched) } }
        // A task of its own: it goes on when this one is cancelled, for it ends what ignores that.
        let ticker = Task { await self.tick() }
        defer { report() }
        do {
            let scan = try await scan()
            await end(ticker)
            return makeReport(scan, startedAt: startedAt)
        } catch {
            await end(ticker)
            throw error
        }
    }

    private func end(_ ticker: Task<Void, Never>) async {
        isOver.store(true, ordering: .relaxed)
        ticker.cancel()
        await ticker.value
    }

    /// Ends the reading and the attempts; nothing more begins.
    func cancel() {
        let givenUpAt = ContinuousClock.now + rehearsal.configuration.cancellationGrace
        let (tasks, idle, isReaderWaiting) = shared.withLock { shared in
            cancelled.store(true, ordering: .relaxed)
            for place in shared.running.keys { shared.running[place]?.givenUpAt = givenUpAt }
            defer { (shared.idle, shared.isReaderWaiting) = ([], false) }
            return (shared.running.values.map(\.task), shared.idle, shared.isReaderWaiting)
        }
        if isReaderWaiting { room.signal() }
        for task in tasks { task.cancel() }
        for runner in idle { runner.resume() }
    }

    // MARK: - Reading

    /// What the reading of the range came to.
    struct Scan {
        var scanned: Int64 = 0
        var matched: Int64 = 0
        /// For each partition the offset before which all has been seen; nil where the reading was ended.
        var positions: [TopicPartition: Int64]?
    }

    private func scan() async throws -> Scan {
        guard let limit = rehearsal.configuration.sample,
            rehearsal.plan.count.map({ $0.matched > Int64(limit) }) ?? true
        else {
            return makeScan(try await rehearse(ranges()) { self.selects($0) })
        }
        isSampling.store(true, ordering: .relaxed)
        let sample = Mutex(RehearsalSample(limit: limit))
        let positions = try await read(ranges()) { record in
            if self.selects(record) { sample.withLock { $0.consider(record.partition, record.offset) } }
        }
        let scan = makeScan(positions)
        guard positions != nil else { return scan }
        let chosen = sample.withLock { sample in
            defer { sample = RehearsalSample(limit: 0) }
            return sample.offsets()
        }
        shared.withLock { $0.total = Int(chosen.values.reduce(0) { $0 + $1.count }) }
        isSampling.store(false, ordering: .relaxed)
        scanned.store(0, ordering: .relaxed)
        // Nothing is read of a partition in which nothing is chosen.
        let ranges = ranges().filter { chosen[$0.key.partition] != nil }
        let second = try await rehearse(ranges) { chosen[$0.partition]?.contains($0.offset) == true }
        return second == nil ? Scan(scanned: scan.scanned, matched: scan.matched) : scan
    }

    private func selects(_ record: Record) -> Bool {
        guard rehearsal.selects(record) else { return false }
        matched.add(1, ordering: .relaxed)
        return true
    }

    private func makeScan(_ positions: [TopicPartition: Int64]?) -> Scan {
        Scan(
            scanned: scanned.load(ordering: .relaxed),
            matched: matched.load(ordering: .relaxed),
            positions: positions
        )
    }

    private func ranges() -> [TopicPartition: Range<Int64>] {
        let topic = rehearsal.queue.mainTopic
        return rehearsal.plan.partitions.reduce(into: [:]) { ranges, partition in
            let place = TopicPartition(topic: topic, partition: partition.partition)
            ranges[place] = partition.from..<partition.to
        }
    }

    /// Reads the ranges, and runs what is selected.
    private func rehearse(
        _ ranges: [TopicPartition: Range<Int64>],
        _ selects: @escaping @Sendable (Record) -> Bool
    ) async throws -> [TopicPartition: Int64]? {
        let (queue, jobs, before) = (rehearsal.queue, rehearsal.jobs, rehearsal.before)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<max(1, rehearsal.configuration.concurrency) { group.addTask { await self.work() } }
            do {
                let positions = try await read(ranges) { record in
                    guard selects(record) else { return }
                    self.admit(RehearsalJob(record, queue, jobs, now: Timestamp.now, before: before))
                }
                endReading()
                try await group.waitForAll()
                return positions
            } catch {
                // The group waits for its tasks: they are not to go on for a report that nobody gets.
                cancel()
                throw error
            }
        }
    }

    /// - Returns: as ``TopicReader``; nil where the rehearsal was cancelled.
    private func read(
        _ ranges: [TopicPartition: Range<Int64>],
        _ take: @escaping @Sendable (Record) -> Void
    ) async throws -> [TopicPartition: Int64]? {
        var client = rehearsal.client
        if client.properties["queued.max.messages.kbytes"] == nil {
            // What is fetched ahead of handlers is of little use: less than a reader takes otherwise.
            client.properties["queued.max.messages.kbytes"] = String(max(2048, 65_536 / max(1, ranges.count)))
        }
        do {
            let positions = try await TopicReader.read(
                ranges,
                configuration: client,
                stallTimeout: rehearsal.configuration.stallTimeout
            ) { record in
                guard !self.isCancelled else { return false }
                self.scanned.add(1, ordering: .relaxed)
                take(record)
                return true
            }
            return isCancelled ? nil : positions
        } catch is CancellationError where isCancelled {
            return nil
        }
    }

    /// Takes a job in, on the reader's thread, which waits while there is no room.
    private func admit(_ job: RehearsalJob) {
        let (runner, mustWait) = shared.withLock { shared in
            guard !isCancelled else { return (nil as CheckedContinuation<Void, Never>?, false) }
            shared.state.admit(job)
            shared.isReaderWaiting = shared.state.isFull
            return (shared.idle.popLast(), shared.isReaderWaiting)
        }
        runner?.resume()
        if mustWait { room.wait() }
    }

    private func endReading() {
        let idle = shared.withLock { shared in
            shared.isRead = true
            defer { shared.idle = [] }
            return shared.idle
        }
        for runner in idle { runner.resume() }
    }

    var isCancelled: Bool { cancelled.load(ordering: .relaxed) }
}
