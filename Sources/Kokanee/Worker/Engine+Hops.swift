internal import RdKafka
internal import Synchronization

extension Engine {
    func bury(
        _ content: JobContent,
        _ reason: DeadReason,
        _ failure: Envelope.Failure?,
        _ ticket: Ticket,
        _ now: Int64
    ) {
        logger.log(
            .warning,
            "job is a dead letter",
            [
                "queue": content.queueName, "job": content.id, "type": content.type ?? "unknown",
                "attempt": "\(content.attempt)", "reason": reason.rawValue, "error": failure?.text ?? "",
                "at": content.place.description,
            ]
        )
        state.withLock { state in
            state.statistics[content.runtime.index].dead += 1
            // Here, because a record that is no job comes to this without an attempt.
            state.outcomes?.mark(.failed, content, at: state.scheduler.place(of: ticket))
        }
        hop(ticket, HopRecord.deadLetter(content, reason: reason, failure: failure, now: now), content)
    }

    func hop(_ ticket: Ticket, _ record: ProducerRecord, _ content: JobContent, tries: Int = 1) {
        let hop = PendingHop(ticket: ticket, record: record, content: content, tries: tries)
        let now = clock.monotonic()
        let mayWrite = state.withLock { state in
            if state.mayWrite(content.runtime.index, now: now) { return true }
            state.hopsToRetry.insert(hop.deferred(now: now))
            return false
        }
        guard mayWrite else { return }
        if let failure = FailPoint.hopProducing.failure(.localMessageTimedOut) {
            return hopEnded(hop, .failure(failure))
        }
        producer.produce(record) { result in
            self.hopEnded(hop, FailPoint.hopAcknowledged.result(result, failure: .localMessageTimedOut))
        }
        FailPoint.hopProduced.pass()
    }

    private func hopEnded(_ hop: PendingHop, _ result: Result<Delivery, KafkaError>) {
        guard case .failure(let error) = result else {
            if case .success(let delivery) = result { clock.note(delivery) }
            let (now, wall) = (clock.monotonic(), clock.wall())
            let (isOurs, handovers, wakes) = state.withLock { state in
                state.hopTroubles[hop.ticket] = nil
                let isOurs = state.scheduler.hopped(hop.ticket, now: wall)
                return (isOurs, state.handOver(now: now), state.takeWakes())
            }
            perform(handovers)
            for wakeup in wakes { wakeup.wake() }
            if isOurs { FailPoint.jobFinished.pass() } else { logFenced(hop.content) }
            return
        }
        let willRetry = state.withLock { state in
            state.statistics[hop.content.runtime.index].failedHops += 1
            guard state.scheduler.mayHop(hop.ticket), !state.isClosed else {
                state.hopTroubles[hop.ticket] = nil
                state.scheduler.abandonHop(hop.ticket)
                return false
            }
            let now = clock.monotonic()
            state.hopTroubles[hop.ticket] = HopTrouble(
                since: state.hopTroubles[hop.ticket]?.since ?? now,
                tries: hop.tries,
                error: error
            )
            state.hopsToRetry.insert(hop.next(after: error, now: now, wall: clock.wall()))
            return true
        }
        logger.log(
            .error,
            willRetry ? "hop failed; its job stays unfinished, and it is tried again" : "hop failed and given up",
            [
                "queue": hop.content.queueName, "job": hop.content.id, "to": hop.record.topic,
                "partition": "\(hop.record.partition ?? -1)", "tries": "\(hop.tries)", "error": "\(error)",
            ]
        )
    }
}
