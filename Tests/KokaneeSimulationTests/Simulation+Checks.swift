@testable import Kokanee

// MARK: - Epochs, and what may run again after them

extension Simulation {
    /// A worker begins to work a partition.
    func begin(_ worker: ModelWorker, _ id: Int, _ topic: Int, _ partition: Int, missesMap: Bool) {
        let committed = committed[topic][partition]
        note("worker \(worker.number) begins \(topic)/\(partition) at \(committed?.offset ?? -1)")
        // Who has it still, and was not asked, does not know.
        for other in workers where other !== worker {
            guard let epoch = other.epochs[id], !epoch.isOvertaken else { continue }
            epoch.isOvertaken = true
            end(epoch, .silence)
        }
        worker.epochs[id] = Epoch(id: id, committed: committed, missesMap: missesMap)
        guard missesMap, let committed else { return }
        for record in logs[topic][partition].records where committed.completed.contains(record.place.offset) {
            mayRunAgain(record, .offsetsUnknown)
        }
    }

    /// An epoch is over: what is not committed by now has to run again.
    func end(_ epoch: Epoch, _ cause: Cause) {
        let committed = committed[epoch.id / profile.partitions][epoch.id % profile.partitions]
        for record in epoch.started where committed?.covers(record.place.offset) != true {
            mayRunAgain(record, record.wasCutFromMap ? .metadataCut : cause)
        }
        guard cause == .handedBack else { return }
        for record in epoch.finished where record.mayRunAgain == .handedBack { record.mayRunAgain = .lastCommit }
    }

    func mayRunAgain(_ record: ModelRecord, _ cause: Cause) {
        if record.starts > 0 { record.mayRunAgain = cause }
    }
}

// MARK: - Attempts

extension ModelWorker {
    /// An attempt is about to start.
    func checkStart(_ content: Content, _ id: Int) throws {
        let record = content.record
        simulation.note("worker \(number) starts \(record), key \(record.job.key.map(Int.init) ?? -1)")
        guard simulation.now >= record.dueAt else {
            throw Violation("\(record) starts \(record.dueAt - simulation.now) ms early")
        }
        guard content.decoded?.envelope.attempt == record.attempt, content.decoded?.envelope.id == record.job.id else {
            throw Violation("\(record) is attempt \(record.attempt), and runs as another")
        }
        guard !record.job.isBad else { throw Violation("\(record) can't be run, and is") }
        try checkLane(record)
        defer { record.starts += 1 }
        guard let epoch = epochs[id] else { throw Violation("\(record) starts in no epoch") }
        guard !epoch.isOvertaken else {
            throw Violation("\(record) starts at worker \(number), which has lost it and could know")
        }
        if epoch.committed?.covers(record.place.offset) == true, !epoch.missesMap {
            throw Violation("\(record) runs again, and the commit said that it was done")
        }
        try checkOrder(record, epoch)
        if record.starts > 0 {
            guard let cause = record.mayRunAgain else { throw Violation("\(record) runs again for no reason") }
            simulation.tally.note(cause)
        }
        record.mayRunAgain = nil
        epoch.started.append(record)
    }

    /// Nothing of its key runs beside it, on this worker or on any other that could know.
    private func checkLane(_ record: ModelRecord) throws {
        guard let key = record.job.key else { return }
        for worker in simulation.workers {
            for other in worker.running
            where other.record.job.key == key && other.record.place.partition == record.place.partition {
                guard worker !== self else { throw Violation("\(record) starts beside \(other.record) of its key") }
                let isCurrent = worker.scheduler[other.ticket].map(worker.scheduler.isCurrent) ?? false
                let isHandedBack = !isCurrent && worker.suspendedAt != nil
                let knows = worker.epochs[other.id]?.isOvertaken != true && worker.isAwake
                guard other.cancellation != nil || isHandedBack || !knows else {
                    throw Violation(
                        "\(record) starts at worker \(number) beside \(other.record) of its key at \(worker.number)"
                    )
                }
                simulation.tally.note(.zombieOverlaps)
            }
        }
    }

    /// What is to run now, and stands before it in the log, has run, or left for another topic.
    private func checkOrder(_ record: ModelRecord, _ epoch: Epoch) throws {
        guard let key = record.job.key, record.place.topic == 0, record.dueAt == 0 else { return }
        let log = simulation.logs[0][record.place.partition]
        let from = log.index(of: max(epoch.committed?.offset ?? 0, log.start))
        for earlier in log.records[from..<max(from, log.index(of: record.place.offset))]
        where earlier.job.key == key && !earlier.isFinished {
            guard earlier.dueAt == 0, !earlier.job.isBad, !isHopping(earlier) else { continue }
            throw Violation("\(record) overtakes \(earlier) of its key")
        }
    }
}

extension Simulation {
    /// What becomes of a job is what its end, and its attempts so far, ask for.
    func checkDisposition(_ disposition: Disposition, of record: ModelRecord, after end: AttemptEnd) throws {
        let isRight: Bool
        switch (end, disposition) {
        case (.completed, .complete), (.committed, .complete), (.expired, .discard), (.cancelled, .discard),
            (.finishedBefore, .finishedBefore):
            isRight = true
        case (.refused(let reason, _), .bury(let buried, _)): isRight = reason == buried
        case (.skipped(let isOwn), .skip(let isOwnToo)): isRight = isOwn == isOwnToo
        case (.completed, _), (.committed, _), (.expired, _), (.cancelled, _), (.refused, _), (.skipped, _),
            (.finishedBefore, _), (_, .complete), (_, .skip), (_, .finishedBefore):
            isRight = false
        case (.failed(let error as JobError), _):
            switch (error.verdict, disposition) {
            case (.discard, .discard), (.deadLetter, .bury(.rejected, _)): isRight = true
            case (.discard, _), (.deadLetter, _): isRight = false
            case (.retry, _): isRight = isRetryOrDeath(disposition, record)
            }
        case (.failed(_ as JobStop), .postpone): isRight = true
        case (.failed(_ as JobStop), _): isRight = false
        case (.failed, _), (.timedOut, _): isRight = isRetryOrDeath(disposition, record)
        }
        guard isRight else { throw Violation("\(record) ended \(end), and what follows is \(disposition)") }
    }

    /// A job that its worker can't run waits with the attempt that it came with, and does not die before its time is over.
    func checkRefusal(_ course: Refusals.Course, of record: ModelRecord, _ envelope: Envelope) throws {
        guard envelope.attempt == record.attempt else {
            throw Violation("\(record) is attempt \(record.attempt), and is refused as \(envelope.attempt)")
        }
        guard case .bury = course, let limit = refusals.unknownTypes.limit?.milliseconds else { return }
        // By as much a worker may know the time late, when it refuses it first.
        let margin: Int64 = 10_000
        guard let since = record.job.refusedAt, now - since >= limit - margin else {
            throw Violation("\(record) dies before it has waited for another build")
        }
    }

    private func isRetryOrDeath(_ disposition: Disposition, _ record: ModelRecord) -> Bool {
        switch disposition {
        case .retry(let attempt, _, _): attempt == record.attempt + 1 && record.attempt < profile.maximumAttempts
        case .bury(.attemptsExhausted, _): record.attempt >= profile.maximumAttempts
        default: false
        }
    }

    /// A hop is sent.
    func checkWrite(_ hop: Hop, _ worker: ModelWorker) {
        let place = hop.content.record.place
        let epoch = worker.epochs[worker.id(topic: place.topic, partition: place.partition)]
        if epoch?.isOvertaken == true { strayWrite = "\(hop.content.record) moves, and its worker has lost it" }
    }

    // MARK: - Commits

    /// A map is kept from its lowest run on, as far as the metadata has room for it.
    func checkCut(_ commit: Scheduler<ModelWorker.Content>.Commit, _ metadata: String, limit: Int) throws {
        guard metadata.utf8.count <= limit else { throw Violation("a commit's metadata has more than \(limit) bytes") }
        let kept = CommitMetadata(text: metadata, above: commit.offset)?.completed.runs ?? []
        let full = commit.completed.runs
        guard limit > 0, kept != full else { return }
        guard kept.count < full.count, kept == Array(full.prefix(kept.count)) else {
            throw Violation("\(kept) was kept of the map \(full)")
        }
        let more = CompletionMap(runs: full.prefix(kept.count + 1))
        let owner = CommitMetadata(text: metadata, above: commit.offset)?.owner ?? ""
        let text = CommitMetadata(owner: owner, movedAt: commit.movedAt, completed: more)
            .text(above: commit.offset, limit: .max / 8)
        guard text.utf8.count > limit else { throw Violation("\(kept) was kept of the map \(full), and more fits") }
    }

    func checkCommit(_ new: Committed, full: CompletionMap, before: Committed?, _ log: ModelLog) throws {
        for record in log.records[log.index(of: min(before?.offset ?? 0, new.offset))...] {
            let offset = record.place.offset
            if full != new.completed { record.wasCutFromMap = full.contains(offset) && !new.covers(offset) }
            if new.covers(offset) {
                guard record.isFinished || record.isCut else {
                    throw Violation("\(record) is committed at \(new.offset), and not finished")
                }
                try checkEnd(record)
            } else if before?.covers(offset) == true {
                guard full.contains(offset) || record.isCut else {
                    throw Violation("\(record) was committed as finished, and is no more")
                }
                mayRunAgain(record, .metadataCut)
            }
        }
    }

    /// A worker says what retention took.
    func checkLoss(_ range: Range<Int64>, count: Int64, _ intake: ModelIntake, _ epoch: Epoch?) throws {
        let log = logs[intake.topic][intake.partition]
        logs[intake.topic][intake.partition].reported.append(range)
        let known = epoch?.missesMap == true ? nil : epoch?.committed
        let unknown = range.filter { known?.covers($0) != true }
        guard count == Int64(unknown.count) else {
            throw Violation("\(count) records of \(range) are reported as lost, which are \(unknown.count)")
        }
        guard let stray = log.records.first(where: { range.contains($0.place.offset) && !$0.isCut }) else { return }
        throw Violation("\(stray) is reported as lost, and is there")
    }

    // MARK: - Bounds

    func checkBounds() throws {
        if let strayWrite { throw Violation(strayWrite) }
        let limits = profile.limits
        for worker in workers {
            let scheduler = worker.scheduler
            let hopping = worker.hops.count + worker.hopsToRetry.count
            let partitions = profile.partitions * deadLetterTopic
            let most = max(limits.jobs * 3 / 2, limits.jobs / 2 + partitions) + profile.concurrency + hopping
            guard scheduler.inFlight <= most else { throw Violation("\(scheduler.inFlight) jobs are in flight") }
            // Records are read by what they took lately, at least half of what they take; one is read in any case. What runs on
            // through a rebalance is looked for beyond the bound, as far as it was read before.
            let mostBytes = 3 * limits.bytes + 100
            guard scheduler.inFlightBytes <= mostBytes else {
                throw Violation("\(scheduler.inFlightBytes) bytes are in flight")
            }
            for intake in worker.intakes {
                guard intake.waiting.count <= PartitionIntake.waitingLimit else {
                    throw Violation("\(intake.waiting.count) records of a rung are held")
                }
                // Offsets that nothing stands at are passed over, also the markers of transactions.
                guard profile.gaps == 0, profile.cut == 0, schedules.isEmpty,
                    let gap = scheduler.partitions[intake.id]?.tracker.gap
                else { continue }
                guard gap <= limits.gap else { throw Violation("a partition is \(gap) offsets past its watermark") }
            }
        }
    }
}
