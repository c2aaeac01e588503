import RdKafka

@testable import Kokanee

/// A record on its way to another topic.
struct Hop {
    enum Fate {
        case acknowledged
        case refused
        /// The broker has it, and its answer is lost.
        case unanswered
    }

    let ticket: ModelWorker.Ticket
    let content: ModelWorker.Content
    let topic: Int
    let headers: [Header]
    let attempt: Int
    /// By the cluster's clock; what is asked of whoever runs it next.
    let dueAt: Int64
    var tries = 1
    var fate = Fate.acknowledged
    var arrivesAt: Int64 = 0
    var answersAt: Int64 = 0
    var arrivedAt: Int64?
    /// When a failed one is tried again.
    var retriesAt: Int64 = 0
    /// What the job leaves in the state topic, one after the other: once it is in the other topic, where it goes to one.
    var state: ArraySlice<ModelStateRecord> = []
}

extension ModelWorker {
    /// As `HopRecord.retry`.
    func hopToWait(
        _ ticket: Ticket,
        _ content: Content,
        attempt: Int,
        after wait: Int64,
        failure: Envelope.Failure?,
        isPostponed: Bool = false,
        now: Int64
    ) {
        let topic: Int
        let headerDueAt: Int64?
        switch Disposition.destination(after: wait, now: now, ladder: simulation.ladder) {
        case .rung(let rung, let dueAt):
            topic = 1 + (simulation.ladder.rungs.firstIndex(of: rung) ?? 0)
            headerDueAt = dueAt
        case .main(let dueAt): (topic, headerDueAt) = (0, dueAt)
        }
        let headers = Envelope.rungHeaders(
            copying: content.record.headers,
            from: origin(of: content.record),
            attempt: attempt,
            dueAt: headerDueAt,
            failure: failure,
            hasBegun: isPostponed
        )
        // A job that only waits is due when it was; a retried or postponed one after its wait, by what the worker could know.
        let dueAt = failure == nil && !isPostponed ? content.record.dueAt : now + wait
        let next = failure == nil ? content.record.attempt : content.record.attempt + 1
        produce(Hop(ticket: ticket, content: content, topic: topic, headers: headers, attempt: next, dueAt: dueAt))
    }

    /// As `HopRecord.refused`.
    func hopToAnotherBuild(_ ticket: Ticket, _ content: Content, since: Int64) {
        let record = content.record
        let headers = Envelope.rungHeaders(
            copying: record.headers,
            from: origin(of: record),
            attempt: content.decoded?.envelope.attempt ?? 1,
            dueAt: nil,
            failure: nil,
            refusedSince: since
        )
        if record.job.refusedAt == nil { record.job.refusedAt = simulation.now }
        simulation.tally.note(.refusals)
        let (attempt, dueAt) = (record.attempt, record.dueAt)
        produce(Hop(ticket: ticket, content: content, topic: 1, headers: headers, attempt: attempt, dueAt: dueAt))
    }

    /// As `HopRecord.deadLetter`.
    func hopToDeadLetters(
        _ ticket: Ticket,
        _ content: Content,
        _ reason: DeadReason,
        _ failure: Envelope.Failure?,
        then writes: [ModelStateRecord] = []
    ) {
        let headers = Envelope.deadLetterHeaders(
            copying: content.record.headers,
            from: origin(of: content.record),
            attempt: content.decoded?.envelope.attempt ?? 1,
            reason: reason,
            failure: failure,
            at: wall
        )
        let (topic, attempt) = (simulation.deadLetterTopic, content.record.attempt)
        var hop = Hop(ticket: ticket, content: content, topic: topic, headers: headers, attempt: attempt, dueAt: 0)
        hop.state = writes[...]
        produce(hop)
    }

    /// As `Engine.finish` of a job that leaves something.
    func hopToState(_ ticket: Ticket, _ content: Content, _ records: ArraySlice<ModelStateRecord>) {
        var hop = Hop(ticket: ticket, content: content, topic: -1, headers: [], attempt: 0, dueAt: 0)
        hop.state = records
        produce(hop)
    }

    private func origin(of record: ModelRecord) -> Envelope.Origin { simulation.origin(of: record) }

    /// Whether a record is on its way from here to another topic.
    func isHopping(_ record: ModelRecord) -> Bool {
        hops.contains { $0.content.record === record } || hopsToRetry.contains { $0.content.record === record }
    }

    /// As `Engine.hop`: it waits where the membership is in doubt.
    private func produce(_ hop: Hop) {
        let (dice, profile) = (simulation.dice, simulation.profile)
        var hop = hop
        guard mayWrite() else {
            hop.retriesAt = simulation.now + 100
            return hopsToRetry.append(hop)
        }
        simulation.checkWrite(hop, self)
        hop.fate = .acknowledged
        if dice.chance(profile.refusedHops) { hop.fate = .refused }
        if dice.chance(profile.doubledHops) { hop.fate = .unanswered }
        hop.arrivedAt = nil
        let isLate = dice.chance(10)
        hop.arrivesAt = simulation.now + dice.time(in: 0...(isLate ? 3000 : 20))
        hop.answersAt = hop.arrivesAt + dice.time(in: 0...(isLate ? 1000 : 10))
        hops.append(hop)
    }

    /// The broker takes what has arrived, whatever has become of the worker.
    func deliverHops() throws {
        for index in hops.indices where hops[index].arrivedAt == nil && hops[index].arrivesAt <= simulation.now {
            hops[index].arrivedAt = simulation.now
            if hops[index].fate != .refused { try simulation.take(hops[index]) }
        }
    }

    /// What the producer calls back.
    func settleHops() throws {
        while let index = hops.firstIndex(where: { $0.arrivedAt != nil && $0.answersAt <= simulation.now }) {
            let hop = hops.remove(at: index)
            if hop.fate == .acknowledged { acknowledged(hop) } else { failed(hop) }
            try startReady()
        }
    }

    /// As `Engine.hopEnded`.
    private func acknowledged(_ hop: Hop) {
        let record = hop.content.record
        let isCurrent = scheduler[hop.ticket].map(scheduler.isCurrent) ?? false
        if let arrivedAt = hop.arrivedAt { clusterClock.note(arrivedAt, acknowledgedAt: simulation.instant) }
        let rest = hop.topic < 0 ? hop.state.dropFirst() : hop.state
        if !rest.isEmpty {
            if scheduler.mayHop(hop.ticket) {
                return hopToState(hop.ticket, hop.content, rest)
            }
            scheduler.abandonHop(hop.ticket)
            return simulation.tally.note(.fenced)
        }
        guard scheduler.hopped(hop.ticket, now: wall) else { return simulation.tally.note(.fenced) }
        if isCurrent { epochs[id(topic: record.place.topic, partition: record.place.partition)]?.note(record) }
    }

    private func failed(_ hop: Hop) {
        simulation.tally.note(hop.fate == .unanswered ? .doubledHops : .failedHops)
        guard scheduler.mayHop(hop.ticket) else { return scheduler.abandonHop(hop.ticket) }
        var hop = hop
        hop.retriesAt = simulation.now + min(10_000, 100 << min(hop.tries - 1, 10))
        hop.tries += 1
        hopsToRetry.append(hop)
    }

    /// As in `EngineState.tick`.
    func retryHops() {
        let due = hopsToRetry.filter { $0.retriesAt <= simulation.now }
        guard !due.isEmpty else { return }
        hopsToRetry.removeAll { $0.retriesAt <= simulation.now }
        for hop in due {
            if scheduler.mayHop(hop.ticket) { produce(hop) } else { scheduler.abandonHop(hop.ticket) }
        }
    }
}
