@testable import Kokanee

extension ModelWorker {
    private struct HandlerFailure: Error, CustomStringConvertible {
        let description = "the handler failed"
    }

    /// Gives what is ready to idle runners.
    func startReady() throws {
        while running.count < simulation.profile.concurrency, let (ticket, content) = try takeReady() {
            guard let job = scheduler[ticket] else { throw Violation("a job was taken that is not there") }
            let id = scheduler.partitions.ids[job.slot]
            if let (reason, failure) = content.refusal {
                guard content.record.job.isBad else { throw Violation("\(content.record) is refused as \(reason)") }
                try conclude(ticket, content, .refused(reason, failure))
                continue
            }
            if let expiresAt = content.decoded?.envelope.expiresAt, let now = clusterTime, expiresAt <= now {
                simulation.tally.note(.expired)
                try conclude(ticket, content, .expired(at: expiresAt))
                continue
            }
            try checkStart(content, id)
            try checkLimits(content)
            running.append(execution(ticket, content, id))
        }
    }

    private func execution(_ ticket: Ticket, _ content: Content, _ id: Int) -> Execution {
        let (dice, profile, now) = (simulation.dice, simulation.profile, simulation.now)
        simulation.tally.note(.attempts)
        let isStuck = dice.chance(profile.stuck)
        let isSlow = isStuck || dice.chance(profile.slow)
        var outcome = Execution.Outcome.success
        if content.record.job.neverSucceeds || dice.chance(profile.failures) {
            outcome = .failure
        } else if dice.chance(12) {
            switch dice.number(below: 4) {
            case 0: outcome = .discard
            case 1: outcome = .deadLetter
            case 2: outcome = .stop
            default: outcome = .retryAfter(dice.time(in: 0...100_000))
            }
        }
        // Some of the stuck never end, others end so late that nobody listens any more.
        let length = isSlow ? dice.time(in: 500...5000) + (isStuck ? 4000 : 0) : dice.time(in: 1...60)
        let needsState = content.record.job.once != nil || content.record.job.keepsCheckpoints
        let execution = Execution(
            ticket,
            content,
            id: id,
            outcome: outcome,
            endsAt: needsState ? .max : now + length,
            ignoresCancellation: !needsState && (isStuck || dice.chance(10)),
            deadline: now + profile.attemptTimeout
        )
        (execution.isPending, execution.length) = (needsState, length)
        return execution
    }

    /// What the runners do when attempts end.
    func settleAttempts() throws {
        try admitPending()
        keepCheckpoints()
        while let index = running.firstIndex(where: { $0.isOver(at: simulation.now) }) {
            let execution = running.remove(at: index)
            try end(execution)
            if simulation.dice.chance(30) { break }
        }
        while let index = stragglers.firstIndex(where: { $0.endsAt <= simulation.now }) {
            let straggler = stragglers.remove(at: index)
            // Its slot was replaced long ago, and its word counts for nothing.
            guard scheduler.conclude(straggler.ticket, hops: false, now: wall) == .unknown else {
                throw Violation("\(straggler.record) was given up, and its end is taken all the same")
            }
        }
    }

    private func end(_ execution: Execution) throws {
        switch execution.outcome {
        case .success: try conclude(execution.ticket, execution.content, .completed)
        case .skipped(let isOwn): try conclude(execution.ticket, execution.content, .skipped(isOwn: isOwn))
        case .discard: try conclude(execution.ticket, execution.content, .failed(JobError.discard("not needed")))
        case .deadLetter: try conclude(execution.ticket, execution.content, .failed(JobError.deadLetter("never")))
        case .stop: try conclude(execution.ticket, execution.content, .failed(JobStop(wait: .milliseconds(700))))
        case .retryAfter(let wait):
            let error = JobError.retry(after: .milliseconds(wait), "later")
            try conclude(execution.ticket, execution.content, .failed(error))
        case .failure:
            switch execution.cancellation {
            case nil: try conclude(execution.ticket, execution.content, .failed(HandlerFailure()))
            case .timeout:
                let limit = Duration.milliseconds(simulation.profile.attemptTimeout)
                try conclude(execution.ticket, execution.content, .timedOut(limit, ignoredCancellation: false))
            case .shutdown:
                scheduler.abandon(execution.ticket)
                noteEnd(of: execution.ticket, .undecided)
                try startReady()
            }
        }
    }

    /// As `Engine.decide` and what follows it.
    func conclude(_ ticket: Ticket, _ content: Content, _ end: AttemptEnd) throws {
        let disposition = Disposition.after(
            end,
            ofAttempt: content.decoded?.envelope.attempt ?? 1,
            policy: simulation.policy,
            ladder: simulation.ladder,
            now: wall,
            randomness: simulation.dice.bits()
        )
        simulation.note("worker \(number): \(content.record) ends \(end), \(disposition)")
        try simulation.checkDisposition(disposition, of: content.record, after: end)
        let isCurrent = scheduler[ticket].map(scheduler.isCurrent) ?? false
        let writes = stateWrites(after: disposition, ticket, content) + scheduleWrites(after: disposition, content)
        if case .postpone = disposition, scheduler.isEnding(ticket) {
            simulation.tally.note(.abandonedStops)
            scheduler.abandon(ticket)
            noteEnd(of: ticket, .undecided)
            return try startReady()
        }
        let hops = disposition.hops || !writes.isEmpty
        let conclusion = scheduler.conclude(ticket, hops: hops, now: wall)
        if conclusion == .accepted {
            noteEnd(of: ticket, disposition.circuitOutcome)
        } else {
            noteEnd(of: ticket, .undecided)
        }
        follow(disposition, of: ticket, content, conclusion, isCurrent: isCurrent, writes)
        try startReady()
    }

    private func follow(
        _ disposition: Disposition,
        of ticket: Ticket,
        _ content: Content,
        _ conclusion: Scheduler<Content>.Conclusion,
        isCurrent: Bool,
        _ writes: [ModelStateRecord]
    ) {
        guard conclusion == .accepted else {
            if conclusion == .fenced { simulation.tally.note(.fenced) }
            return
        }
        let record = content.record
        switch disposition {
        case .complete, .discard, .skip, .finishedBefore, .bury: record.isEndOfTick = record.job.tick != nil
        case .retry, .postpone: break
        }
        switch disposition {
        case .complete, .discard, .skip, .finishedBefore:
            if writes.isEmpty {
                record.isFinished = true
                if isCurrent { epochs[id(topic: record.place.topic, partition: record.place.partition)]?.note(record) }
            } else {
                hopToState(ticket, content, writes[...])
            }
            switch disposition {
            case .complete:
                record.job.completed += 1
                simulation.tally.note(.completed)
            case .skip:
                record.job.skipped += 1
                simulation.tally.note(.skipped)
            default:
                record.job.discarded += 1
                simulation.tally.note(.discarded)
            }
        case .retry(let attempt, let wait, let failure):
            hopToWait(ticket, content, attempt: attempt, after: wait, failure: failure, now: clusterTime ?? 0)
        case .postpone(let wait):
            simulation.tally.note(.postponed)
            hopToWait(
                ticket,
                content,
                attempt: record.attempt,
                after: wait,
                failure: nil,
                isPostponed: true,
                now: clusterTime ?? 0
            )
        case .bury(let reason, let failure):
            hopToDeadLetters(ticket, content, reason, failure, then: writes)
        }
    }

    /// As `EngineState.findOverdue`: attempts that overran are cancelled, and given up when the grace is over.
    func findOverdue() throws {
        let now = simulation.now
        for execution in running where execution.deadline <= now {
            guard execution.cancellation != nil else {
                ask(execution, .timeout)
                simulation.tally.note(.timeouts)
                continue
            }
            running.removeAll { $0 === execution }
            stragglers.append(execution)
            simulation.tally.note(.givenUp)
            if case .timeout = execution.cancellation {
                let limit = Duration.milliseconds(simulation.profile.attemptTimeout)
                try conclude(execution.ticket, execution.content, .timedOut(limit, ignoredCancellation: true))
            } else {
                scheduler.abandon(execution.ticket)
                noteEnd(of: execution.ticket, .undecided)
                try startReady()
            }
        }
    }

    /// As `EngineState.cancel`.
    func cancel(_ tickets: [Ticket]) {
        for execution in running where execution.cancellation == nil && tickets.contains(execution.ticket) {
            ask(execution, .shutdown)
        }
    }

    private func ask(_ execution: Execution, _ cancellation: Execution.Cancellation) {
        execution.cancellation = cancellation
        execution.deadline = simulation.now + simulation.profile.grace
        guard !execution.ignoresCancellation else { return }
        execution.outcome = .failure
        execution.endsAt = simulation.now
    }
}

extension Disposition {
    /// As `EngineState.conclude` tells it the circuit.
    fileprivate var circuitOutcome: Circuit.Outcome {
        switch self {
        case .complete, .discard: .succeeded
        case .skip, .finishedBefore: .undecided
        case .retry: .retried
        case .bury: .died
        case .postpone: .undecided
        }
    }
}
