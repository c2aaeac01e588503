internal import RdKafka

/// Decides what a record that has been read is, and what is to be done with it first.
enum Intake {
    /// A job more than this far ahead was never meant: a year, and a day for clocks.
    static let furthestDue: Int64 = 366 * 86_400_000

    /// What the scheduler gets of a record, and the move of one that does not run here and now.
    struct Decision {
        var facts: Scheduler<JobContent>.Facts
        var content: JobContent
        var move: Move?
    }

    /// What a dispatcher has read of several partitions, and the engine is to take in together.
    struct Round {
        /// One partition's, in the log's order.
        struct Part {
            let id: Engine.PartitionID
            var decisions: Range<Int>
            var bytes = 0
        }

        private struct Entry {
            let facts: Scheduler<JobContent>.Facts
            var content: JobContent?
            let move: Move?
        }

        private(set) var parts: [Part] = []
        /// Of all parts, one after the other.
        private var entries: [Entry] = []
        /// Of the part that was begun last.
        private var bytes = 0

        /// How many records have been decided about.
        var count: Int { entries.count }

        /// Begins a part, to be ended by ``end()``.
        mutating func begin(_ id: Engine.PartitionID) {
            parts.append(Part(id: id, decisions: entries.count..<entries.count))
            bytes = 0
        }

        /// Adds to the part that was begun.
        mutating func append(_ decision: consuming Decision) {
            bytes += decision.facts.bytes
            entries.append(Entry(facts: decision.facts, content: decision.content, move: decision.move))
        }

        /// Ends the part that was begun; returns it as it is now.
        @discardableResult
        mutating func end() -> Part {
            let last = parts.count - 1
            parts[last].bytes = bytes
            parts[last].decisions = parts[last].decisions.lowerBound..<entries.count
            return parts[last]
        }

        func facts(_ position: Int) -> Scheduler<JobContent>.Facts { entries[position].facts }
        func key(_ position: Int) -> UInt64? { entries[position].facts.key }
        func move(_ position: Int) -> Move? { entries[position].move }
        func offset(_ position: Int) -> Int64? { entries[position].content?.offset }

        /// Hands a record over, for good: to count one more owner of each, and one less, costs more than to look at it.
        mutating func takeContent(_ position: Int) -> JobContent? { entries[position].content.take() }

        /// Hands over what is left of a part.
        mutating func take(_ positions: Range<Int>) -> [Decision] {
            positions.compactMap { position in
                takeContent(position).map { Decision(facts: facts(position), content: $0, move: move(position)) }
            }
        }

        /// The memory stays for the next round.
        mutating func removeAll() {
            parts.removeAll(keepingCapacity: true)
            entries.removeAll(keepingCapacity: true)
        }
    }

    enum Move {
        case wait(until: Int64)
        /// For a worker that can run it; refused first at `since`.
        case refuse(since: Int64)
        indirect case bury(DeadReason, Envelope.Failure)
    }

    /// What is to be done with a record, as far as its words and the time decide it.
    enum Judgement {
        case run(DecodedJob, JobRegistry.Entry, Course)
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
        decide(JobContent(record, runtime: runtime), runtime, rungDelay: rungDelay, now: now)
    }

    /// As ``decide(_:_:rungDelay:now:)-(Record,_,_,_)``; what was read of the record is kept in `content`.
    static func decide(
        _ content: consuming JobContent,
        _ runtime: QueueRuntime,
        rungDelay: Int64? = nil,
        now: Int64
    ) -> Decision {
        guard let facts = plainFacts(of: content, runtime, rungDelay: rungDelay) else {
            return decideWholly(content, runtime, rungDelay, now)
        }
        return Decision(facts: facts, content: content, move: nil)
    }

    /// Of a plain job that can be run at once; nil where there is more to look at.
    private static func plainFacts(
        of content: JobContent,
        _ runtime: QueueRuntime,
        rungDelay: Int64?
    ) -> Scheduler<JobContent>.Facts? {
        // A rung's jobs have a history, or a time that somebody forged.
        guard rungDelay == nil, let plain = PlainJob.read(content.message, runtime), let entry = plain.entry,
            Int(plain.version) <= entry._withUnsafeGuaranteedRef({ $0.version })
        else { return nil }
        content.read(as: .plain(id: plain.id, version: plain.version), for: entry, hasTrace: plain.hasTrace)
        return Scheduler<JobContent>.Facts(
            bytes: content.size + plain.size,
            key: laneKey(content, runtime.order),
            start: .now
        )
    }

    private static func decideWholly(
        _ content: JobContent,
        _ runtime: QueueRuntime,
        _ rungDelay: Int64?,
        _ now: Int64
    ) -> Decision {
        let record = content.record
        let scan = HeaderScan(content.message)
        let bytes = content.size + scan.size
        let decoded = Envelope.decode(record, scan, defaultType: runtime.queue.defaultType)
        func reading(_ job: DecodedJob) -> JobContent.Reading {
            .whole(JobContent.WholeReading(job, scan))
        }
        switch judge(decoded, jobs: runtime.jobs, ladder: runtime.queue.ladder, now: now) {
        case .bury(let job, let reason, let failure):
            content.read(as: job.map(reading) ?? .none, for: nil)
            return Decision(
                facts: .init(bytes: bytes, key: nil, start: .hop),
                content: content,
                move: .bury(reason, failure)
            )
        case .refuse(let job, let reason, let failure):
            let course = runtime.refusals.course(of: job.envelope, reason, ladder: runtime.queue.ladder, now: now)
            guard case .bury(let waited) = course else {
                content.read(as: reading(job), for: nil)
                if let cancellation = runtime.fleet.cancellation(of: content, now: now) {
                    content.cancel(cancellation)
                    return Decision(facts: .init(bytes: bytes, key: nil, start: .now), content: content)
                }
                let facts = Scheduler<JobContent>.Facts(bytes: bytes, key: nil, start: .hop)
                return Decision(facts: facts, content: content, move: Move(course))
            }
            let refusal = JobContent.Refusal(reason: reason, failure: failure.after(waiting: waited))
            content.read(as: reading(job), for: nil, refusal: refusal)
            return Decision(facts: .init(bytes: bytes, key: nil, start: .now), content: content)
        case .run(let job, let entry, .now)
        where rungDelay != nil && PartitionIntake.hasForgedTime(content.message, now: now):
            content.read(as: reading(job), for: .passUnretained(entry))
            return Decision(
                facts: .init(bytes: bytes, key: nil, start: .hop),
                content: content,
                move: .wait(until: now + (rungDelay ?? 0))
            )
        case .run(let job, let entry, let course):
            content.read(as: reading(job), for: .passUnretained(entry))
            // Offsets of the main topic alone: those of other priorities are another log's.
            if job.envelope.unique != nil, rungDelay == nil,
                content.message.source.topicPartition.topic == runtime.queue.mainTopic
            {
                runtime.state.noteSeen(content.offset, in: content.partition)
            }
            let key = laneKey(content, runtime.order)
            if course != .now, let cancellation = runtime.fleet.cancellation(of: content, now: now) {
                // That is no early start: whatever becomes of the cancellation, here it does not run any more.
                content.cancel(cancellation)
                return Decision(facts: .init(bytes: bytes, key: key, start: .now), content: content)
            }
            var facts = Scheduler<JobContent>.Facts(bytes: bytes, key: key, start: .init(course))
            // On a rung, and in the main topic after a short wait, it is what it was.
            facts.priority = job.envelope.origin.flatMap { runtime.queue.priority(of: $0.topic) }
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
        guard let entry = jobs.entry(of: job.envelope.type) else {
            let known = list(jobs.types)
            let message = "this worker has no handler for type \(job.envelope.type); it knows \(known)"
            return .refuse(job, .unknownType, .init(type: "UnknownType", message: message, at: now))
        }
        guard job.envelope.version <= entry.version else {
            let what = "version \(job.envelope.version) of \(job.envelope.type)"
            let message = "\(what) is too new for this worker, which knows \(entry.version)"
            return .refuse(job, .versionTooNew, .init(type: "VersionTooNew", message: message, at: now))
        }
        guard let dueAt = job.envelope.dueAt, dueAt > now else { return .run(job, entry, .now) }
        guard dueAt - now <= furthestDue else {
            let message = "kokanee-due-at \(dueAt) is more than 366 days ahead"
            return .bury(job, .undecodable, .init(type: "EnvelopeError", message: message, at: now))
        }
        if case .hold = ladder.step(remaining: dueAt - now) { return .run(job, entry, .hold(until: dueAt)) }
        return .run(job, entry, .wait(until: dueAt))
    }

    private static func laneKey(_ content: JobContent, _ order: WorkerConfiguration.Order) -> UInt64? {
        switch order.kind {
        case .unordered: return content.onceLane
        case .partition: return 0
        case .key:
            guard let key = content.message.key else { return content.onceLane }
            return KeyHash.hash(key)
        }
    }

    private static func list(_ types: [String]) -> String {
        guard !types.isEmpty else { return "none" }
        return types.prefix(10).joined(separator: ", ") + (types.count > 10 ? ", …" : "")
    }
}

extension Intake.Move {
    /// Nil where the job does not move.
    init?(_ course: Refusals.Course) {
        switch course {
        case .bury: return nil
        case .hold(let dueAt): self = .wait(until: dueAt)
        case .wait(let since): self = .refuse(since: since)
        }
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
