internal import RdKafka
internal import Synchronization

extension Engine: DeliveryReceiver {
    /// The hop of a job that becomes a dead letter.
    func burial(
        of content: JobContent,
        _ reason: DeadReason,
        _ failure: Envelope.Failure?,
        _ ticket: Ticket,
        then rest: ArraySlice<HopRecord> = [],
        told: HookEvent?,
        _ now: Int64
    ) -> PendingHop {
        logBurial(of: content, reason, failure)
        let record = HopRecord.deadLetter(content, reason: reason, failure: failure, now: now)
        return PendingHop(ticket, record, then: rest, news: .dead, told: told, now: clock.monotonic())
    }

    /// Hands hops to the producer together, but for those that may not be written now.
    func hop(_ hops: [PendingHop]) {
        guard !hops.isEmpty else { return }
        let now = clock.monotonic()
        var admitted = hops
        if hops.contains(where: \.asksLedger) {
            for hop in hops where hop.asksLedger { Task { await hopUnlessCommitted(hop) } }
            admitted.removeAll(where: \.asksLedger)
        }
        admitted = state.withLock { $0.admit(admitted, now: now) }
        let failed = admitted.compactMap { hop in
            FailPoint.hopProducing.failure(.localMessageTimedOut).map { HopEnd(hop: hop, error: $0) }
        }
        if !failed.isEmpty {
            admitted.removeAll { hop in failed.contains { $0.hop === hop } }
            hopsEnded(failed)
        }
        if !admitted.isEmpty { producer.produce(HopBatch(admitted), telling: self) }
    }

    func settled(_ records: [SettledRecord]) {
        clock.note(records)
        var ends: [HopEnd] = []
        ends.reserveCapacity(records.count)
        for record in records {
            // The engine is told of nothing else.
            guard let batch = record.source as? HopBatch, let hop = batch.take(record.index) else { continue }
            let error = record.error ?? FailPoint.hopAcknowledged.failure(.localMessageTimedOut)
            ends.append(HopEnd(hop: hop, error: error, offset: record.offset))
        }
        hopsEnded(ends)
    }

    private func hopsEnded(_ ends: [HopEnd]) {
        guard ends.contains(where: { $0.error?.isTooLarge == true }) else { return account(for: ends) }
        var others: [HopEnd] = []
        for end in ends {
            guard let error = end.error, error.isTooLarge else {
                others.append(end)
                continue
            }
            let smaller = HopEnd(hop: end.hop.shrunk(wall: clock.wall()), error: error)
            if smaller.hop.record.isDeadLetter, !end.hop.record.isDeadLetter {
                Task { await bury(smaller) }
            } else {
                others.append(smaller)
            }
        }
        account(for: others)
    }

    /// A job that its rung does not take is dead, whatever was decided, and leaves in the queue's state what the dead leave.
    private func bury(_ end: HopEnd) async {
        let (content, failure) = (end.hop.content, end.hop.record.failure)
        logBurial(of: content, .tooLarge, failure)
        // Where it is fenced meanwhile nothing of it is written, here or there.
        try? await content.runtime.state.knowWhatIsLeft(of: content)
        let disposition = Disposition.bury(.tooLarge, failure)
        let writes =
            content.runtime.state.writes(after: disposition, of: content)
            + ScheduleDone.writes(after: disposition, of: content, at: clock.wall())
        account(for: [HopEnd(hop: end.hop.buried(leaving: writes), error: end.error)])
    }

    private func account(for ends: [HopEnd]) {
        guard !ends.isEmpty else { return }
        for end in ends where end.error == nil {
            guard let record = end.hop.record.state else { continue }
            end.hop.content.runtime.state.stands(record, of: end.hop.content, at: end.offset)
        }
        let (now, wall) = clock.both()
        let (fates, handovers, wakes) = state.withLock { state in
            let fates = ends.map { state.endHop($0, now: now, wall: wall) }
            return (fates, state.handOver(now: now), state.takeWakes())
        }
        perform(handovers)
        for wakeup in wakes { wakeup.wake() }
        var next: [PendingHop] = []
        for (end, fate) in zip(ends, fates) {
            switch fate {
            case .finished:
                end.hop.content.runtime.state.finished(end.hop.content)
                FailPoint.jobFinished.pass()
                if let hooks, let event = end.hop.event { hooks.tell(event) }
            case .goesOn(let hop): next.append(hop)
            case .fenced: logFenced(end.hop.content)
            case .willRetry: logTrouble(end, "hop failed; its job stays unfinished, and it is tried again")
            case .givenUp: logTrouble(end, "hop failed and given up")
            }
        }
        hop(next)
    }

    private func logTrouble(_ end: HopEnd, _ message: String) {
        let (hop, error) = (end.hop, end.error?.description ?? "")
        logger.log(
            .error,
            message,
            [
                "queue": hop.content.queueName, "job": hop.content.id, "to": hop.record.topic,
                "partition": "\(hop.record.partition)", "tries": "\(hop.tries)", "error": error,
            ]
        )
    }
}
