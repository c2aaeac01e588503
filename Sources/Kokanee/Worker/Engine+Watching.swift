internal import Glibc
internal import Synchronization

extension Engine {
    /// What the engine does, for the watch; nil where its lock is not to be had for 100 ms.
    ///
    /// - Parameter ids: the partitions of which the job that holds the watermark is to be told.
    func observation(describing ids: Set<PartitionID>) -> WatchObservation.Engine? {
        for _ in 0..<50 {
            if let seen = state.withLockIfAvailable({ $0.observation(describing: ids, now: clock.monotonic()) }) {
                return seen
            }
            usleep(2000)
        }
        return nil
    }

    /// What of the engine the metrics show; waits for the lock.
    var counts: (statistics: StatisticsTable, fenced: Int, inFlight: Int, abandoned: Int) {
        state.withLock { state in
            (state.statistics, state.scheduler.fencedJobs, state.scheduler.inFlight, state.abandoned.count)
        }
    }
}

extension EngineState {
    func observation(describing ids: Set<Engine.PartitionID>, now: ContinuousClock.Instant) -> WatchObservation.Engine {
        var seen = WatchObservation.Engine()
        seen.partitions = scheduler.assignedPartitions
        let tickets = scheduler.jobsAtWatermarks(of: ids)
        for index in seen.partitions.indices {
            guard let ticket = tickets[seen.partitions[index].id], let job = scheduler[ticket],
                let content = scheduler.content(of: ticket)
            else { continue }
            // The job itself, or the one that has its lane.
            let hand = hand(of: scheduler.holderOfLane(of: ticket) ?? ticket)
            seen.partitions[index].holder = WatchObservation.Holder(
                job: content.watched,
                activity: activity(of: job, ticket, now: now),
                isInTime: hand.map { isInTime($0, now: now) } ?? false
            )
        }
        seen.abandoned = abandoned.values.map {
            .init(queue: $0.content.runtime.index, job: $0.content.watched, age: now - $0.startedAt)
        }
        seen.oldestHopTrouble = hopTroubles.values.min { $0.since < $1.since }.map { $0.watched(now: now) }
        seen.hopTroubles = hopTroubles.count
        for (index, gate) in gates.enumerated() {
            if let circuit = gate?.circuit { seen.circuits[Int32(index)] = QueueStatus.Circuit(circuit.phase) }
            guard let gate, let hold = gate.hold, hold != .unknown else { continue }
            seen.paused.insert(Int32(index))
            let waits = gate.drainsUpTo.map { scheduler.unfinished(of: Int32(index), upTo: $0) }
            seen.holds[Int32(index)] = WatchObservation.Holding(
                hold: hold,
                running: runners.count { $0.batch?.inHand?.item.content.queueIndex == Int32(index) },
                left: waits?.reduce(0) { $0 + $1.jobs },
                waits: waits ?? []
            )
        }
        seen.statistics = statistics
        seen.fenced = scheduler.fencedJobs
        seen.inFlight = scheduler.inFlight
        return seen
    }

    private func activity(
        of job: Scheduler<JobContent>.Job,
        _ ticket: Engine.Ticket,
        now: ContinuousClock.Instant
    ) -> WatchObservation.Activity {
        switch job.phase {
        case .running: return .running(for: age(of: ticket, now: now) ?? .zero)
        case .ready: return .ready
        case .setAside: return .limited
        case .hopping: return .hopping(hopTroubles[ticket]?.watched(now: now))
        case .held: return .held(until: scheduler.content(of: ticket)?.envelope?.dueAt ?? 0)
        case .waiting:
            let holder = scheduler.holderOfLane(of: ticket)
            // What holds that back holds back this one, too.
            if let holder, scheduler[holder]?.phase == .setAside { return .limited }
            return .waiting(
                behind: holder.flatMap { scheduler.content(of: $0)?.watched },
                running: holder.flatMap { age(of: $0, now: now) }
            )
        }
    }

    /// How long an attempt has run; nil if it does not.
    private func age(of ticket: Engine.Ticket, now: ContinuousClock.Instant) -> Duration? {
        hand(of: ticket)?.age(at: now)
    }

    private func hand(of ticket: Engine.Ticket) -> Batch.Hand? {
        for runner in runners {
            if let hand = runner.batch?.inHand, hand.item.ticket == ticket { return hand }
        }
        return nil
    }

    /// A word of a job's is this old at most, and says that it goes on.
    private static let lately = Duration.seconds(60)

    /// Whether an attempt has time left, by its timeout or by its own word. Where there is no timeout, what counts is
    /// whether it has said anything lately.
    private func isInTime(_ hand: Batch.Hand, now: ContinuousClock.Instant) -> Bool {
        let content = hand.item.content
        let (deadline, spokeAt) = content.writtenNotes?.contents.withLock { ($0.deadline, $0.spokeAt) } ?? (nil, nil)
        if let deadline, deadline > now { return true }
        if let limit = content.runtime.usualTime { return hand.age(at: now) < limit }
        return spokeAt.map { now - $0 < Self.lately } ?? false
    }
}

extension HopTrouble {
    fileprivate func watched(now: ContinuousClock.Instant) -> WatchObservation.HopTroubleView {
        .init(age: now - since, tries: tries, error: "\(error)")
    }
}

extension JobContent {
    fileprivate var watched: WatchObservation.Job {
        .init(id: id, type: type ?? "unreadable", attempt: attempt, place: place.description)
    }
}

extension QueueStatus.Circuit {
    init(_ phase: Circuit.Phase) {
        self =
            switch phase {
            case .closed: .closed
            case .open: .open
            case .probing: .probing
            }
    }
}
