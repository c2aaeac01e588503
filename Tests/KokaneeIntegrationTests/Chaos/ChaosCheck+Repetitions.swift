import Kokanee

// MARK: - Bounded duplicates

extension ChaosCheck {
    /// What made a job run again.
    enum Cause: Hashable, Sendable {
        /// This fault came before the first run was committed.
        case fault(ChaosPlan.Kind)
        /// A worker that could not know that it had lost ran it beside the new owner.
        case zombie
        /// Nothing that the history has.
        case none(String)
    }

    /// One record that ran more than once: each further time with its cause.
    static func causes(_ history: History) -> [(again: ChaosExecution, cause: Cause)] {
        var earlier: [History.Place: ChaosExecution] = [:]
        var causes: [(ChaosExecution, Cause)] = []
        let shortened = history.shortened
        for execution in history.executions {
            if let before = earlier[execution.place] {
                let isShortened = shortened.contains(execution.place.topicPartition)
                let isFromStart =
                    isShortened
                    && history.restarts.contains { before.start <= $0.until && $0.from <= execution.start }
                let cause =
                    isFromStart ? .fault(.restartBroker) : cause(of: execution, after: before, history)
                causes.append((execution, cause))
            }
            // The one that ended last; where that went on at the fault, the earlier one need not have been committed.
            let lastEnd = earlier[execution.place].map { $0.end ?? .max } ?? .min
            if (execution.end ?? .max) >= lastEnd { earlier[execution.place] = execution }
        }
        return causes
    }

    private static func cause(
        of again: ChaosExecution,
        after before: ChaosExecution,
        _ history: History
    ) -> Cause {
        if history.isIgnorant(again.worker, at: again.start) { return .zombie }
        guard let assigned = history.workers[again.worker]?.assignment(before: again.start + logPrecision) else {
            return .none("its worker had no partitions")
        }
        if before.start > assigned + logPrecision {
            if history.isIgnorant(before.worker, at: before.start) { return .zombie }
            // The separate broker forgets its groups' members when it is ended: who joins again first gets all partitions, and
            // the others hold theirs until their next heartbeat. A Kafka keeps its groups, and waits for the others.
            let isForgotten = history.faults.contains {
                $0.kind == .restartBroker && $0.from <= again.start && again.start <= $0.until + history.settling
            }
            guard !isForgotten || before.worker == again.worker else { return .fault(.restartBroker) }
            return .none("both ran in assignments that hold at the same time")
        }
        // What ended long enough before the fault was committed; and a fault explains no assignment long after it,
        // unless there was no calm between.
        let end = before.end ?? assigned
        let trouble = history.troubles.last { $0.from <= end }
        let fault = history.faults.last { $0.from <= assigned && end >= $0.from - commitLag }
        guard let fault, let trouble, assigned <= trouble.until else {
            return .none("it had ended \((assigned - end) / 1_000_000) ms before the partitions moved")
        }
        return .fault(fault.kind)
    }

    static func repetitions(_ history: History) -> [String] {
        causes(history).compactMap { again, cause in
            guard case .none(let why) = cause else { return nil }
            return "\(again.name) ran again without a cause: \(why)"
        }
    }

    /// As often as an attempt failed, its job may hop.
    static func hops(_ history: History) -> [String] {
        struct Attempt: Hashable {
            let id: String
            let number: Int
        }
        var failures: [Attempt: Int] = [:]
        for execution in history.executions where execution.outcome == .failed || execution.outcome == .rejected {
            failures[Attempt(id: execution.id, number: execution.attempt), default: 0] += 1
        }
        var copies: [Attempt: Int] = [:]
        for copy in history.rungs where copy.attempt > 1 {
            copies[Attempt(id: copy.id, number: copy.attempt - 1), default: 0] += 1
        }
        for letter in history.letters { copies[Attempt(id: letter.id, number: letter.attempt), default: 0] += 1 }
        return copies.compactMap { attempt, count in
            let allowed = failures[attempt] ?? 0
            // A record whose acknowledgement was lost is produced again, and only Kafka knows it by its number.
            if allowed > 0, !history.profile.deduplicatesProduces, !history.brokerFaults.isEmpty { return nil }
            guard count > allowed else { return nil }
            return "job \(attempt.id) hopped \(count) times after attempt \(attempt.number), "
                + "which failed \(allowed) times"
        }
    }

    // MARK: - Time

    /// What ran before its record was there ran another one, which had that place until a restarted broker lost it.
    static func early(_ history: History) -> [String] {
        let copies = Dictionary(history.rungs.map { ($0.place, $0) }) { first, _ in first }
        return history.executions.compactMap { execution in
            guard let copy = copies[execution.place], execution.start < copy.dueAt,
                execution.start >= copy.writtenAt - logPrecision
            else { return nil }
            return "\(execution.name) ran \((copy.dueAt - execution.start) / 1_000_000) ms before it was due"
        }
    }

    static func progress(_ history: History) -> [String] {
        let calm = history.faults.map(\.until).max() ?? 0
        return gaps(history).filter { $0.until - max($0.from, calm) > progressLimit }.map { gap in
            let seconds = (gap.until - max(gap.from, calm)) / History.second
            return "no job ended for \(seconds) s, though no fault had been for longer, and jobs were waiting"
        }
    }

    /// The times between the ends of jobs, for as long as there were jobs to do.
    static func gaps(_ history: History) -> [(from: Int64, until: Int64)] {
        let ends = history.executions.compactMap(\.end).sorted()
        var gaps: [(Int64, Int64)] = []
        for (end, next) in zip(ends, ends.dropFirst()) where end < history.enqueuedUntil { gaps.append((end, next)) }
        return gaps
    }
}

extension ChaosHistory {
    /// The times in which commits may be missing, or groups unsettled, one after another: without calm between faults
    /// there is one for all of them.
    var troubles: [(from: Int64, until: Int64)] {
        faults.sorted { $0.from < $1.from }.reduce(into: []) { troubles, fault in
            let (from, until) = (fault.from - ChaosCheck.commitLag, fault.until + settling)
            if let last = troubles.last, from <= last.until {
                troubles[troubles.count - 1].until = max(last.until, until)
            } else {
                troubles.append((from, until))
            }
        }
    }

    /// ``ChaosCheck/settling``, with what a broker adds that does not answer who joins.
    var settling: Int64 {
        guard profile == .process else { return ChaosCheck.settling }
        return ChaosCheck.settling + ChaosProfile.unansweredJoin.components.seconds * Self.second
    }

    var brokerFaults: [Fault] {
        let kinds: Set<ChaosPlan.Kind> = [.brokerDown, .slowBrokers, .refuseProduces, .moveLeaders, .restartBroker]
        return faults.filter { kinds.contains($0.kind) }
    }
}

/// What a history comes to, in numbers.
struct ChaosFigures: Sendable {
    var jobs = 0
    var executions = 0
    var events: [ChaosPlan.Kind: Int] = [:]
    /// Further executions of one record, by their cause.
    var repetitions: [String: Int] = [:]
    /// Records of a rung, or dead letters, beyond the first of a job and attempt.
    var repeatedHops = 0
    /// Executions that a thawed worker started before it knew that it had lost.
    var zombieStarts = 0
    /// Executions of one key beside each other, all of them with a cause.
    var excusedOverlaps = 0
    /// Executions that went on from a checkpoint.
    var resumptions = 0
    var ticks = 0
    var longestGap: Int64 = 0
    var violations = 0

    init() {}

    init(_ history: ChaosHistory, violations: Int) {
        jobs = history.enqueued.count
        executions = history.executions.count
        for fault in history.faults where fault.isPlanned { events[fault.kind, default: 0] += 1 }
        for (_, cause) in ChaosCheck.causes(history) {
            switch cause {
            case .fault(let kind): repetitions[kind.rawValue, default: 0] += 1
            case .zombie: repetitions["zombie", default: 0] += 1
            case .none: repetitions["no cause", default: 0] += 1
            }
        }
        let copies = (history.rungs + history.letters).map { "\($0.place.topic) \($0.attempt) \($0.id)" }
        repeatedHops = copies.count - Set(copies).count
        zombieStarts = history.executions.count { execution in
            history.workers[execution.worker]?.freezes.contains {
                ($0.thawed...max($0.thawed, $0.knew)).contains(execution.start)
            } ?? false
        }
        excusedOverlaps = ChaosCheck.overlapping(history).count
        resumptions = history.executions.count { $0.given != nil }
        ticks = history.ticks.count
        longestGap = ChaosCheck.gaps(history).map { $0.until - $0.from }.max() ?? 0
        self.violations = violations
    }

    mutating func add(_ other: Self) {
        jobs += other.jobs
        executions += other.executions
        events.merge(other.events, uniquingKeysWith: +)
        repetitions.merge(other.repetitions, uniquingKeysWith: +)
        repeatedHops += other.repeatedHops
        zombieStarts += other.zombieStarts
        excusedOverlaps += other.excusedOverlaps
        resumptions += other.resumptions
        ticks += other.ticks
        longestGap = max(longestGap, other.longestGap)
        violations += other.violations
    }
}

extension ChaosFigures: CustomStringConvertible {
    var description: String {
        let events = events.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key) \($0.value)" }
        let causes = repetitions.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        return """
            jobs \(jobs), executions \(executions)
            events: \(events.joined(separator: ", "))
            ran again: \(repetitions.values.reduce(0, +)) (\(causes.joined(separator: ", "))); \
            hopped again: \(repeatedHops)
            starts by thawed workers before they knew: \(zombieStarts); overlaps with a cause: \(excusedOverlaps)
            went on from a checkpoint: \(resumptions); ticks fired: \(ticks)
            longest time without an end of a job: \(longestGap / 1_000_000) ms; violations: \(violations)
            """
    }
}
