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

    /// - Parameters:
    ///   - rungDelay: in milliseconds, of the rung that the record is from; nil for the main topic.
    ///   - now: milliseconds since the epoch.
    static func decide(_ record: Record, _ runtime: QueueRuntime, rungDelay: Int64? = nil, now: Int64) -> Decision {
        let job: DecodedJob
        let scan = HeaderScan(record)
        let bytes = record.size + scan.size
        switch Envelope.decode(record, scan, defaultType: runtime.queue.defaultType) {
        case .success(let decoded): job = decoded
        case .failure(let error):
            let failure = Envelope.Failure(type: "EnvelopeError", message: error.reason, at: now)
            return bury(record, bytes, nil, runtime, .undecodable, failure)
        }
        let handler: any JobHandler
        switch runtime.jobs.resolve(type: job.envelope.type, version: job.envelope.version) {
        case .handler(let found): handler = found
        case .unknownType(let known):
            let message = "this worker has no handler for type \(job.envelope.type); it knows \(list(known))"
            let failure = Envelope.Failure(type: "UnknownType", message: message, at: now)
            return bury(record, bytes, job, runtime, .unknownType, failure)
        case .versionTooNew(let known):
            let message =
                "version \(job.envelope.version) of \(job.envelope.type) is too new for this worker, which knows \(known)"
            let failure = Envelope.Failure(type: "VersionTooNew", message: message, at: now)
            return bury(record, bytes, job, runtime, .versionTooNew, failure)
        }
        let content = JobContent(runtime: runtime, record: record, job: job, handler: handler)
        let facts = Scheduler<JobContent>.Facts(bytes: bytes, key: laneKey(record, runtime.order), start: .now)
        if let dueAt = job.envelope.dueAt, dueAt > now { return delayed(content, facts, dueAt: dueAt, now: now) }
        if let rungDelay, PartitionIntake.hasForgedTime(record, now: now) {
            let facts = Scheduler<JobContent>.Facts(bytes: bytes, key: nil, start: .hop)
            return Decision(facts: facts, content: content, move: .wait(until: now + rungDelay))
        }
        return Decision(facts: facts, content: content, move: nil)
    }

    private static func delayed(
        _ content: JobContent,
        _ facts: Scheduler<JobContent>.Facts,
        dueAt: Int64,
        now: Int64
    ) -> Decision {
        var facts = facts
        guard dueAt - now <= furthestDue else {
            let message = "kokanee-due-at \(dueAt) is more than 366 days ahead"
            let failure = Envelope.Failure(type: "EnvelopeError", message: message, at: now)
            return bury(content.record, facts.bytes, content.job, content.runtime, .undecodable, failure)
        }
        guard case .hold = content.runtime.queue.ladder.step(remaining: dueAt - now) else {
            facts.start = .hop
            return Decision(facts: facts, content: content, move: .wait(until: dueAt))
        }
        facts.start = .hold(until: dueAt)
        return Decision(facts: facts, content: content, move: nil)
    }

    private static func bury(
        _ record: Record,
        _ bytes: Int,
        _ job: DecodedJob?,
        _ runtime: QueueRuntime,
        _ reason: DeadReason,
        _ failure: Envelope.Failure
    ) -> Decision {
        Decision(
            facts: .init(bytes: bytes, key: nil, start: .hop),
            content: JobContent(runtime: runtime, record: record, job: job, handler: nil),
            move: .bury(reason, failure)
        )
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
