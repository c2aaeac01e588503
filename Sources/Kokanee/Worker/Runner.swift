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
    /// Why its attempt was cancelled, and the job that it was about, by its index in the batch.
    private(set) var cancellation: (cause: Cancellation, index: Int)?
    /// When a cancelled attempt is to be given up.
    private(set) var givenUpAt: ContinuousClock.Instant?
    /// Where its task waits: it is idle, or what it was given is lent.
    var continuation: UnsafeContinuation<Batch?, Never>?
    /// Whether a ``DirectHandler`` has what it was given.
    private(set) var isLent = false

    mutating func begin() -> Int {
        generation += 1
        task = nil
        batch = nil
        isLent = false
        isQuick = false
        cancellation = nil
        givenUpAt = nil
        continuation = nil
        return generation
    }

    /// True if the task has to be cancelled at once: its attempt began, and was to be cancelled, before it was known.
    mutating func attach(_ task: Task<Void, Never>, _ generation: Int) -> Bool {
        guard generation == self.generation else { return false }
        self.task = task
        return cancellation != nil && !isLent
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

    /// Its task sleeps on, while a ``DirectHandler`` runs the batch that it has been given.
    mutating func lend() { isLent = true }

    /// Its own task is to run the batch, after all; returns where that waits.
    mutating func takeOver() -> UnsafeContinuation<Batch?, Never>? {
        isLent = false
        return continuation.take()
    }

    mutating func finish() {
        batch = nil
        isQuick = false
        givenUpAt = nil
        guard isLent else { return }
        isLent = false
        // Its task was not told, and may run others.
        cancellation = nil
    }

    mutating func cancel(_ cause: Cancellation, at index: Int, until givenUpAt: ContinuousClock.Instant) {
        cancellation = (cause, index)
        self.givenUpAt = givenUpAt
    }
}
