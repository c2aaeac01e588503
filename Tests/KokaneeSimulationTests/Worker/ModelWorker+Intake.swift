@testable import Kokanee

extension ModelWorker {
    /// As `Dispatcher.readPartitions`: each partition once, as far as there is room.
    func readPartitions() throws {
        guard clusterTime != nil else { return }
        for intake in simulation.dice.shuffle(intakes) where simulation.dice.chance(80) {
            let room =
                intake.delay == nil
                ? scheduler.room(in: intake.id) : PartitionIntake.waitingLimit - intake.waiting.count
            guard room > 0 else { continue }
            try read(intake, maximum: simulation.dice.number(in: 1...room))
        }
    }

    private func read(_ intake: ModelIntake, maximum: Int) throws {
        let log = simulation.logs[intake.topic][intake.partition]
        // The end is told once, each time that it is reached.
        let end = log.readable
        guard intake.endTold != end else { return }
        // Out of range: the consumer goes on with the earliest.
        intake.position = max(intake.position, log.start)
        let first = log.index(of: intake.position)
        let last = log.heldFrom.map(log.index(of:)) ?? log.records.count
        let records = Array(log.records[first..<max(first, min(first + maximum, last))])
        if let newest = records.last {
            intake.position = newest.place.offset + 1
            intake.end = nil
            try accept(records, intake)
        }
        guard first + records.count >= last, simulation.dice.chance(70) else { return }
        intake.position = max(intake.position, end)
        intake.endTold = end
        try checkGap(upTo: end, intake, next: end)
        intake.end = end
        settleEnd(intake)
    }

    private func accept(_ records: [ModelRecord], _ intake: ModelIntake) throws {
        guard let now = clusterTime else { return }
        for record in records { try checkGap(upTo: record.place.offset, intake, next: record.place.offset + 1) }
        guard let delay = intake.delay else { return try admit(records, intake, now: now) }
        for record in records {
            let dueAt = PartitionIntake.dueAt(record.timestamp, isBrokers: true, delay: delay, now: now)
            intake.waiting.append((record, dueAt))
        }
    }

    private func admit(_ records: [ModelRecord], _ intake: ModelIntake, now: Int64) throws {
        var moves: [(Ticket, Content, Intake.Judgement, Refusals.Course?)] = []
        for record in records {
            let judgement = simulation.judge(record, now: now)
            var facts = Scheduler<Content>.Facts(bytes: record.bytes, key: record.job.key, start: .hop)
            let content: Content
            var refusal: Refusals.Course?
            switch judgement {
            case .run(let job, _, let course):
                facts.start = .init(course)
                content = Content(record: record, decoded: job)
                if case .hold = course { simulation.tally.note(.held) }
            case .refuse(let job, let reason, let failure):
                facts.key = nil
                let course = simulation.refusals.course(of: job.envelope, reason, ladder: simulation.ladder, now: now)
                try simulation.checkRefusal(course, of: record, job.envelope)
                if case .bury(let waited) = course {
                    facts.start = .now
                    let failure = failure.after(waiting: waited)
                    content = Content(record: record, decoded: job, refusal: (reason, failure))
                } else {
                    refusal = course
                    content = Content(record: record, decoded: job)
                }
                simulation.tally.note(.badRecords)
            case .bury(let job, _, _):
                facts.key = nil
                content = Content(record: record, decoded: job)
                simulation.tally.note(.badRecords)
            }
            switch scheduler.admit(intake.id, offset: record.place.offset, facts, content) {
            case .accepted(let ticket): moves.append((ticket, content, judgement, refusal))
            case .finishedBefore: try checkFinishedBefore(record, intake)
            case .adopted: adopt(record, intake)
            case .regressed, .refused: throw Violation("\(record) was not taken in, in an epoch that takes in")
            }
        }
        try startReady()
        for (ticket, content, judgement, refusal) in moves { try move(ticket, content, judgement, refusal) }
    }

    private func move(
        _ ticket: Ticket,
        _ content: Content,
        _ judgement: Intake.Judgement,
        _ refusal: Refusals.Course?
    ) throws {
        guard let now = clusterTime else { return }
        switch refusal {
        case .wait(let since): return hopToAnotherBuild(ticket, content, since: since)
        case .hold(let dueAt):
            let attempt = content.record.attempt
            return hopToWait(ticket, content, attempt: attempt, after: dueAt - now, failure: nil, now: now)
        case .bury, nil: break
        }
        switch judgement {
        case .run(_, _, .wait(let dueAt)):
            hopToWait(ticket, content, attempt: content.record.attempt, after: dueAt - now, failure: nil, now: now)
        case .run, .refuse: return
        case .bury(_, let reason, let failure):
            guard content.record.job.isBad else { throw Violation("\(content.record) is buried as \(reason)") }
            hopToDeadLetters(ticket, content, reason, failure)
        }
    }

    private func adopt(_ record: ModelRecord, _ intake: ModelIntake) {
        simulation.tally.note(.adopted)
        guard let epoch = epochs[intake.id] else { return }
        record.mayRunAgain = nil
        epoch.started.append(record)
    }

    private func checkFinishedBefore(_ record: ModelRecord, _ intake: ModelIntake) throws {
        guard record.isFinished else { throw Violation("\(record) is taken for finished") }
        guard let epoch = epochs[intake.id], epoch.committed?.covers(record.place.offset) != true else { return }
        epoch.started.append(record)
        epoch.finished.append(record)
    }

    /// As `Dispatcher.settleEnd`.
    private func settleEnd(_ intake: ModelIntake) {
        guard let end = intake.end, intake.waiting.isEmpty else { return }
        intake.end = nil
        scheduler.reachEnd(intake.id, end, now: wall)
    }

    /// As `Dispatcher.checkGap`.
    private func checkGap(upTo offset: Int64, _ intake: ModelIntake, next: Int64) throws {
        defer { intake.expected = next }
        let logStart = simulation.logs[intake.topic][intake.partition].start
        if intake.expected == nil { simulation.logs[intake.topic][intake.partition].noteUnknown(upTo: offset) }
        guard let range = PartitionIntake.lost(from: intake.expected, to: offset, logStart: logStart) else { return }
        let lost = scheduler.unfinished(in: range, of: intake.id)
        try simulation.checkLoss(range, count: lost, intake, epochs[intake.id])
    }

    /// As `Dispatcher.releaseRungs`: admits the rungs' records that are due.
    func releaseRungs() throws {
        guard let now = clusterTime else { return }
        let holding = intakes.filter { !$0.waiting.isEmpty }
        for intake in holding {
            let room = scheduler.roomForDue(in: intake.id, ofRungs: holding.count)
            var due: [ModelRecord] = []
            while due.count < room, let first = intake.waiting.first, first.dueAt <= now {
                _ = intake.waiting.popFirst()
                due.append(first.record)
            }
            if !due.isEmpty { try admit(due, intake, now: now) }
            settleEnd(intake)
        }
    }
}
