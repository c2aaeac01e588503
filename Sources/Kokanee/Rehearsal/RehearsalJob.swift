internal import RdKafka

/// A selected record as a rehearsal holds it: its own copy, for a record would keep all that was fetched with it in memory.
struct RehearsalJob: Sendable {
    enum Course: Sendable {
        case run(any JobHandler)
        /// Nothing here runs it.
        case refuse(DeadReason, Envelope.Failure)
    }

    let envelope: Envelope
    let payload: Bytes
    let key: Bytes?
    let place: Envelope.Origin
    let course: Course
    let before: Rehearsal.Before
    /// Bytes that it takes, about.
    let size: Int
}

extension RehearsalJob {
    /// - Parameter now: milliseconds since the epoch.
    init(_ record: Record, _ queue: Queue, _ jobs: JobRegistry, now: Int64, before: Rehearsal.PastOutcome) {
        let place = Envelope.Origin(record.topicPartition, record.offset)
        let decoded = Envelope.decode(record, defaultType: queue.defaultType)
        let job: DecodedJob?
        let course: Course
        switch Intake.judge(decoded, jobs: jobs, ladder: queue.ladder, now: now) {
        // A job that was not due yet, if there is one, is not waited for.
        case .run(let decoded, let entry, _): (job, course) = (decoded, .run(entry.handler))
        case .refuse(let decoded, let reason, let failure): (job, course) = (decoded, .refuse(reason, failure))
        case .bury(let decoded, let reason, let failure): (job, course) = (decoded, .refuse(reason, failure))
        }
        let envelope = job?.envelope ?? Envelope(id: place.description, type: queue.defaultType)
        var payload = Bytes([])
        if case .run = course, let job { payload = Self.copy(job.payload) }
        let key = record.key.map(Self.copy)
        // A job that came back to its topic for a short wait is known by where it stood first.
        let first = envelope.origin.flatMap { $0.topic == place.topic ? $0 : nil } ?? place
        self.init(
            envelope: envelope,
            payload: payload,
            key: key,
            place: place,
            course: course,
            before: before(first.partition, first.offset),
            size: payload.count + (key?.count ?? 0) + Self.overhead
        )
    }

    /// About what is kept of a job beside its bytes.
    private static let overhead = 512

    private static func copy(_ bytes: Bytes) -> Bytes { bytes.withUnsafeBytes { Bytes(copying: $0) } }
}

/// How the one attempt of a job ended.
enum RehearsalEnd {
    case succeeded
    case discarded
    case failed(Envelope.Failure)
    /// It would be a dead letter without another attempt.
    case rejected(DeadReason, Envelope.Failure)
    case refused(DeadReason, Envelope.Failure)
    case expired

    /// - Parameter now: milliseconds since the epoch.
    init(_ end: AttemptEnd, of envelope: Envelope, ladder: Ladder, now: Int64) {
        if case .expired = end {
            self = .expired
            return
        }
        // What a worker makes of it, but for the policy's mercy.
        let attempt = envelope.attempt
        switch Disposition.after(end, ofAttempt: attempt, policy: .never, ladder: ladder, now: now, randomness: 0) {
        case .complete, .skip, .finishedBefore: self = .succeeded
        case .discard: self = .discarded
        case .bury(let reason, let failure):
            let failure = failure ?? Envelope.Failure(type: "Unknown", message: "", at: now)
            switch reason {
            case .attemptsExhausted: self = .failed(failure)
            case .rejected: self = .rejected(reason, failure)
            default: self = .refused(reason, failure)
            }
        // No policy grants it.
        case .retry(_, _, let failure): self = .failed(failure)
        // Nothing asks a rehearsed job to stop.
        case .postpone: self = .succeeded
        }
    }
}
