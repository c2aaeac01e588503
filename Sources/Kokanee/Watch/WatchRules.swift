/// Tells from what a worker looks like, and for how long it has, what is wrong with it.
///
/// Silence is measured in time that the watch itself was awake: a process that was stopped for minutes, or a machine
/// that slept, has not hung.
struct WatchRules {
    /// What a look brought.
    struct Findings {
        var alerts: [AlertBook.Subject: Alert] = [:]
        /// Something hangs for good: the process should end.
        var wedge: Alert?
    }

    /// A thing that should change, and since when it has not.
    private struct Stillness<Value: Equatable> {
        var value: Value
        var since: Duration
    }

    private struct Position: Equatable {
        var epoch: UInt64
        var watermark: Int64?
    }

    let limits: WatchLimits
    /// How long the watch has been awake.
    private(set) var time = Duration.zero
    /// Partitions whose watermark stands still for so long that the next observation is to tell the job.
    private(set) var suspects: Set<Int> = []
    private var dispatchers: [Int32: Stillness<Int>] = [:]
    private var producer: Stillness<Int>?
    private var assignments: [Int32: Stillness<Bool>] = [:]
    private var positions: [Int: Stillness<Position>] = [:]
    /// What the engine's state gave at the last look at it.
    private var lastOfEngine: [AlertBook.Subject: Alert] = [:]
    /// When a queue was last seen paused: that time does not count for its jobs.
    private var pausedAt: [Int32: Duration] = [:]
    /// When each alert began, on the wall clock.
    private var beginnings: [AlertBook.Subject: Int64] = [:]

    init(limits: WatchLimits) {
        self.limits = limits
    }

    /// - Parameter elapsed: since the last look, by a clock that goes on while the machine sleeps.
    mutating func look(_ seen: WatchObservation, elapsed: Duration) -> Findings {
        time += min(max(.zero, elapsed), limits.interval * 2)
        var findings = Findings()
        for queue in seen.engine?.paused ?? [] { pausedAt[queue] = time }
        lookAtThreads(seen, &findings)
        lookAtAssignments(seen, &findings)
        lookAtDelivery(seen, &findings)
        lookAtOverdue(seen, &findings)
        if let engine = seen.engine {
            var ofEngine = Findings()
            lookAtWatermarks(seen, engine, &ofEngine)
            lookAtAbandoned(seen, engine, &ofEngine)
            lookAtCircuits(seen, engine, &ofEngine)
            lastOfEngine = ofEngine.alerts
        }
        // What can't be seen now is not over.
        findings.alerts.merge(lastOfEngine) { first, _ in first }
        beginnings = beginnings.filter { findings.alerts[$0.key] != nil }
        return findings
    }

    private mutating func raise(
        _ subject: AlertBook.Subject,
        _ seen: WatchObservation,
        level: Health.Level = .degraded,
        place: String? = nil,
        for age: Duration,
        _ words: (text: String, advice: String),
        _ findings: inout Findings
    ) {
        let since = beginnings[subject] ?? seen.wall - age.milliseconds
        beginnings[subject] = since
        findings.alerts[subject] = Alert(
            kind: subject.kind,
            level: level,
            queue: seen.queues.first { $0.index == subject.queue }?.name,
            place: place,
            since: since,
            text: words.text,
            advice: words.advice
        )
    }

    // MARK: - Threads

    private mutating func lookAtThreads(_ seen: WatchObservation, _ findings: inout Findings) {
        for queue in seen.queues {
            guard !queue.hasEnded else {
                dispatchers[queue.index] = nil
                continue
            }
            let silence = Self.stillness(of: queue.turns, &dispatchers[queue.index], time)
            guard silence >= limits.silence else { continue }
            let subject = AlertBook.Subject(kind: .notPolling, queue: queue.index)
            let words = WatchWords.notPolling(queue.name, silence, isLocked: seen.engine == nil, limits.wedge)
            raise(subject, seen, level: level(silence), for: silence, words, &findings)
            if silence >= limits.wedge { findings.wedge = findings.wedge ?? findings.alerts[subject] }
        }
        guard let turns = seen.producer?.turns else {
            producer = nil
            return
        }
        let silence = Self.stillness(of: turns, &producer, time)
        guard silence >= limits.silence else { return }
        let subject = AlertBook.Subject(kind: .producerNotPolling)
        let words = WatchWords.producerNotPolling(silence, limits.wedge)
        raise(subject, seen, level: level(silence), for: silence, words, &findings)
        if silence >= limits.wedge { findings.wedge = findings.wedge ?? findings.alerts[subject] }
    }

    private func level(_ silence: Duration) -> Health.Level {
        silence >= limits.wedge ? .failing : .degraded
    }

    /// For how long a value has been the same.
    private static func stillness<Value>(
        of value: Value,
        _ stillness: inout Stillness<Value>?,
        _ time: Duration
    ) -> Duration {
        if stillness?.value != value { stillness = Stillness(value: value, since: time) }
        return time - (stillness?.since ?? time)
    }

    // MARK: - Assignments

    /// A rebalance lasts for as long as its slowest member takes, and a thread that waits for it goes round as ever. Of one that
    /// hangs nothing is known but that.
    private mutating func lookAtAssignments(_ seen: WatchObservation, _ findings: inout Findings) {
        for queue in seen.queues {
            let wait = Self.stillness(of: queue.hasAssignment, &assignments[queue.index], time)
            guard !queue.hasAssignment, !queue.hasEnded, wait >= limits.assignment ?? WatchLimits.leastAssignment,
                time - (dispatchers[queue.index]?.since ?? time) < limits.silence
            else { continue }
            let subject = AlertBook.Subject(kind: .notAssigned, queue: queue.index)
            raise(subject, seen, for: wait, WatchWords.notAssigned(queue.name, group: queue.group, wait), &findings)
        }
    }

    // MARK: - Delivery

    /// A cluster that takes nothing is waited for, however long: another worker would fare no better, and what is not
    /// acknowledged stays unfinished. Only the producer's own thread, above, is something that a new process mends.
    private mutating func lookAtDelivery(_ seen: WatchObservation, _ findings: inout Findings) {
        let waiting = seen.producer?.oldest ?? .zero
        let failing = seen.engine?.oldestHopTrouble
        let age = max(waiting, failing?.age ?? .zero)
        guard age >= limits.delivery else { return }
        let words = WatchWords.notDelivering(
            waiting: seen.producer?.unacknowledged ?? 0,
            oldest: waiting,
            failing: seen.engine?.hopTroubles ?? 0,
            failing
        )
        raise(AlertBook.Subject(kind: .notDelivering), seen, for: age, words, &findings)
    }

    /// For how long a queue has not been paused, as far as is known.
    private func sincePause(of queue: Int32) -> Duration {
        pausedAt[queue].map { time - $0 } ?? .seconds(Int64.max / 1_000_000_000)
    }

    // MARK: - Rungs

    private mutating func lookAtOverdue(_ seen: WatchObservation, _ findings: inout Findings) {
        for queue in seen.queues {
            let isHeldBack = seen.engine?.holdsBack(queue.index) ?? false
            for head in queue.overdue {
                let late = min(.milliseconds(seen.wall - head.dueAt), sincePause(of: queue.index))
                guard late >= limits.overdue, !isHeldBack else { continue }
                let name = queue.names[head.partition]?.text ?? queue.name
                let shortage = seen.engine?.partitions.first { $0.id == head.partition }?.shortage
                raise(
                    AlertBook.Subject(kind: .overdue, queue: queue.index, partition: head.partition),
                    seen,
                    place: "\(name)/\(head.offset)",
                    for: late,
                    WatchWords.overdue(name, offset: head.offset, late, shortage),
                    &findings
                )
            }
        }
    }

    // MARK: - Watermarks

    private mutating func lookAtWatermarks(
        _ seen: WatchObservation,
        _ engine: WatchObservation.Engine,
        _ findings: inout Findings
    ) {
        suspects = []
        var present: [Int: Stillness<Position>] = [:]
        for partition in engine.partitions {
            let position = Position(epoch: partition.epoch, watermark: partition.watermark)
            let stillness = Self.stillness(of: position, &positions[partition.id], time)
            // Time in which there was nothing to do does not count, nor does time in which nothing was to be done.
            let isPaused = engine.paused.contains(partition.queue)
            let still = isPaused ? stillness : min(stillness, sincePause(of: partition.queue))
            let queue = seen.queues.first { $0.index == partition.queue }
            let name = queue?.names[partition.id]
            // What a rung has is not due; what is due and not taken in is looked at by itself.
            let isIdle = partition.unfinished == 0 && (partition.isAtEnd || name?.isRung == true)
            present[partition.id] = isIdle ? nil : positions[partition.id]
            guard !isIdle, still >= min(limits.look, limits.stall) else { continue }
            if partition.unfinished > 0 { suspects.insert(partition.id) }
            guard still >= limits.stall, let queue else { continue }
            let isHeldBack = engine.holdsBack(partition.queue)
            if partition.unfinished > 0 {
                guard let holder = partition.holder, holder.isAlarming(isHeldBack: isHeldBack) else { continue }
                raise(
                    AlertBook.Subject(kind: .stalled, queue: partition.queue, partition: partition.id),
                    seen,
                    place: holder.job.place,
                    for: still,
                    WatchWords.stalled(name?.text ?? queue.name, still, holder),
                    &findings
                )
            } else if name?.isRung == false, partition.shortage != .intakeStopped, !isHeldBack {
                raise(
                    AlertBook.Subject(kind: .notRead, queue: partition.queue, partition: partition.id),
                    seen,
                    place: name?.text,
                    for: still,
                    WatchWords.notRead(name?.text ?? queue.name, still, partition.shortage),
                    &findings
                )
            }
        }
        positions = present
    }

    private mutating func lookAtAbandoned(
        _ seen: WatchObservation,
        _ engine: WatchObservation.Engine,
        _ findings: inout Findings
    ) {
        for (queue, attempts) in Dictionary(grouping: engine.abandoned, by: \.queue) {
            guard let oldest = attempts.max(by: { $0.age < $1.age }) else { continue }
            raise(
                AlertBook.Subject(kind: .ignoredCancellation, queue: queue),
                seen,
                place: oldest.job.place,
                for: oldest.age,
                WatchWords.ignoredCancellation(attempts.count, oldest),
                &findings
            )
        }
    }

    private mutating func lookAtCircuits(
        _ seen: WatchObservation,
        _ engine: WatchObservation.Engine,
        _ findings: inout Findings
    ) {
        for (queue, circuit) in engine.circuits where circuit != .closed {
            let subject = AlertBook.Subject(kind: .circuit, queue: queue)
            raise(subject, seen, for: .zero, WatchWords.circuit(circuit), &findings)
        }
    }
}

extension WatchObservation.Holder {
    /// Whether it is wrong that the job holds its partition. What is held back on purpose is not, nor is what has time left.
    fileprivate func isAlarming(isHeldBack: Bool) -> Bool {
        switch activity {
        case .running: !isInTime
        case .hopping: true
        case .ready, .held: !isHeldBack
        // That is what the limit is for, and `kokanee status` tells how many wait.
        case .limited: false
        case .waiting(_, let running): running == nil ? !isHeldBack : !isInTime
        }
    }
}
