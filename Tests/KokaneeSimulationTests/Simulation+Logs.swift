import RdKafka

@testable import Kokanee

// MARK: - What is enqueued

extension Simulation {
    func enqueue() {
        let partition = dice.number(below: profile.partitions)
        for _ in 0...dice.number(below: 5) where jobs.count < profile.jobs {
            skipOffsets(0, partition)
            // One in four has a key of its effect; most of them are ordered by that.
            let effect = dice.chance(25) ? dice.number(below: 3) : nil
            let once = effect.map { "\(partition).\($0)" }
            let lane = effect != nil && dice.chance(80) ? effect.map { UInt64(100 + $0) } : nil
            let job = ModelJob(
                number: jobs.count,
                key: lane ?? (dice.chance(profile.keyed) ? UInt64(dice.number(below: 3)) : nil),
                once: once,
                keepsCheckpoints: dice.chance(15),
                isBad: dice.chance(profile.badRecords),
                neverSucceeds: dice.chance(8),
                expires: dice.chance(3)
            )
            jobs.append(job)
            tally.note(.jobs)
            var headers = [
                Header("ce_specversion", "1.0"), Header("ce_id", Bytes(job.id)), Header("ce_source", "/simulation"),
            ]
            // A bad one lacks its type, or has one that nobody knows.
            if !job.isBad || job.number % 2 == 0 {
                headers.append(Header("ce_type", job.isBad ? "unknown" : "known"))
            }
            var dueAt: Int64 = 0
            if dice.chance(profile.delayed) {
                dueAt = now + dice.time(in: 100...(dice.chance(50) ? 5000 : 200_000))
                headers.append(Header("kokanee-due-at", Bytes(String(dueAt))))
            }
            if job.expires {
                headers.append(Header("kokanee-expires-at", Bytes(String(now + dice.time(in: 1000...60_000)))))
            }
            append(
                Place(topic: 0, partition: partition, offset: logs[0][partition].end),
                headers,
                job,
                attempt: 1,
                dueAt: dueAt
            )
        }
    }

    private func skipOffsets(_ topic: Int, _ partition: Int) {
        guard dice.chance(profile.gaps) else { return }
        logs[topic][partition].skip(dice.time(in: 1...3))
        tally.note(.skippedOffsets)
    }

    private func append(_ place: Place, _ headers: [Header], _ job: ModelJob, attempt: Int, dueAt: Int64) {
        logs[place.topic][place.partition].append(
            ModelRecord(
                place: place,
                timestamp: now,
                headers: headers,
                bytes: dice.number(in: 50...100),
                job: job,
                attempt: attempt,
                dueAt: dueAt
            )
        )
    }

    // MARK: - What workers do

    /// A hop arrives.
    func take(_ hop: Hop) throws {
        let source = hop.content.record
        guard hop.topic >= 0 else { return take(hop.state, of: source) }
        let partition = source.place.partition
        skipOffsets(hop.topic, partition)
        let place = Place(topic: hop.topic, partition: partition, offset: logs[hop.topic][partition].end)
        if hop.state.isEmpty { source.isFinished = true }
        source.hasMovedOn = source.hasMovedOn || hop.topic < deadLetterTopic
        note("\(source) arrives at \(place)")
        var dueAt = hop.dueAt
        if hop.topic == deadLetterTopic {
            source.job.dead += 1
            tally.note(.deadLetters)
            dueAt = 0
        } else if hop.topic > 0 {
            dueAt = max(dueAt, now + ladder.rungs[hop.topic - 1].milliseconds)
        }
        append(place, hop.headers, source.job, attempt: hop.attempt, dueAt: dueAt)
        // A transaction's marker, say.
        skipOffsets(hop.topic, partition)
    }

    /// What a job leaves arrives, one after the other: it is finished once the last of it is there.
    private func take(_ records: ArraySlice<ModelStateRecord>, of source: ModelRecord) {
        guard let record = records.first else { return }
        stateLogs[record.partition ?? source.place.partition].append(record)
        note("\(source) leaves \(record.key): \(record.value)")
        if case .schedule = record.value { noteEnd(of: source.job) }
        if case .tombstone(isMark: false) = record.value { source.job.kept = 0 }
        if records.count == 1 { source.isFinished = true }
        tally.note(.marks)
    }

    func judge(_ record: ModelRecord, now: Int64) -> Intake.Judgement {
        let decoded = Envelope.decode(headers: record.headers, at: origin(of: record), value: nil, defaultType: "known")
        return Intake.judge(decoded, jobs: Self.registry, ladder: ladder, now: now)
    }

    /// What this history's workers do with types that they don't know.
    var refusals: Refusals {
        Refusals(unknownTypes: profile.partitions.isMultiple(of: 2) ? .wait(upTo: .seconds(60)) : .deadLetter)
    }

    func origin(of record: ModelRecord) -> Envelope.Origin {
        let place = record.place
        return .init(topic: "t\(place.topic)", partition: Int32(place.partition), offset: place.offset)
    }

    private static let registry: JobRegistry = {
        var registry = JobRegistry()
        // Never run: attempts are a model's.
        try? registry.register("known") { _, _ in }
        return registry
    }()

    /// A commit arrives: why it is refused, or that it is done.
    func take(_ request: CommitRequest) throws -> CommitRequest.Answer {
        if let refusal = group.refusal(of: request.member, generation: request.generation) {
            tally.note(.refusedCommits)
            return .refused(refusal)
        }
        guard !request.isRefused else {
            tally.note(.refusedCommits)
            return .refused(.rebalanceInProgress)
        }
        var isTooLarge = false
        for (commit, metadata, epoch) in request.commits {
            guard metadata.utf8.count <= profile.brokerMetadataLimit else {
                isTooLarge = true
                continue
            }
            try checkCut(commit, metadata, limit: request.metadataLimit)
            try apply(commit, metadata, epoch)
        }
        if isTooLarge { tally.note(.metadataTooLarge) }
        return isTooLarge ? .refused(.metadataTooLarge) : .done
    }

    private func apply(_ commit: Scheduler<ModelWorker.Content>.Commit, _ metadata: String, _ epoch: Epoch?) throws {
        let (topic, partition) = (commit.partition / profile.partitions, commit.partition % profile.partitions)
        let kept: CompletionMap
        if metadata.isEmpty {
            kept = CompletionMap()
        } else {
            guard let read = CommitMetadata(text: metadata, above: commit.offset) else {
                throw Violation("a commit's metadata can't be read back: \(metadata)")
            }
            kept = read.completed
        }
        note("committed \(topic)/\(partition): \(commit.offset) \(kept.runs) of \(commit.completed.runs), \(metadata)")
        let new = Committed(offset: commit.offset, metadata: metadata, completed: kept)
        let before = epoch?.missesMap == true ? nil : committed[topic][partition]
        try checkCommit(new, full: commit.completed, before: before, logs[topic][partition])
        committed[topic][partition] = new
    }
}
