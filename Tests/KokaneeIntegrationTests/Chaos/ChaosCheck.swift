import Kokanee
import RdKafka

/// Judges a ``ChaosHistory``. Each check is a function of it alone, and returns what violates its promise.
///
/// After Decaton's processor tests (every task is processed; order within a key, but for going back to the last commit)
/// and Jepsen's checks of queues (what was acknowledged is dequeued, nothing is that never was enqueued).
enum ChaosCheck {
    typealias History = ChaosHistory

    /// From one commit to the next where commits are slow, and what a busy machine may add to it.
    static let commitLag = 10 * History.second + 1_500_000_000
    /// Within this the group is calm again after a fault: the session timeout, a rebalance of as much, and once more
    /// where a member comes too late for it.
    static let settling = 25 * History.second
    /// Within this jobs end again after the last fault.
    static let progressLimit = 30 * History.second
    /// A worker's log is written in whole milliseconds.
    static let logPrecision: Int64 = 2_000_000

    /// A worker's clock is behind the brokers' by a round trip at most, and a handler starts a little after it was decided.
    static let clockLag = 1 * History.second

    static let all: [(name: String, check: @Sendable (History) -> [String])] = [
        ("acknowledged jobs are in the log", acknowledged),
        ("every job ended as it must", ends),
        ("nothing ran that was not enqueued", invented),
        ("first executions of a key follow the log", order),
        ("nothing ran again that a commit named", regress),
        ("executions of a key never overlap", overlaps),
        ("every repetition has a cause", repetitions),
        ("no effect was made again, but for faults between it and its mark", once),
        ("every hop has a cause", hops),
        ("a checkpoint is one that was left for the job", foreignCheckpoints),
        ("no execution begins before the checkpoint that the brokers have", lostCheckpoints),
        ("what is completed has made all its steps", steps),
        ("no worker runs more of a type at once than its limit", concurrency),
        ("no more of a type start in a time than its rate", rate),
        ("each tick is fired once", repeatedTicks),
        ("no tick is left out", missingTicks),
        ("no tick is fired before its time", earlyTicks),
        ("a schedule that skips fires nothing beside its last job", besideTicks),
        ("nothing ran before its time", early),
        ("jobs end again soon after the last fault", progress),
    ]

    // MARK: - Nothing lost, nothing invented

    static func acknowledged(_ history: History) -> [String] {
        let log = Dictionary(history.enqueued.map { ($0.place, $0.id) }) { first, _ in first }
        return history.acknowledged.filter { place, id in
            guard log[place] != id else { return false }
            let at = history.acknowledgedAt[place] ?? .min
            return !history.restarts.contains { ($0.from...$0.until).contains(at) }
        }.map { place, id in
            "job \(id) was acknowledged at \(place), where the log has \(log[place] ?? "nothing")"
        }.sorted()
    }

    static func ends(_ history: History) -> [String] {
        let completed = Set(history.executions.filter { $0.outcome == .ok }.map(\.id))
        let started = Dictionary(grouping: history.executions, by: \.id).mapValues { $0.map(\.start) }
        let dead = Set(history.letters.map(\.id))
        var seen: Set<String> = []
        var effects: Set<Int> = []
        let ticks = Set(history.ticks.map(\.id))
        for job in history.enqueued where completed.contains(job.id) {
            if case .once(let effect) = job.end { effects.insert(effect) }
        }
        // Also one that the separate broker showed a consumer, and forgot when it was ended: whether it may have run is asked
        // elsewhere.
        for (id, effect) in history.offeredEffects where completed.contains(id) { effects.insert(effect) }
        return history.enqueued.flatMap { job -> [String] in
            guard seen.insert(job.id).inserted else { return [] }
            let isDiscarded = history.discarded.contains(job.id)
            let (isCompleted, isDead) = (completed.contains(job.id), dead.contains(job.id))
            let name = "job \(job.id) at \(job.place)"
            func lost(_ why: String) -> [String] { history.isAwaited ? ["\(name) is lost: \(why)"] : [] }
            switch job.end {
            case .completed:
                guard isCompleted else {
                    let isHidden = ticks.contains(job.id) && history.isHidden(job.place)
                    return isHidden ? [] : lost("it was never completed")
                }
                return isDead || isDiscarded ? ["\(name) was completed, and is a dead letter or discarded too"] : []
            case .dead:
                guard isDead else { return lost("it is no dead letter") }
                return isCompleted || isDiscarded ? ["\(name) is a dead letter, and completed or discarded too"] : []
            case .once(let effect):
                guard effects.contains(effect) else { return lost("nobody made effect \(effect)") }
                return isDead || isDiscarded ? ["\(name) is a dead letter or discarded"] : []
            case .discarded:
                let starts = started[job.id] ?? []
                // It may just have been in time.
                guard isDiscarded || !starts.isEmpty else { return lost("nobody discarded it") }
                let isLate = starts.contains { $0 > job.expiresAt + clockLag }
                return isDead || isLate ? ["\(name) had expired, and ran or is a dead letter"] : []
            }
        }
    }

    static func invented(_ history: History) -> [String] {
        var records = Dictionary(history.enqueued.map { ($0.place, ($0.id, 1)) }) { first, _ in first }
        for copy in history.rungs { records[copy.place] = (copy.id, copy.attempt) }
        let keys = Dictionary(history.enqueued.map { ($0.id, $0.key) }) { first, _ in first }
        let isForgetful = !history.restarts.isEmpty
        let arrivals = Set(
            history.rungs.map { Arrival($0.id, $0.attempt, $0.place) }
                + history.enqueued.map { Arrival($0.id, 1, $0.place) }
        )
        /// The separate broker shows consumers what it has not written yet, and forgets that when it is ended: what came
        /// like that was produced again, and stands further up, or its producer gave up, or the run did not wait for it.
        func isForgotten(_ execution: ChaosExecution) -> Bool {
            let key = keys[execution.id] ?? history.offered[execution.id]
            guard isForgetful, key == execution.key else { return false }
            let arrival = Arrival(execution.id, execution.attempt, execution.place)
            return keys[execution.id] == nil || !history.isAwaited || arrivals.contains(arrival)
        }
        var violations: [String] = []
        for execution in history.executions {
            guard let (id, attempt) = records[execution.place] else {
                guard !isForgotten(execution) else { continue }
                violations.append("job \(execution.id) ran from \(execution.place), where there is no record")
                continue
            }
            guard id == execution.id, attempt == execution.attempt, keys[id] == execution.key else {
                guard !isForgotten(execution) else { continue }
                violations.append(
                    "job \(execution.id), key \(execution.key), attempt \(execution.attempt) ran from "
                        + "\(execution.place), where job \(id), key \(keys[id] ?? "none"), attempt \(attempt) stands"
                )
                continue
            }
        }
        let hopped = (history.letters + history.rungs).filter { copy in
            keys[copy.id] == nil && !(isForgetful && history.offered[copy.id] != nil)
        }
        violations += hopped.map { "job \($0.id) at \($0.place) was never enqueued" }
        return violations
    }

    /// A job's way into the main topic or onto a rung, wherever it stands there.
    private struct Arrival: Hashable {
        let id: String
        let attempt: Int
        let topic: String
        let partition: Int32

        init(_ id: String, _ attempt: Int, _ place: History.Place) {
            self.id = id
            self.attempt = attempt
            topic = place.topic
            partition = place.partition
        }
    }

    // MARK: - Order

    static func order(_ history: History) -> [String] {
        struct Lane: Hashable {
            let key: String
            let topic: String
            let partition: Int32
        }
        let ordered = Set(history.enqueued.filter(\.isOrdered).map(\.place))
        var highest: [Lane: ChaosExecution] = [:]
        var seen: Set<History.Place> = []
        var violations: [String] = []
        for execution in history.executions where ordered.contains(execution.place) {
            guard seen.insert(execution.place).inserted else { continue }
            let lane = Lane(
                key: execution.key,
                topic: execution.place.topic,
                partition: execution.place.partition
            )
            if let before = highest[lane], before.place.offset > execution.place.offset {
                violations.append("\(execution.name) first ran after \(before.name), which stands behind it")
            } else {
                highest[lane] = execution
            }
        }
        return violations
    }

    static func regress(_ history: History) -> [String] {
        let shortened = history.shortened
        let byPartition = Dictionary(grouping: history.commits, by: \.partition)
            .mapValues { $0.sorted { $0.seenAt < $1.seenAt } }
        return history.executions.compactMap { execution in
            guard !history.isIgnorant(execution.worker, at: execution.start),
                let commits = byPartition[execution.place.topicPartition]
            else { return nil }
            let earlier = commits.prefix { $0.seenAt < execution.start }
            guard let commit = earlier.last, commit.finished(execution.place.offset) else { return nil }
            let isShortened = shortened.contains(execution.place.topicPartition)
            guard !isShortened || !history.restarts.contains(where: { $0.from <= execution.start }) else { return nil }
            let age = (execution.start - commit.seenAt) / 1_000_000
            return "\(execution.name) ran, though a commit seen \(age) ms before named it as finished"
        }
    }

    static func overlaps(_ history: History) -> [String] {
        guard history.profile.handsOverInTurn else { return [] }
        return overlapping(history).compactMap { older, younger in
            if older.worker != younger.worker {
                // The older one's worker could not know that it had lost; or the younger one's is the zombie.
                if history.isIgnorant(older.worker, at: younger.start) { return nil }
                if history.isIgnorant(younger.worker, at: younger.start) { return nil }
            }
            return "\(younger.name) started while \(older.name) ran"
        }
    }

    /// All pairs of executions of one key that were beside each other.
    static func overlapping(_ history: History) -> [(older: ChaosExecution, younger: ChaosExecution)] {
        var running: [String: [ChaosExecution]] = [:]
        var pairs: [(ChaosExecution, ChaosExecution)] = []
        for execution in history.executions {
            let others = running[execution.key, default: []].filter { ($0.end ?? .max) > execution.start }
            pairs += others.map { ($0, execution) }
            running[execution.key] = others + [execution]
        }
        return pairs
    }
}

extension ChaosExecution {
    /// For people.
    var name: String { "job \(id) of \(key), attempt \(attempt) on \(worker) from \(place)" }
}

extension Envelope.Origin {
    var topicPartition: TopicPartition { TopicPartition(topic: topic, partition: partition) }
}
