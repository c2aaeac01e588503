/// The marks of one partition's jobs, and which of these have a key in hand: it decides whether a job is to run.
///
/// It is pure: times come in as milliseconds since the epoch. A mark costs about 90 bytes.
struct MarkBook: Sendable {
    typealias Ticket = Engine.Ticket

    enum Kind: Sendable, Hashable {
        /// The key's effect is made: nobody else is to make it.
        case done
        /// A job stands for its key, and is not done.
        case held
        /// A job stood for its key, and for all of that key that stand in the log up to an offset.
        case passed(upTo: Int64)
    }

    struct Mark: Sendable, Hashable {
        var kind: Kind
        /// From then on it says nothing.
        var until: Int64
        /// Who made it: ``MarkBook/identity(_:)`` of the place where the job stood first.
        var of: UInt64
        /// When it was done, in milliseconds since the epoch; 0 where that is not known, or it is not.
        var at: Int64 = 0
    }

    /// What is asked for.
    struct Claim: Sendable {
        var key: KeyDigest
        var ticket: Ticket
        var identity: UInt64
        /// When the replay began that the job was sent back from, in milliseconds since the epoch.
        var replayedSince: Int64?

        /// Whether a mark says that the key is done, as far as this job is concerned.
        ///
        /// What it had done itself before it was replayed is what was to be done again.
        func minds(_ mark: Mark, now: Int64) -> Bool {
            guard mark.kind == .done, mark.until > now else { return false }
            return mark.of != identity || mark.at >= replayedSince ?? .min
        }
    }

    /// A unique job, when its turn has come.
    struct Candidate: Sendable {
        var key: KeyDigest
        var identity: UInt64
        var until: Uniqueness.Until.Kind
        /// When its mark ends, in milliseconds since the epoch.
        var ends: Int64
        /// Where it stood first in the main topic's partition; nil where its record doesn't say.
        var offset: Int64?
        /// It has begun before, or was sent back by somebody who wants it to run.
        var isCommitted: Bool

        /// Up to where it stands for others: at least where it stands itself.
        func covers(_ seen: Int64) -> Int64 { max(seen, offset ?? 0) }
    }

    enum Verdict: Sendable, Equatable {
        case run
        /// Another job of the key has it in hand.
        case wait(for: Ticket)
        /// It has to be written again where the job itself made the mark: it may not stand in the topic.
        case skip(isOwn: Bool)
    }

    private var marks: [KeyDigest: Mark] = [:]
    private var claims: [KeyDigest: Ticket] = [:]

    var count: Int { marks.count }

    subscript(key: KeyDigest) -> Mark? { marks[key] }

    static func identity(_ place: UnsafeRawBufferPointer) -> UInt64 { KeyHash.hash(place) }

    // MARK: - Idempotency

    /// Whether a job may make its key's effect; if so the key is its own until ``release(_:_:)``.
    mutating func claim(_ claim: Claim, now: Int64) -> Verdict {
        if let mark = marks[claim.key], claim.minds(mark, now: now) {
            return .skip(isOwn: mark.of == claim.identity)
        }
        if let other = claims[claim.key], other != claim.ticket { return .wait(for: other) }
        claims[claim.key] = claim.ticket
        return .run
    }

    mutating func release(_ key: KeyDigest, _ ticket: Ticket) {
        if claims[key] == ticket { claims[key] = nil }
    }

    /// An attempt of a job with a key has ended, and the key is free for the next one; returns the mark that is to be
    /// written, if any.
    ///
    /// - Parameters:
    ///   - now: milliseconds since the epoch.
    ///   - until: when the mark ends of a job that has completed.
    mutating func settle(_ claim: Claim, after disposition: Disposition, now: Int64, until: Int64) -> Mark? {
        release(claim.key, claim.ticket)
        switch disposition {
        case .complete:
            // Whoever began the replay may have had a fast clock: the job itself has to mind this mark.
            let at = max(now, claim.replayedSince ?? now)
            let mark = Mark(kind: .done, until: until, of: claim.identity, at: at)
            marks[claim.key] = mark
            return mark
        // It was this job that made the mark, and who knows whether the topic has it.
        case .skip(isOwn: true): return marks[claim.key]
        case .skip, .finishedBefore, .discard, .retry, .bury, .postpone: return nil
        }
    }

    // MARK: - Unique jobs

    /// What becomes of a unique job's mark.
    enum Settlement: Sendable, Equatable {
        /// Another job stands for the key.
        case nothing
        case write(Mark)
        case remove
    }

    /// Whether a unique job is to run, or another one stands for it; if it runs it stands for the others from now on.
    ///
    /// - Parameter seen: the highest offset of a unique job that has been taken in.
    mutating func stand(_ job: Candidate, seen: Int64, now: Int64) -> Verdict {
        let mark = marks[job.key]
        if let mark, mark.until > now, mark.of != job.identity {
            let isCovered =
                switch mark.kind {
                case .done, .held: true
                case .passed(let upTo): job.offset.map { $0 <= upTo } ?? false
                }
            // One that has begun goes on to its end, beside whoever stands for the key meanwhile.
            if isCovered { return job.isCommitted ? .run : .skip(isOwn: false) }
        }
        switch job.until {
        case .done:
            // One that was done comes again where its offset was not committed; it is as if it had not been.
            marks[job.key] = Mark(kind: .held, until: job.ends, of: job.identity)
        case .start:
            if mark?.of == job.identity, case .passed = mark?.kind { break }
            marks[job.key] = Mark(kind: .passed(upTo: job.covers(seen)), until: job.ends, of: job.identity)
        }
        return .run
    }

    /// A unique job that was to run has not begun, and ends: it has not started in the place of others, unless it had before.
    mutating func withdraw(_ job: Candidate) {
        guard job.until == .start, !job.isCommitted, let mark = marks[job.key], mark.of == job.identity else { return }
        marks[job.key] = Mark(kind: .passed(upTo: -1), until: mark.until, of: job.identity)
    }

    /// An attempt of a unique job has ended, and there will be another one.
    func pause(_ job: Candidate) -> Settlement {
        guard let mark = marks[job.key], mark.of == job.identity else { return .nothing }
        return .write(mark)
    }

    /// A unique job has ended: what its mark is from now on.
    ///
    /// - Parameter isDone: it has completed; else it has ended without, and stands for nobody any more.
    mutating func settle(_ job: Candidate, isDone: Bool, seen: Int64) -> Settlement {
        guard let mark = marks[job.key], mark.of == job.identity else { return .nothing }
        if job.until == .start { return .write(mark) }
        guard isDone else {
            // It covers nobody. Without one, what is still being restored would bring the old one back.
            marks[job.key] = Mark(kind: .passed(upTo: -1), until: mark.until, of: job.identity)
            return .remove
        }
        let settled = Mark(kind: .passed(upTo: job.covers(seen)), until: mark.until, of: job.identity)
        marks[job.key] = settled
        return .write(settled)
    }

    // MARK: - Marks

    /// Whether nobody has a key in hand, and no mark of it counts.
    func isFree(_ key: KeyDigest, now: Int64) -> Bool {
        claims[key] == nil && (marks[key].map { $0.until <= now } ?? true)
    }

    /// With these keys only.
    func excerpt(of keys: [KeyDigest]) -> MarkBook {
        var excerpt = MarkBook()
        for key in keys {
            excerpt.marks[key] = marks[key]
            excerpt.claims[key] = claims[key]
        }
        return excerpt
    }

    mutating func set(_ mark: Mark?, for key: KeyDigest) {
        marks[key] = mark
    }

    /// Takes over what another book has made of a partition that was away for a moment, and what its jobs have in hand.
    mutating func take(over other: MarkBook, now: Int64) {
        // Nobody else has written meanwhile: what the topic has is at most as new.
        for (key, mark) in other.marks where mark.until > now { marks[key] = mark }
        claims.merge(other.claims) { own, _ in own }
    }

    /// Forgets what has ended; returns how many marks that were.
    mutating func expire(now: Int64) -> Int {
        let before = marks.count
        marks = marks.filter { $0.value.until > now }
        return before - marks.count
    }
}
