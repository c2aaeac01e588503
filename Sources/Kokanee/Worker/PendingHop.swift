internal import RdKafka

/// A hop that is to be made, or to be tried again.
struct PendingHop: Comparable, Sendable {
    /// What is counted when the hop is first brought to the engine's state.
    enum News {
        case none
        case delayed
        /// A limit keeps the job from starting.
        case limited
        /// The job has become a dead letter.
        case dead
    }

    /// Longest pause between two tries.
    private static let longestPause = Duration.seconds(10)

    let ticket: Engine.Ticket
    private(set) var record: HopRecord
    private(set) var dueAt: ContinuousClock.Instant
    private(set) var tries = 1
    var news = News.none
    /// What is to be written after this, in its order, before the job is finished.
    private var rest: ArraySlice<HopRecord>

    init(
        _ ticket: Engine.Ticket,
        _ record: HopRecord,
        then rest: ArraySlice<HopRecord> = [],
        news: News = .none,
        now: ContinuousClock.Instant
    ) {
        self.ticket = ticket
        self.record = record
        self.rest = rest
        self.news = news
        dueAt = now
    }

    /// What is to be written now that a broker has this; nil where that was all.
    func following(now: ContinuousClock.Instant) -> PendingHop? {
        guard let first = rest.first else { return nil }
        return PendingHop(ticket, first, then: rest.dropFirst(), now: now)
    }

    var content: JobContent { record.content }

    /// The next try, after a pause that doubles from 100 ms. A record that was too large has to lose something first.
    ///
    /// - Parameter wall: milliseconds since the epoch.
    func next(after error: KafkaError, now: ContinuousClock.Instant, wall: Int64) -> PendingHop {
        var next = self
        if error.isTooLarge { next.record = record.smaller(now: wall) }
        next.dueAt = now + min(Self.longestPause, .milliseconds(100 << min(tries - 1, 10)))
        next.tries += 1
        return next
    }

    /// The same try, when it may be allowed.
    func deferred(now: ContinuousClock.Instant) -> PendingHop {
        var next = self
        next.dueAt = now + .milliseconds(100)
        return next
    }

    static func < (lhs: Self, rhs: Self) -> Bool { lhs.dueAt < rhs.dueAt }
    static func == (lhs: Self, rhs: Self) -> Bool { lhs.ticket == rhs.ticket }
}

/// What became of a try.
struct HopEnd: Sendable {
    let hop: PendingHop
    /// Nil where a broker has the record.
    let error: KafkaError?
}
