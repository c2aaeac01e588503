internal import RdKafka

/// Decides what a record that has been read is, and what is to be done with it first.
enum Intake {
    /// A job more than this far ahead was never meant: a year, and a day for clocks.
    private static let furthestDue: Int64 = 366 * 86_400_000

    /// What the scheduler gets of a record, and the move of one that does not run here and now.
    struct Decision {
        var facts: Scheduler<JobContent>.Facts
        var content: JobContent
        var move: Move?
    }

    enum Move {
        case wait(until: Int64)
        case bury(DeadReason, Envelope.Failure)
    }

    /// What is to be done with a record, as far as its words and the time decide it.
    enum Judgement {
        case run(DecodedJob, any JobHandler, Course)
        /// It takes its turn among the others, and is then buried: nothing in this worker runs it.
        case refuse(DecodedJob, DeadReason, Envelope.Failure)
        /// It is no job, and moves to the dead letters at once.
        case bury(DecodedJob?, DeadReason, Envelope.Failure)
    }

    /// When a job that can be run may start.
    enum Course: Equatable {
        case now
        /// Held in this worker until then.
        case hold(until: Int64)
        /// On a rung until then, or until about then.
        case wait(until: Int64)
    }

    /// - Parameters:
    ///   - rungDelay: in milliseconds, of the rung that the record is from; nil for the main topic.
    ///   - now: milliseconds since the epoch.
    static func decide(_ record: Record, _ runtime: QueueRuntime, rungDelay: Int64? = nil, now: Int64) -> Decision {
        let scan = HeaderScan(record)
        let bytes = record.size + scan.size
        let decoded = Envelope.decode(record, scan, defaultType: runtime.queue.defaultType)
        switch judge(decoded, jobs: runtime.jobs, ladder: runtime.queue.ladder, now: now) {
        case .bury(let job, let reason, let failure):
            return Decision(
                facts: .init(bytes: bytes, key: nil, start: .hop),
                content: JobContent(runtime: runtime, record: record, job: job, handler: nil),
                move: .bury(reason, failure)
            )
        case .refuse(let job, let reason, let failure):
            let refusal = JobContent.Refusal(reason: reason, failure: failure)
            return Decision(
                facts: .init(bytes: bytes, key: nil, start: .now),
                content: JobContent(runtime: runtime, record: record, job: job, handler: nil, refusal: refusal)
            )
        case .run(let job, let handler, .now) where rungDelay != nil && PartitionIntake.hasForgedTime(record, now: now):
            return Decision(
                facts: .init(bytes: bytes, key: nil, start: .hop),
                content: JobContent(runtime: runtime, record: record, job: job, handler: handler),
                move: .wait(until: now + (rungDelay ?? 0))
            )
        case .run(let job, let handler, let course):
            let content = JobContent(runtime: runtime, record: record, job: job, handler: handler)
            let key = laneKey(record, runtime.order)
            let facts = Scheduler<JobContent>.Facts(bytes: bytes, key: key, start: .init(course))
            guard case .wait(let dueAt) = course else { return Decision(facts: facts, content: content, move: nil) }
            return Decision(facts: facts, content: content, move: .wait(until: dueAt))
        }
    }

    /// Decides from what was read of a record.
    ///
    /// - Parameter now: milliseconds since the epoch.
    static func judge(
        _ decoded: Result<DecodedJob, EnvelopeError>,
        jobs: JobRegistry,
        ladder: Ladder,
        now: Int64
    ) -> Judgement {
        let job: DecodedJob
        switch decoded {
        case .success(let decoded): job = decoded
        case .failure(let error):
            return .bury(nil, .undecodable, Envelope.Failure(type: "EnvelopeError", message: error.reason, at: now))
        }
        let handler: any JobHandler
        switch jobs.resolve(type: job.envelope.type, version: job.envelope.version) {
        case .handler(let found): handler = found
        case .unknownType(let known):
            let message = "this worker has no handler for type \(job.envelope.type); it knows \(list(known))"
            return .refuse(job, .unknownType, .init(type: "UnknownType", message: message, at: now))
        case .versionTooNew(let known):
            let message =
                "version \(job.envelope.version) of \(job.envelope.type) is too new for this worker, which knows \(known)"
            return .refuse(job, .versionTooNew, .init(type: "VersionTooNew", message: message, at: now))
        }
        guard let dueAt = job.envelope.dueAt, dueAt > now else { return .run(job, handler, .now) }
        guard dueAt - now <= furthestDue else {
            let message = "kokanee-due-at \(dueAt) is more than 366 days ahead"
            return .bury(job, .undecodable, .init(type: "EnvelopeError", message: message, at: now))
        }
        if case .hold = ladder.step(remaining: dueAt - now) { return .run(job, handler, .hold(until: dueAt)) }
        return .run(job, handler, .wait(until: dueAt))
    }

    private static func laneKey(_ record: Record, _ order: WorkerConfiguration.Order) -> UInt64? {
        switch order.kind {
        case .unordered: return nil
        case .partition: return 0
        case .key:
            guard let key = record.key else { return nil }
            var hasher = Hasher()
            key.withUnsafeBytes { hasher.combine(bytes: $0) }
            return UInt64(bitPattern: Int64(hasher.finalize()))
        }
    }

    private static func list(_ types: [String]) -> String {
        guard !types.isEmpty else { return "none" }
        return types.prefix(10).joined(separator: ", ") + (types.count > 10 ? ", …" : "")
    }
}

extension Scheduler.Facts.Start {
    init(_ course: Intake.Course) {
        switch course {
        case .now: self = .now
        case .hold(let dueAt): self = .hold(until: dueAt)
        case .wait: self = .hop
        }
    }
}
