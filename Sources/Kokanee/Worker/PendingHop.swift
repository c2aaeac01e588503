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

        /// Whether the job leaves without an attempt.
        var isUnbegun: Bool {
            switch self {
            case .delayed, .limited, .refused: true
            case .none, .dead: false
            }
        }
    }

    /// Longest pause between two tries.
    private static let longestPause = Duration.seconds(10)

    let ticket: Engine.Ticket
    let record: HopRecord
    let dueAt: ContinuousClock.Instant
    let tries: Int
    let news: News
    /// Whether the job may have been completed by a transaction, which has to be known first.
    let asksLedger: Bool
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
        asksLedger: Bool? = nil,
        told: HookEvent? = nil,
        tries: Int = 1,
        now dueAt: ContinuousClock.Instant
    ) {
        self.ticket = ticket
        self.record = record
        self.rest = rest
        self.news = news
        self.asksLedger = asksLedger ?? (news.isUnbegun && record.content.commitsOutputs)
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

    /// The record was too large, and loses something. Where the job has become a dead letter by that, whatever was decided,
    /// what it is to leave in the queue's state has to be decided anew, by ``buried(leaving:)``.
    ///
    /// - Parameter wall: milliseconds since the epoch.
    func shrunk(wall: Int64) -> PendingHop {
        copy(record: record.smaller(now: wall))
    }

    /// What the job, which has become a dead letter, leaves in the queue's state in place of what it was to leave.
    func buried(leaving records: [StateRecord]) -> PendingHop {
        copy(rest: records.map { HopRecord.state(content, $0) }[...], news: .dead)
    }

    /// The next try, after a pause that doubles from 100 ms.
    func next(now: ContinuousClock.Instant) -> PendingHop {
        copy(tries: tries + 1, dueAt: now + min(Self.longestPause, .milliseconds(100 << min(tries - 1, 10))))
    }

    /// The same try, when it may be allowed.
    func deferred(now: ContinuousClock.Instant) -> PendingHop {
        copy(dueAt: now + .milliseconds(100))
    }

    /// The engine's state has counted it.
    var counted: PendingHop { copy(news: PendingHop.News.none) }

    /// It is known that no transaction has completed the job.
    var asked: PendingHop { copy(asksLedger: false) }

    private func copy(
        record: HopRecord? = nil,
        rest: ArraySlice<HopRecord>? = nil,
        news: News? = nil,
        asksLedger: Bool? = nil,
        tries: Int? = nil,
        dueAt: ContinuousClock.Instant? = nil
    ) -> PendingHop {
        PendingHop(
            ticket,
            record ?? self.record,
            then: rest ?? self.rest,
            news: news ?? self.news,
            asksLedger: asksLedger ?? self.asksLedger,
            told: told,
            tries: tries ?? self.tries,
            now: dueAt ?? self.dueAt
        )
    }

    static func < (lhs: PendingHop, rhs: PendingHop) -> Bool { lhs.dueAt < rhs.dueAt }
    static func == (lhs: PendingHop, rhs: PendingHop) -> Bool { lhs.ticket == rhs.ticket }
}

/// What became of a try.
struct HopEnd: Sendable {
    let hop: PendingHop
    /// Nil where a broker has the record.
    let error: KafkaError?
    /// Where that has it; negative where nobody knows.
    var offset: Int64 = -1
}
