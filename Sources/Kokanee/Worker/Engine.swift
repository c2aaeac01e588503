internal import RdKafka
internal import Synchronization

/// Runs what the ``Scheduler`` decides: the attempts in long-lived runners, the hops through the producer.
///
/// Dispatchers bring records, runners take jobs and report their ends, the producer reports hops; all meet under one
/// lock, in which nothing but the scheduler's and the runners' state changes. Effects happen outside it.
final class Engine: Sendable {
    typealias Ticket = Scheduler<JobContent>.Ticket
    typealias PartitionID = Scheduler<JobContent>.PartitionID

    /// How many records are taken in under the lock at once, if a partition has no more of them: a few dozen microseconds'
    /// worth.
    private static let longestAdmission = 128

    let configuration: WorkerConfiguration
    let logger: Logger
    let clock = WorkerClock()
    let startedAt = ContinuousClock.now
    let producer: Producer
    /// Taken by this file, and by those beside it.
    let state: BargingLock<EngineState>
    let startLimit = StartLimit()
    let refusalNotices = RefusalNotices()
    /// Nil where there are no hooks.
    let hooks: HookDesk?

    init(configuration: WorkerConfiguration, producer: Producer, hooks: HookDesk? = nil, logger: Logger) {
        self.configuration = configuration
        self.producer = producer
        self.hooks = hooks
        self.logger = logger
        state = BargingLock(EngineState(configuration, startLimit: startLimit, hooks: hooks))
        hooks?.whenThereIsRoom { [weak self] in self?.withScheduler { _ in } }
    }

    var statistics: WorkerStatistics {
        state.withLock { state in
            var statistics = state.statistics.total
            statistics.fenced = state.scheduler.fencedJobs
            return statistics
        }
    }

    /// Jobs that are admitted and not finished.
    var inFlight: Int { state.withLock { $0.scheduler.inFlight } }

    /// Reads or changes the scheduler on a dispatcher's behalf, and starts what may run after that.
    func withScheduler<R: Sendable>(_ body: (inout Scheduler<JobContent>) -> R) -> R {
        let (result, handovers) = state.withLock { state in
            if state.scheduler.needsTime { state.advance(to: clock.monotonic()) }
            let result = body(&state.scheduler)
            return (result, state.handOver(now: clock.monotonic()))
        }
        perform(handovers)
        return result
    }

    /// As ``withScheduler(_:)``, where jobs are taken away: what has not begun has been taken back from the runners
    /// before, and what has ended is accounted for.
    func withSettledScheduler<R: Sendable>(_ body: (inout Scheduler<JobContent>) -> R) -> R {
        let (now, wall) = clock.both()
        let (result, turn) = state.withLock { state in
            var turn = EngineState.Turn()
            state.settleAll(now: now, wall: wall, &turn)
            if state.scheduler.needsTime { state.advance(to: now) }
            let result = body(&state.scheduler)
            state.finish(&turn, now: now)
            return (result, turn)
        }
        finish(turn)
        conclude(turn.ended)
        return result
    }

    /// The dispatcher has stopped reading for want of room: wake it when there is enough to be worth a turn.
    ///
    /// - Parameter mark: when that is, reckoned when there was none; nil reckons it now.
    /// - Returns: false where there is enough already, and nobody wakes it. Where its queue's gate stops the intake, that
    ///   says when it goes on.
    @discardableResult
    func wakeWhenThereIsRoom(_ runtime: QueueRuntime, at mark: Scheduler<JobContent>.RoomMark? = nil) -> Bool {
        state.withLock { $0.waitForRoom(runtime, at: mark) }
    }

    func noteLapse(of runtime: QueueRuntime) {
        state.withLock { $0.statistics[runtime.index].lapses += 1 }
    }

    func noteLost(_ count: Int64, of runtime: QueueRuntime) {
        state.withLock { $0.statistics[runtime.index].lostToRetention += count }
    }

    // MARK: - Gates

    /// Works a queue from now on. Its thread is to call ``renewLease(of:)`` well within `leaseLength`.
    ///
    /// - Parameter partitions: of the queue's main topic.
    func add(_ runtime: QueueRuntime, partitions: Int, leaseLength: Duration) {
        let now = clock.monotonic()
        let name = runtime.queue.name
        state.withLock { state in
            state.add(runtime, policy: configuration.circuit, leaseLength: leaseLength, now: now)
            if let weight = configuration.weights[name] { state.scheduler.ready.setWeight(weight, of: runtime.index) }
            state.scheduler.setPartitions(partitions, of: runtime.index)
            guard let limits = configuration.limits[name], !state.hasLimits.contains(runtime.index) else { return }
            state.setLimits(limits, queue: runtime.index, now: now)
        }
    }

    /// False once the queue's lease has lapsed: nothing of it starts or is written until ``confirmLease(of:asOf:)``.
    func renewLease(of queue: Int32) -> Bool {
        let now = clock.monotonic()
        return state.withLock { $0.renewLease(of: queue, now: now) }
    }

    /// The group knew this worker as a member at `instant`; returns whether the lease holds again by that.
    func confirmLease(of queue: Int32, asOf instant: ContinuousClock.Instant) -> Bool {
        let now = clock.monotonic()
        let (holds, handovers) = state.withLock { state in
            let holds = state.confirmLease(of: queue, asOf: instant, now: now)
            return (holds, state.handOver(now: now))
        }
        perform(handovers)
        return holds
    }

    /// Starts nothing of a queue, or starts again what waits; what runs goes on.
    func setPaused(_ queue: Int32, _ isPaused: Bool) {
        let now = clock.monotonic()
        let handovers = state.withLock { state in
            state.setHold(isPaused ? .pause(at: 0) : nil, queue: queue)
            return state.handOver(now: now)
        }
        perform(handovers)
    }

    // MARK: - Limits

    /// Puts a queue's limits in the place of what they were; what is in flight and has not begun goes by them at once.
    func setLimits(_ table: LimitTable, queue: Int32) {
        let now = clock.monotonic()
        let handovers = state.withLock { state in
            state.hasLimits.insert(queue)
            state.setLimits(table, queue: queue, now: now)
            return state.handOver(now: now)
        }
        perform(handovers)
    }

    // MARK: - Intake

    /// Takes in records; returns where logs went back, by part and decision: what follows in such a part is not taken in.
    ///
    /// The lock is free for others after each few parts, unless jobs of several classes are among them: none of a lower one
    /// is to begin while a higher one is on its way.
    func admit(_ round: inout Intake.Round) -> [(part: Int, decision: Int)] {
        var moves: [(Ticket, Intake.Decision)] = []
        var regressions: [(part: Int, decision: Int)] = []
        var handovers: [Handover] = []
        var next = 0
        let now = clock.monotonic()
        while next < round.parts.count {
            state.withLock { state in
                let most = state.scheduler.ready.hasClasses ? Int.max : Self.longestAdmission
                var count = 0
                repeat {
                    admit(next, of: &round, to: &state, &moves, &regressions)
                    count += round.parts[next].decisions.count
                    next += 1
                } while next < round.parts.count && count + round.parts[next].decisions.count <= most
                if next == round.parts.count { handovers = state.handOver(now: now) }
            }
        }
        perform(handovers)
        if !moves.isEmpty { start(moves) }
        return regressions
    }

    private func admit(
        _ index: Int,
        of round: inout Intake.Round,
        to state: inout EngineState,
        _ moves: inout [(Ticket, Intake.Decision)],
        _ regressions: inout [(part: Int, decision: Int)]
    ) {
        let part = round.parts[index]
        guard let slot = state.scheduler.partitions.slot(of: part.id) else { return }
        for (others, position) in part.decisions.prefix(CacheHint.distance).enumerated() {
            state.scheduler.willAdmit(slot: slot, key: round.key(position), after: others)
        }
        for position in part.decisions {
            let later = position + CacheHint.distance
            if later < part.decisions.upperBound {
                state.scheduler.willAdmit(slot: slot, key: round.key(later), after: CacheHint.distance)
            }
            guard let offset = round.offset(position) else { continue }
            guard !state.scheduler.regresses(slot: slot, to: offset) else {
                regressions.append((index, position))
                break
            }
            let facts = round.facts(position)
            guard let content = round.takeContent(position) else { continue }
            let job = Unmanaged.passUnretained(content)
            guard
                case .accepted(let ticket) = state.scheduler.admit(
                    slot: slot,
                    offset: offset,
                    facts,
                    consume content
                )
            else { continue }
            // The scheduler has it, and the lock keeps it there.
            job._withUnsafeGuaranteedRef { $0.ticket = ticket }
            guard let move = round.move(position) else { continue }
            moves.append((ticket, .init(facts: facts, content: job.takeUnretainedValue(), move: move)))
        }
    }

    private func start(_ moves: [(Ticket, Intake.Decision)]) {
        let (now, wall) = clock.both()
        hop(
            moves.compactMap { ticket, decision in
                let content = decision.content
                switch decision.move {
                case nil: return nil
                case .wait(let dueAt):
                    let (attempt, wait) = (content.attempt, dueAt - wall)
                    let record = HopRecord.retry(content, attempt: attempt, after: wait, failure: nil, now: wall)
                    return PendingHop(ticket, record, news: .delayed, now: now)
                case .refuse(let since):
                    logRefusal(content, since)
                    return PendingHop(ticket, .refused(content, since: since), news: .refused, now: now)
                case .bury(let reason, let failure):
                    let told = hooks.map { _ in HookEvent(content, .dead(reason, failure)) }
                    return burial(of: content, reason, failure, ticket, told: told, wall)
                }
            }
        )
    }

    // MARK: - Time

    /// Does what is due: held jobs, hops to be tried again, attempts that overran.
    ///
    /// - Returns: how long until something is due again, or has to be looked at: at most 100 ms.
    func tick() -> Duration {
        let (now, wall) = clock.both()
        let due = state.withLock { $0.tick(now: now, wall: wall) }
        hooks?.tick(now: now)
        finish(due.turn)
        conclude(due.turn.ended)
        hop(due.hops)
        if !due.leaving.isEmpty { hop(due.leaving.map { leave($0, now: now, wall: wall) }) }
        for (attempt, content) in due.cancellations {
            logger.log(.warning, "attempt overran its timeout and is cancelled", content.fields)
            attempt.cancel()
        }
        perform(due.sleepers)
        for stuck in due.stuck {
            logger.log(
                .error,
                "attempt ignores its cancellation: it is given up, its slot replaced, its result ignored",
                stuck.attempt.item.content.fields
            )
            conclude([decideStuck(stuck.attempt)])
            startRunner(stuck.runner)
        }
        let untilHeld = due.nextHeld.map { Duration.milliseconds($0 - wall) }
        let untilScan = Duration.milliseconds(due.isHoldingBack ? 1 : due.hasWaiting ? 5 : 100)
        let untilLimit = due.nextLimit.map { Duration.nanoseconds($0 - MonotonicTime.nanoseconds(of: now)) }
        return max(.zero, min(untilScan, untilHeld ?? untilScan, untilLimit ?? untilScan))
    }

    /// The hop of a job that its limits keep from starting, and that others need not wait for.
    private func leave(_ job: LeavingJob, now: ContinuousClock.Instant, wall: Int64) -> PendingHop {
        let shortest = job.content.runtime.queue.ladder.rungs.first?.milliseconds ?? 1000
        let wait = min(max(shortest, job.wait / 1_000_000), 86_400_000)
        let attempt = job.content.attempt
        let record = HopRecord.retry(job.content, attempt: attempt, after: wait, failure: nil, now: wall)
        return PendingHop(job.ticket, record, news: .limited, now: now)
    }

    /// Asks these attempts to end; what they return then counts for nothing.
    func cancel(_ tickets: [Ticket]) {
        let now = clock.monotonic()
        for attempt in state.withLock({ $0.cancel(tickets, now: now) }) { attempt.cancel() }
    }

    /// Tells the handlers of what runs, those that want to be told, that it had better come to an end.
    func tellStopping(_ ids: [PartitionID]) {
        let running = withScheduler { scheduler in
            scheduler.running(in: ids).compactMap { scheduler.content(of: $0) }
        }
        for content in running { content.tellStopping() }
    }

    /// Ends the idle runners, and the others with their attempts. No hop is tried again from now on.
    func close() {
        let idle = state.withLock { $0.close() }
        for continuation in idle { continuation.resume(returning: nil) }
    }
}
