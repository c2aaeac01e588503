/// One of the engine's slots. A new generation begins when its task is replaced; the old task's words are ignored.
struct Runner: Sendable {
    enum Cancellation: Sendable {
        case timeout(Duration)
        case shutdown
        case `operator`(JobCancellation)
    }

    private(set) var generation = 0
    private(set) var task: Task<Void, Never>?
    /// What it has been given to run; nil while it is idle.
    private(set) var batch: Batch?
    /// Whether it may be expected to come back at once: its jobs are small, as far as anybody knows.
    var isQuick = false
    /// Why its task was cancelled, and the job that it was about, by its index in the batch.
    private(set) var cancellation: (cause: Cancellation, index: Int)?
    /// When a cancelled attempt is to be given up.
    private(set) var givenUpAt: ContinuousClock.Instant?
    var continuation: UnsafeContinuation<Batch?, Never>?

    mutating func begin() -> Int {
        generation += 1
        task = nil
        batch = nil
        isQuick = false
        cancellation = nil
        givenUpAt = nil
        continuation = nil
        return generation
    }

    /// True if the task has to be cancelled at once: it began to run, and was to be cancelled, before it was known.
    mutating func attach(_ task: Task<Void, Never>, _ generation: Int) -> Bool {
        guard generation == self.generation else { return false }
        self.task = task
        return cancellation != nil
    }

    /// Why the attempt of that index was cancelled; nil if it was not.
    func cancellation(_ generation: Int, of index: Int) -> Cancellation? {
        guard generation == self.generation, let cancellation, cancellation.index == index else { return nil }
        return cancellation.cause
    }

    mutating func take(_ batch: Batch) {
        self.batch = batch
        isQuick = batch.isQuick
    }

    mutating func finish() {
        batch = nil
        isQuick = false
        givenUpAt = nil
    }

    mutating func cancel(_ cause: Cancellation, at index: Int, until givenUpAt: ContinuousClock.Instant) {
        cancellation = (cause, index)
        self.givenUpAt = givenUpAt
    }
}
