internal import RdKafka

/// A hop that is to be made, or to be tried again.
///
/// A reference, because it passes through many hands: each copy of all that it holds would count a dozen references.
final class PendingHop: Comparable, Sendable {
    /// What is counted when the hop is first brought to the engine's state.
    enum News {
        case none
        case delayed
        /// A limit keeps the job from starting.
        case limited
        /// It waits for another build.
        case refused
        /// The job has become a dead letter.
        case dead
    }

    /// Longest pause between two tries.
    private static let longestPause = Duration.seconds(10)

    let ticket: Engine.Ticket
    let record: HopRecord
    let dueAt: ContinuousClock.Instant
    let tries: Int
    let news: News
    /// What hooks are to be told when all is written; see ``event``.
    let told: HookEvent?
    /// What is to be written after this, in its order, before the job is finished.
    private let rest: ArraySlice<HopRecord>

    /// - Parameter dueAt: when it is to be tried; now, for a first try.
    init(
        _ ticket: Engine.Ticket,
        _ record: HopRecord,
        then rest: ArraySlice<HopRecord> = [],
        news: News = .none,
        told: HookEvent? = nil,
        tries: Int = 1,
        now dueAt: ContinuousClock.Instant
    ) {
        self.ticket = ticket
        self.record = record
        self.rest = rest
        self.news = news
        self.told = told
        self.tries = tries
        self.dueAt = dueAt
    }

    /// What is to be written now that a broker has this; nil where that was all.
    func following(now: ContinuousClock.Instant) -> PendingHop? {
        guard let first = rest.first else { return nil }
        return PendingHop(ticket, first, then: rest.dropFirst(), told: event, now: now)
    }

    var content: JobContent { record.content }

    /// The next try, after a pause that doubles from 100 ms. A record that was too large has to lose something first.
    ///
    /// - Parameter wall: milliseconds since the epoch.
    func next(after error: KafkaError, now: ContinuousClock.Instant, wall: Int64) -> PendingHop {
        let record = error.isTooLarge ? record.smaller(now: wall) : record
        let pause = min(Self.longestPause, .milliseconds(100 << min(tries - 1, 10)))
        return PendingHop(ticket, record, then: rest, told: told, tries: tries + 1, now: now + pause)
    }

    /// The same try, when it may be allowed.
    func deferred(now: ContinuousClock.Instant) -> PendingHop {
        PendingHop(ticket, record, then: rest, told: told, tries: tries, now: now + .milliseconds(100))
    }

    static func < (lhs: PendingHop, rhs: PendingHop) -> Bool { lhs.dueAt < rhs.dueAt }
    static func == (lhs: PendingHop, rhs: PendingHop) -> Bool { lhs.ticket == rhs.ticket }
}

/// What became of a try.
struct HopEnd: Sendable {
    let hop: PendingHop
    /// Nil where a broker has the record.
    let error: KafkaError?
}
