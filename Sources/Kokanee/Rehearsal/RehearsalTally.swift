/// Counts what a rehearsal's attempts come to. What it keeps is bounded, and does not depend on who ended first.
struct RehearsalTally {
    /// One attempt.
    struct Entry {
        let job: RehearsalJob
        let end: RehearsalEnd
        /// In nanoseconds; nil where nothing ran.
        let duration: Int?
        let effects: EffectLog?
        /// Of a failure, made where no lock is held.
        let pattern: String?

        init(_ job: RehearsalJob, _ end: RehearsalEnd, duration: Int?, effects: EffectLog?) {
            self.job = job
            self.end = end
            self.duration = duration
            self.effects = effects
            pattern = end.failure.map { ErrorPattern.of($0.text, id: job.envelope.id) }
        }
    }

    /// Patterns that are told apart, and names of effects.
    static let mostGroups = 500
    static let mostExamples = 5

    private struct GroupID: Hashable {
        let before: Rehearsal.Before
        let reason: DeadReason?
        let pattern: String
    }

    /// A few of many: those that stand first in the logs.
    private struct Examples {
        private var kept: [(place: Envelope.Origin, example: RehearsalReport.Example)] = []

        mutating func add(_ job: RehearsalJob, _ message: @autoclosure () -> String) {
            let position = kept.firstIndex { job.place.isBefore($0.place) } ?? kept.count
            guard position < RehearsalTally.mostExamples else { return }
            let example = RehearsalReport.Example(
                id: job.envelope.id,
                type: job.envelope.type,
                place: job.place.description,
                message: message()
            )
            kept.insert((job.place, example), at: position)
            if kept.count > RehearsalTally.mostExamples { kept.removeLast() }
        }

        var all: [RehearsalReport.Example] { kept.map(\.example) }
    }

    private struct Errors {
        var count: Int64 = 0
        var examples = Examples()
    }

    private struct Effects {
        var count: Int64 = 0
        var repeated: Int64 = 0
        var jobs: Int64 = 0
        var examples = Examples()
    }

    private var outcomes: [Rehearsal.Before: RehearsalReport.Outcomes] = [:]
    private var errors: [GroupID: Errors] = [:]
    private var otherErrors: Int64 = 0
    private var effects: [String: Effects] = [:]
    private var durations = DurationHistogram()
    private(set) var count = 0

    mutating func note(_ entry: Entry) {
        count += 1
        outcomes[entry.job.before, default: .init()].note(entry.end)
        if let duration = entry.duration { durations.note(duration) }
        if let failure = entry.end.failure, let pattern = entry.pattern { note(failure, pattern, entry) }
        if let log = entry.effects { note(log, entry.job) }
    }

    private mutating func note(_ failure: Envelope.Failure, _ pattern: String, _ entry: Entry) {
        let id = GroupID(before: entry.job.before, reason: entry.end.reason, pattern: pattern)
        guard errors[id] != nil || errors.count < Self.mostGroups else {
            otherErrors += 1
            return
        }
        errors[id, default: Errors()].count += 1
        errors[id, default: Errors()].examples.add(entry.job, failure.text)
    }

    private mutating func note(_ log: EffectLog, _ job: RehearsalJob) {
        let first = Dictionary(log.effects.map { ($0.name, $0.detail) }) { first, _ in first }
        for (name, count) in log.counts {
            let isKnown = effects[name] != nil || effects.count < Self.mostGroups
            let name = isKnown ? name : EffectLog.otherNames
            var group = effects[name] ?? Effects()
            group.count += Int64(count)
            group.repeated += job.before == .completed ? Int64(count) : 0
            group.jobs += 1
            group.examples.add(job, first[name] ?? "")
            effects[name] = group
        }
    }

    // MARK: - The report

    func outcomes(_ before: Rehearsal.Before) -> RehearsalReport.Outcomes { outcomes[before] ?? .init() }

    var errorGroups: (groups: [RehearsalReport.ErrorGroup], others: Int64) {
        let groups = errors.map { id, errors in
            RehearsalReport.ErrorGroup(
                before: id.before,
                pattern: id.pattern,
                reason: id.reason?.rawValue,
                count: errors.count,
                examples: errors.examples.all
            )
        }
        func rank(_ group: RehearsalReport.ErrorGroup) -> (Int, Int64, String, String) {
            (group.before.rank, -group.count, group.pattern, group.reason ?? "")
        }
        return (groups.sorted { rank($0) < rank($1) }, otherErrors)
    }

    var effectGroups: [RehearsalReport.EffectGroup] {
        effects.map { name, effects in
            RehearsalReport.EffectGroup(
                name: name,
                count: effects.count,
                repeated: effects.repeated,
                jobs: effects.jobs,
                examples: effects.examples.all
            )
        }.sorted { ($0.count, $1.name) > ($1.count, $0.name) }
    }

    var durationSummary: RehearsalReport.Durations? {
        guard durations.count > 0 else { return nil }
        func milliseconds(_ nanoseconds: Int) -> Double { Double(nanoseconds) / 1_000_000 }
        return RehearsalReport.Durations(
            median: milliseconds(durations.quantile(0.5)),
            p99: milliseconds(durations.quantile(0.99)),
            longest: milliseconds(durations.longest)
        )
    }
}

extension RehearsalEnd {
    fileprivate var failure: Envelope.Failure? {
        switch self {
        case .failed(let failure), .rejected(_, let failure), .refused(_, let failure): failure
        case .succeeded, .discarded, .expired: nil
        }
    }

    fileprivate var reason: DeadReason? {
        switch self {
        case .rejected(let reason, _), .refused(let reason, _): reason
        case .succeeded, .discarded, .failed, .expired: nil
        }
    }
}

extension RehearsalReport.Outcomes {
    fileprivate mutating func note(_ end: RehearsalEnd) {
        switch end {
        case .succeeded: succeeded += 1
        case .discarded: discarded += 1
        case .failed, .rejected: failed += 1
        case .refused: refused += 1
        case .expired: expired += 1
        }
    }
}

extension Rehearsal.Before {
    /// What matters most comes first.
    fileprivate var rank: Int {
        switch self {
        case .completed: 0
        case .failed: 1
        case .unknown: 2
        }
    }
}

extension Envelope.Origin {
    fileprivate func isBefore(_ other: Self) -> Bool {
        (topic, partition, offset) < (other.topic, other.partition, other.offset)
    }
}
