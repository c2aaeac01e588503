// How jobs get into batches, and out of them again.

extension EngineState {
    /// About how long a batch may take, in nanoseconds: by so much a job may begin later, or be accounted for later, than
    /// if it had been given out by itself.
    private static let budget = 50_000
    /// As ``budget``, where so much is ready that nobody would begin any of it sooner.
    private static let backlogBudget = 500_000
    /// How often every runner could take as much before nothing is ready any more: so deep is such a backlog.
    private static let backlogDepth = 4
    /// The most jobs in one.
    private static let longestBatch = 256
    /// How much work, in nanoseconds, is worth a runner's waking up while others are at it.
    private static let worthWaking = 200_000
    /// How long ready jobs wait for such a runner.
    private static let moment = Duration.milliseconds(1)
    /// How long a job may run until those behind it in its batch are given to others.
    private static let patience = Duration.milliseconds(2)

    /// The next jobs to run, of queues whose gates let them: one, or as many small ones as are worth a visit.
    mutating func takeBatch(now: Instant) -> Batch? {
        checkLeases(now: now)
        if scheduler.needsTime { advance(to: now) }
        guard let first = takeNext() else { return nil }
        var cost = first.content.cost
        // A handler that says how many it can use wants each by itself. One that a limit counts begins when it is taken.
        guard cost * 2 <= Self.backlogBudget, scheduler.gates.isEmpty, demand == nil,
            !scheduler.limiter.bounds(first.ticket.place)
        else { return Batch(first) }
        guard cost * 2 <= Self.budget else { return takeLongBatch(first, cost) }
        let most = Self.longestBatch
        var others: [Batch.Entry] = []
        var last = (ticket: first.ticket, isOnce: first.content.isOnce)
        while others.count + 1 < most, cost < Self.budget {
            // Of its own lane first: nobody else may run those before this one has ended.
            guard let next = takeFollower(of: last) ?? takeNext(isUnbounded: true) else { break }
            // A job that is ready by itself needs no array.
            if others.isEmpty { others.reserveCapacity(most - 1) }
            cost += next.content.cost
            last = (next.ticket, next.content.isOnce)
            others.append(Batch.Entry(consume next))
        }
        return Batch(first, others, mostDeaths: mostDeaths)
    }

    /// Jobs that take a while, of which so many are ready that all runners have enough to do for longer than the batch takes:
    /// those of one lane, one after the other, or some behind which none of their lanes waits.
    private mutating func takeLongBatch(_ first: consuming Batch.Item, _ cost: Int) -> Batch {
        let most = min(Self.longestBatch, 1 + scheduler.ready.count / (runners.count * Self.backlogDepth))
        var (last, cost) = ((ticket: first.ticket, isOnce: first.content.isOnce), cost)
        let isAlone = scheduler.isAlone(first.ticket)
        var others: [Batch.Entry] = []
        while others.count + 1 < most, cost < Self.backlogBudget {
            if isAlone, let next = scheduler.ready.first, !scheduler.isAlone(next) { break }
            guard let next = isAlone ? takeNext(isUnbounded: true) : takeFollower(of: last) else { break }
            cost += next.content.cost
            last = (next.ticket, next.content.isOnce)
            others.append(Batch.Entry(consume next))
        }
        return others.isEmpty ? Batch(first) : Batch(first, others, isQuick: false, mostDeaths: mostDeaths)
    }

    /// Whether one more runner is to be woken for what is ready. Small jobs are done sooner by few runners, who don't wait
    /// for each other: where those that are at work will be back in a moment, and then take what there is, they get it, if
    /// they are.
    mutating func isWorthWaking(now: Instant) -> Bool {
        guard let first = scheduler.ready.first, quickRunners > 0 else { return true }
        let cost = scheduler.contents[first.place]?.cost ?? .max
        if cost < Self.budget, scheduler.ready.count * cost < quickRunners * Self.worthWaking {
            let since = heldBackSince ?? now
            heldBackSince = since
            guard now - since >= Self.moment else { return false }
        }
        heldBackSince = nil
        return true
    }

    /// How many of a batch may die before its runner comes back: so few that, if as many do of each, no more die beyond what
    /// opens the circuit than if each runner had one job.
    private var mostDeaths: Int {
        var headroom = Int.max
        for gate in gates { headroom = min(headroom, gate?.circuit?.headroom ?? .max) }
        let most = Self.longestBatch
        guard headroom < most * (busy + 2) else { return most }
        headroom -= undecided
        for runner in runners {
            guard let batch = runner.batch, !batch.isTakenBack else { continue }
            headroom -= min(batch.mostDeaths, batch.count - batch.concluded)
        }
        // Half of it, so that the next runner gets some as well.
        return max(1, headroom - headroom / 2)
    }

    private mutating func takeNext(isUnbounded: Bool = false) -> Batch.Item? {
        guard let next = scheduler.take(isUnbounded: isUnbounded) else { return nil }
        if !scheduler.gates.isEmpty { gates[Int(next.content.runtime.index)]?.started(next.ticket) }
        return Batch.Item(ticket: next.ticket, content: next.content)
    }

    private mutating func takeFollower(of job: (ticket: Engine.Ticket, isOnce: Bool)) -> Batch.Item? {
        // Whether those behind a job that is once are to run depends on what becomes of it, which is known when it is accounted
        // for.
        guard !job.isOnce, let next = scheduler.takeFollower(of: job.ticket) else { return nil }
        return Batch.Item(ticket: next.ticket, content: next.content)
    }

    /// Accounts for what has ended of a runner's batch: what has completed is concluded, the rest is to be decided about
    /// outside the lock.
    ///
    /// - Parameter wall: milliseconds since the epoch.
    mutating func settle(_ index: Int, now: Instant, wall: Int64, _ turn: inout Turn) {
        guard let batch = runners[index].batch else { return }
        let ended = batch.ended
        guard batch.concluded < ended else { return }
        // Of one queue, none of them a probe of its circuit.
        var completed = 0
        var queue: Int32 = -1
        for position in batch.concluded..<ended {
            scheduler.willConclude(batch.following(position, before: ended))
            let (ticket, content) = (batch[position].ticket, batch[position].job)
            if let end = content._withUnsafeGuaranteedRef({ $0.end }) {
                let cause = runners[index].cancellation(runners[index].generation, of: position)
                turn.ended.append(EndedAttempt(item: batch.item(position), end: end.end, cancellation: cause))
                undecided += 1
                continue
            }
            let itsQueue = content._withUnsafeGuaranteedRef { $0.queueIndex }
            if itsQueue != queue {
                noteCompleted(completed, queue: queue, now: now)
                (completed, queue) = (0, itsQueue)
            }
            let place = scheduler.place(of: ticket)
            let conclusion = scheduler.conclude(ticket, hops: false, now: wall)
            if conclusion == .accepted {
                content._withUnsafeGuaranteedRef { outcomes?.mark(.completed, $0, at: place) }
                turn.completed += 1
                if gates[Int(queue)]?.hasProbes == true {
                    statistics[queue].completed += 1
                    noteEnd(of: ticket, .succeeded, queue: queue, now: now)
                } else {
                    completed += 1
                }
            } else {
                noteEnd(of: ticket, .undecided, queue: queue, now: now)
                if conclusion == .fenced { turn.fenced.append(batch.item(position).content) }
            }
        }
        noteCompleted(completed, queue: queue, now: now)
        batch.concluded = ended
    }

    /// Takes back what a runner has been given and has not begun.
    mutating func takeBack(_ index: Int) {
        guard let batch = runners[index].batch, !batch.isTakenBack, batch.count > 1 || batch.begun == 0 else {
            return
        }
        let begun = batch.close()
        batch.isTakenBack = true
        for position in (begun..<batch.count).reversed() {
            let item = batch.item(position)
            scheduler.giveBack(item.ticket)
            // It may have been one of the circuit's probes.
            guard gates[Int(item.content.queueIndex)]?.hasProbes == true else { continue }
            noteEnd(of: item.ticket, .undecided, queue: item.content.queueIndex, now: .now)
        }
    }

    /// Takes back what no runner has begun, and accounts for what has ended: before partitions are taken away.
    mutating func settleAll(now: Instant, wall: Int64, _ turn: inout Turn) {
        for index in runners.indices where runners[index].batch != nil {
            takeBack(index)
            settle(index, now: now, wall: wall, &turn)
        }
    }

    /// Looks after every runner: attempts that overran are cancelled, and given up when the grace is over; what waits
    /// behind a slow job is given to others.
    mutating func scan(now: Instant, wall: Int64, _ due: inout Due) {
        for index in runners.indices {
            // There may be many, and nothing waits behind what a handler has.
            if runners[index].isLent, !mindsTimeouts, runners[index].cancellation == nil { continue }
            guard let batch = runners[index].batch else { continue }
            if let cancellation = runners[index].cancellation {
                guard let givenUpAt = runners[index].givenUpAt, givenUpAt <= now, let hand = batch.inHand,
                    !hand.item.content.isCommitting
                else {
                    continue
                }
                giveUp(index, hand, cancellation.cause, now: now, wall: wall, &due)
                continue
            }
            guard let hand = batch.inHand else { continue }
            let age = hand.age(at: now)
            if age > Self.patience { noteSlow(index) }
            if let limit = hand.item.content.runtime.attemptTimeout, age >= limit,
                let limit = overrun(hand, limit, now: now)
            {
                settle(index, now: now, wall: wall, &due.turn)
                guard let task = cancel(index, hand, .timeout(limit), now: now) else { continue }
                due.cancellations.append((task, hand.item.content))
            } else if batch.count > 1, age > Self.patience {
                takeBack(index)
                settle(index, now: now, wall: wall, &due.turn)
            } else if batch.hasWaiting {
                due.hasWaiting = true
            }
        }
    }

    /// How long an attempt was allowed to run; nil where it has been granted longer.
    private func overrun(_ hand: Batch.Hand, _ limit: Duration, now: Instant) -> Duration? {
        guard let deadline = hand.item.content.extendedDeadline else { return limit }
        return deadline <= now ? max(limit, hand.age(at: now) - (now - deadline)) : nil
    }

    /// A runner that was to be back at once is not.
    private mutating func noteSlow(_ index: Int) {
        guard runners[index].isQuick else { return }
        runners[index].isQuick = false
        quickRunners -= 1
    }

    private mutating func giveUp(
        _ index: Int,
        _ hand: Batch.Hand,
        _ cause: Runner.Cancellation,
        now: Instant,
        wall: Int64,
        _ due: inout Due
    ) {
        // Those before it in its batch have ended, and nobody else will account for them.
        settle(index, now: now, wall: wall, &due.turn)
        guard runners[index].batch?.concluded == hand.index else { return }
        // From here on the stuck task has no word in this slot.
        let stuck = RunnerGeneration(index: index, generation: runners[index].generation)
        let content = hand.item.content
        abandoned[stuck] = AbandonedAttempt(content: content, startedAt: now - hand.age(at: now))
        noteSlow(index)
        if let continuation = runners[index].continuation { due.sleepers.append(.wake(continuation, nil)) }
        _ = runners[index].begin()
        busy -= 1
        statistics[content.queueIndex].stuck += 1
        let end = AttemptEnd.failed(CancellationError())
        due.stuck.append((index, EndedAttempt(item: hand.item, end: end, cancellation: cause)))
        undecided += 1
    }

    /// Cancels the attempt that a runner has in hand, unless it has ended meanwhile; returns whom to tell.
    mutating func cancel(
        _ index: Int,
        _ hand: Batch.Hand,
        _ cause: Runner.Cancellation,
        now: Instant
    ) -> RunningAttempt? {
        // No other job begins in the task from here on: the cancellation would hit that one.
        takeBack(index)
        guard let batch = runners[index].batch, batch.close() == hand.index + 1, batch.inHand != nil else { return nil }
        runners[index].cancel(cause, at: hand.index, until: now + grace)
        return runners[index].isLent ? .lent(batch) : runners[index].task.map { .task($0) }
    }

    /// These attempts, to be cancelled outside the lock.
    mutating func cancel(_ tickets: [Engine.Ticket], now: Instant) -> [RunningAttempt] {
        guard !tickets.isEmpty else { return [] }
        let tickets = Set(tickets)
        return runners.indices.compactMap { index in
            guard runners[index].cancellation == nil, let hand = runners[index].batch?.inHand,
                tickets.contains(hand.item.ticket)
            else { return nil }
            return cancel(index, hand, .shutdown, now: now)
        }
    }
}
