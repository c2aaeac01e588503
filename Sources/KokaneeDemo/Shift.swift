internal import Kokanee
internal import RdKafka

/// What one run of a release of the worker has done.
struct Shift: Sendable {
    let name: String
    let statistics: WorkerStatistics
    let counts: AttemptTally.Counts
    let elapsed: Duration
}

/// A release of the worker: the job type that it knows.
struct Release: Sendable {
    let name: String
    private let register: @Sendable (inout JobRegistry, AttemptTally) throws -> Void

    static let first = Release(name: "release 1") { registry, tally in
        try registry.register(HashFileRelease1.type, payload: HashFileRelease1.self) { job, context in
            try await tally.count(job.path, context) { try await job.perform(context) }
        }
    }

    static let mended = Release(name: "release 2") { registry, tally in
        try registry.register(HashFile.type, payload: HashFile.self) { job, context in
            try await tally.count(job.path, context) { try await job.perform(context) }
        }
    }

    /// Works until queue and ladder hold nothing more to do.
    ///
    /// - Parameters:
    ///   - total: the jobs that there are, for the display.
    ///   - onTick: called several times a second with the counts so far.
    /// - Throws: what the worker or `onTick` throws; `CancellationError`.
    func work(
        _ queue: Queue,
        total: Int,
        client: ClientConfiguration,
        onTick: @escaping @Sendable (AttemptTally.Counts) throws -> Void = { _ in }
    ) async throws -> Shift {
        var configuration = WorkerConfiguration()
        configuration.concurrency = 8
        configuration.stopsWhenIdle = true
        let tally = AttemptTally(maximumAttempts: configuration.retryPolicy.maximumAttempts(ladder: queue.ladder))
        var registry = JobRegistry()
        try register(&registry, tally)
        let worker = Worker(queues: [queue], jobs: registry, configuration: configuration, client: client)

        let start = ContinuousClock.now
        let firstLine = LiveLine(name, total: total, ladder: queue.ladder)
        try await withThrowingTaskGroup { group in
            group.addTask { try await worker.run() }
            group.addTask {
                var line = firstLine
                while !Task.isCancelled {
                    try onTick(tally.counts)
                    line.show(worker.statistics, tally.counts)
                    try? await Task.sleep(for: .milliseconds(100))
                }
                line.show(worker.statistics, tally.counts, isLast: true)
            }
            try await group.next()
            group.cancelAll()
            try await group.waitForAll()
        }
        try Task.checkCancellation()
        return Shift(name: name, statistics: worker.statistics, counts: tally.counts, elapsed: .now - start)
    }
}
