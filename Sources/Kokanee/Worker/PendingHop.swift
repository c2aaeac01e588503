internal import RdKafka

/// A hop that is to be made, or to be tried again.
struct PendingHop: Comparable, Sendable {
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
    private(set) var record: HopRecord
    private(set) var dueAt: ContinuousClock.Instant
    private(set) var tries = 1
    var news = News.none
    /// Whether the job may have been completed by a transaction, which has to be known first.
    var asksLedger: Bool
    /// What hooks are to be told when all is written; see ``event``.
    var told: HookEvent?
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
        asksLedger = news.isUnbegun && record.content.commitsOutputs
        dueAt = now
    }

    /// What is to be written now that a broker has this; nil where that was all.
    func following(now: ContinuousClock.Instant) -> PendingHop? {
        guard let first = rest.first else { return nil }
        var next = PendingHop(ticket, first, then: rest.dropFirst(), now: now)
        next.told = event
        return next
    }

    var content: JobContent { record.content }

    /// The record was too large, and loses something. True if the job has become a dead letter by that, whatever was decided:
    /// then what it is to leave in the queue's state has to be decided anew, by ``bury(leaving:)``.
    ///
    /// - Parameter wall: milliseconds since the epoch.
    mutating func shrink(wall: Int64) -> Bool {
        let wasDeadLetter = record.isDeadLetter
        record = record.smaller(now: wall)
        return record.isDeadLetter && !wasDeadLetter
    }

    mutating func bury(leaving records: [StateRecord]) {
        rest = records.map { HopRecord.state(content, $0) }[...]
        news = .dead
    }

    /// The next try, after a pause that doubles from 100 ms.
    func next(now: ContinuousClock.Instant) -> PendingHop {
        var next = self
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
    var hop: PendingHop
    /// Nil where a broker has the record.
    let error: KafkaError?
}
