internal import RdKafka
internal import Synchronization

/// Jobs that a runner has been given together, to run one after the other.
///
/// A visit to the engine's lock costs more than a small job does, so that small ones are handed over and accounted for
/// many at a time. That must not tie a job to a slow one before it: whoever holds the engine's lock may ``close()`` the
/// batch, after which no further job of it begins, take those that have not begun back, and account for those that
/// have ended.
final class Batch: Sendable {
    struct Item: Sendable {
        let ticket: Engine.Ticket
        let content: JobContent
    }

    /// The job that has begun and not ended.
    struct Hand {
        let index: Int
        let item: Item
        /// When it began, on the scale of ``MonotonicTime``.
        let startedAt: Int64

        func age(at now: ContinuousClock.Instant) -> Duration {
            max(.zero, .nanoseconds(MonotonicTime.nanoseconds(of: now) - startedAt))
        }
    }

    /// An ``Item`` of which the batch is an owner, to be looked at without counting one more each time.
    struct Entry: Sendable {
        let ticket: Engine.Ticket
        /// Lives as long as the batch.
        let job: Unmanaged<JobContent>

        /// To be given to one batch, which lets the job go: unsafe is sound only so.
        init(_ item: consuming Item) {
            ticket = item.ticket
            job = .passRetained(item.content)
        }
    }

    /// The first one stands by itself: most batches of what takes its time have no other, and need no array.
    private let first: Entry
    private let others: [Entry]
    let count: Int
    /// Whether all of it is expected to take microseconds.
    let isQuick: Bool
    /// How many of its jobs may die until its runner begins no more of them, and lets the queue's circuit hear of these.
    let mostDeaths: Int
    /// How many have been begun; by ``closing`` more once no other may be.
    private let taken = Atomic(0)
    private static let closing = 1 << 32
    /// How many have ended, with what became of them in their contents.
    private let finished = Atomic(0)
    /// When the last one that was begun was, or a little later; written before it is taken, so that nobody ever thinks
    /// that a job has run for longer than it has.
    private let startedAt = Atomic<Int64>(0)
    /// How many of those that have ended are accounted for.
    ///
    /// The engine's lock guards it.
    nonisolated(unsafe) var concluded = 0
    /// Whether those that had not begun when it was closed have been taken back; as ``concluded``.
    nonisolated(unsafe) var isTakenBack = false
    /// By what name the ``DirectHandler`` that runs it knows it, from its beginning to its end.
    ///
    /// Touched on that handler's thread alone.
    nonisolated(unsafe) var handlerTicket: Ticket?

    init(_ first: consuming Item) {
        self.first = Entry(first)
        others = []
        count = 1
        isQuick = false
        mostDeaths = 1
        publish()
    }

    /// Several.
    init(_ first: consuming Item, _ others: [Entry], isQuick: Bool = true, mostDeaths: Int = .max) {
        self.first = Entry(first)
        self.others = others
        count = 1 + others.count
        self.isQuick = isQuick
        self.mostDeaths = mostDeaths
        publish()
    }

    /// What was written so far is seen by whoever begins a job of it. A continuation sees to that as well, but where it is
    /// resumed before its task has suspended, only in a way that ThreadSanitizer does not see.
    private func publish() { taken.store(0, ordering: .releasing) }

    deinit {
        first.job.release()
        for entry in others { entry.job.release() }
    }

    /// Whether it is one job that a ``DirectHandler`` may run.
    var isDirect: Bool { count == 1 && first.job._withUnsafeGuaranteedRef { $0.isDirect } }

    subscript(index: Int) -> Entry { index == 0 ? first : others[index - 1] }

    /// Whose turn comes soon after a job's, and whose later, of those before `end`.
    func following(_ index: Int, before end: Int) -> (soon: Engine.Ticket?, later: Engine.Ticket?) {
        let (soon, later) = (index + CacheHint.distance / 2, index + CacheHint.distance)
        return (soon < end ? self[soon].ticket : nil, later < end ? self[later].ticket : nil)
    }

    func item(_ index: Int) -> Item {
        let entry = self[index]
        return Item(ticket: entry.ticket, content: entry.job.takeUnretainedValue())
    }

    // MARK: - The side of whoever runs it

    /// Takes the next job to run, which lives as long as the batch; nil where there is none, or none may begin any more.
    ///
    /// - Parameter deaths: how many of those before it may have died.
    func begin(at now: Int64, after deaths: Int = 0) -> Unmanaged<JobContent>? {
        // See ``publish()``: before it nothing of the batch is to be looked at.
        let index = taken.load(ordering: .acquiring)
        startedAt.store(now, ordering: .relaxed)
        // Only who runs it raises it, so that what can come between is that the batch is closed.
        guard index < count, deaths < mostDeaths,
            taken.compareExchange(expected: index, desired: index + 1, ordering: .acquiringAndReleasing).exchanged
        else { return nil }
        return self[index].job
    }

    /// The job in hand has ended, as its content says.
    func end() {
        finished.add(1, ordering: .releasing)
    }

    // MARK: - Under the engine's lock

    /// How many have ended.
    var ended: Int { finished.load(ordering: .acquiring) }

    var begun: Int { taken.load(ordering: .acquiring) & (Self.closing - 1) }

    /// Whether jobs wait in it that have not begun.
    var hasWaiting: Bool { taken.load(ordering: .relaxed) < count }

    /// Lets no further job begin; returns how many have. Calling it again changes nothing.
    @discardableResult
    func close() -> Int {
        taken.bitwiseOr(Self.closing, ordering: .acquiringAndReleasing).oldValue & (Self.closing - 1)
    }

    /// The job that runs now; nil where the runner is between two.
    var inHand: Hand? {
        let begun = begun
        guard begun > 0, ended < begun else { return nil }
        return Hand(index: begun - 1, item: item(begun - 1), startedAt: startedAt.load(ordering: .acquiring))
    }
}
