@testable import Kokanee

extension ModelWorker {
    private var suspensionLimit: Int64 {
        let session = simulation.profile.sessionTimeout
        return max(session - 1000, session / 2)
    }

    /// What the consumer hears of its group: it joins, is assigned, must hand back, or has been forgotten.
    func heartbeat() throws {
        guard case .working = mode else { return }
        let now = simulation.now
        guard let member, simulation.group.index(of: member) != nil else {
            if member != nil, !intakes.isEmpty { lose() }
            isJoining = true
            self.member = simulation.group.join(nil, now: now)
            return
        }
        if simulation.group.mustJoin(member) {
            if intakes.isEmpty {
                rejoin()
            } else {
                beginHandBack()
            }
        } else if isJoining, let partitions = simulation.group.sync(member) {
            isJoining = false
            generation = simulation.group.generation
            try take(partitions)
        }
    }

    private func rejoin() {
        isJoining = true
        member = simulation.group.join(member, now: simulation.now)
    }

    /// As `Dispatcher.take`.
    private func take(_ partitions: [Int]) throws {
        simulation.tally.note(.rebalances)
        forgetSuspendedIfLate()
        guard !isStopping else { return }
        let topics = 0..<simulation.deadLetterTopic
        let ids = topics.flatMap { topic in partitions.map { id(topic: topic, partition: $0) } }
        cancelAll(scheduler.forgetSuspended(queue: 0, except: ids))
        let isUnknown = simulation.dice.chance(simulation.profile.unansweredOffsets)
        if isUnknown { simulation.tally.note(.unknownOffsets) }
        for topic in topics {
            for partition in partitions { begin(topic, partition, isUnknown: isUnknown) }
        }
        for intake in intakes {
            cancelAll(scheduler.forgetSuspended(of: intake.id, below: intake.expected ?? 0))
        }
        suspendedAt = nil
        beginState(partitions)
        try confirmLease(asOf: simulation.now)
        for execution in running where execution.cancellation == nil {
            let record = execution.record
            let isOurs = partitions.contains(record.place.partition)
            let isBelow = (epochs[execution.id]?.committed?.offset ?? 0) > record.place.offset
            if !isOurs || isBelow && !isUnknown {
                throw Violation("\(record) runs on at worker \(number), and is not cancelled")
            }
        }
    }

    private func begin(_ topic: Int, _ partition: Int, isUnknown: Bool) {
        let id = id(topic: topic, partition: partition)
        let log = simulation.logs[topic][partition]
        let committed = simulation.committed[topic][partition]
        let known = isUnknown ? nil : committed
        let metadata = known.flatMap { CommitMetadata(text: $0.metadata, above: $0.offset) }
        cancelAll(scheduler.fence([id]))
        scheduler.assign(
            id,
            queue: 0,
            number: Int32(partition),
            committed: known?.offset,
            restored: metadata?.completed ?? CompletionMap(),
            movedAt: metadata?.movedAt ?? wall
        )
        let delay = topic == 0 ? nil : simulation.ladder.rungs[topic - 1].milliseconds
        let position = committed?.offset ?? log.start
        intakes.append(
            ModelIntake(
                id: id,
                topic: topic,
                partition: partition,
                delay: delay,
                position: position,
                expected: known?.offset
            )
        )
        simulation.begin(self, id, topic, partition, missesMap: isUnknown)
    }

    /// Ends the epochs of all that it has, and gives in to what follows.
    private func endEpochs(_ cause: Cause) {
        for intake in intakes {
            if let epoch = epochs.removeValue(forKey: intake.id) { simulation.end(epoch, cause) }
        }
        intakes = []
    }

    /// As `Dispatcher.lose`.
    private func lose() {
        simulation.tally.note(.lostPartitions)
        simulation.note("worker \(number) has lost its partitions")
        state.end(keeping: false)
        cancelAll(scheduler.fence(intakes.map(\.id)))
        endEpochs(.silence)
        isJoining = false
        member = nil
    }

    // MARK: - Handing back

    /// As `Dispatcher.giveBack`, up to the wait in its drain.
    private func beginHandBack() {
        scheduler.stopIntake(intakes.map(\.id))
        mode = .draining(until: simulation.now + simulation.profile.revocationLimit, then: .rebalance)
    }

    /// As `Dispatcher.shutDown`.
    func beginStop() throws {
        cancelAll(scheduler.forgetSuspended(queue: 0))
        scheduler.stopIntake(intakes.map(\.id))
        mode = .draining(until: simulation.now + simulation.profile.shutdownLimit, then: .stop)
    }

    func drained(_ leaving: Leaving) throws {
        let ids = intakes.map(\.id)
        if case .stop = leaving, !scheduler.isDrained(ids) {
            cancelAll(scheduler.running(in: ids))
            mode = .draining(until: simulation.now + 1000, then: .stopCancelled)
            return
        }
        mode = .awaitingEarlierCommit(until: simulation.now + ModelPacer.lastCommitLimit, then: leaving)
    }

    func handBack(_ leaving: Leaving) throws {
        let ids = intakes.map(\.id)
        if case .rebalance = leaving, !isStopping {
            scheduler.suspend(ids)
            suspendedAt = simulation.now
            state.end(keeping: true)
        } else {
            state.end(keeping: false)
        }
        simulation.note("worker \(number) hands back \(ids)")
        cancelAll(scheduler.fence(ids))
        endEpochs(.handedBack)
        guard case .rebalance = leaving, !isStopping else { return simulation.leave(self) }
        mode = .working
        isJoining = false
        // It joins again at once, unless it stands still just then, for about as long as the group waits for it.
        if simulation.dice.chance(80) { return rejoinIfKnown() }
        guard simulation.profile.freeze > 0, simulation.dice.chance(50) else { return }
        frozenUntil = simulation.now + simulation.dice.time(in: suspensionLimit - 3000...suspensionLimit)
    }

    private func rejoinIfKnown() {
        if simulation.group.index(of: member) != nil { rejoin() }
    }

    func forgetSuspendedIfLate() {
        guard let since = suspendedAt, simulation.now - since > suspensionLimit else { return }
        suspendedAt = nil
        state.forgetFormer()
        cancelAll(scheduler.forgetSuspended(queue: 0))
    }

    /// The order in which a dictionary gives them is none.
    private func cancelAll(_ tickets: [Ticket]) {
        cancel(tickets.sorted { $0.stamp < $1.stamp })
    }
}
