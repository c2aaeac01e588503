/// From where to where each partition is read for a selection, decided from what its log is like.
struct ReplayRanges: Equatable {
    /// What is known of one partition of the main topic.
    struct Log: Equatable, Sendable {
        /// The first record that is there.
        var low: Int64
        /// The log's end when the plan is made.
        var end: Int64
        /// The first record's time, in milliseconds since the epoch, below 0 where it has none; nil where no record is
        /// there.
        var firstTime: Int64?
        /// The first record from the selection's first time on, or the end; nil where that was not asked.
        var atFrom: Int64?
        /// Behind the last record that is from before the selection's end, as far as is known; nil where that was not
        /// asked.
        var atTo: Int64?

        var isEmpty: Bool { low >= end }
        /// Its records say no times, so that none of them is in a range of time.
        var isUndated: Bool { firstTime.map { $0 < 0 } ?? false }
    }

    private(set) var partitions: [ReplayPlan.Partition] = []
    private(set) var notes: [String] = []

    /// - Throws: ``InputError`` where a selection can mean nothing, whatever the topic holds.
    static func check(_ selection: Selection) throws {
        if let from = selection.from, let to = selection.to, to <= from {
            throw InputError(
                "the range ends at \(Timestamp.text(to)), which is not after its beginning, \(Timestamp.text(from))"
            )
        }
        for stretch in selection.stretches ?? [] {
            let from = stretch.from ?? 0
            if from < 0 || stretch.to.map({ $0 <= from }) == true {
                throw InputError(
                    "the offsets of partition \(stretch.partition), "
                        + "from \(from) to \(stretch.to.map(String.init) ?? "the end"), "
                        + "are no range: the second is the one behind the last"
                )
            }
        }
    }

    /// - Parameters:
    ///   - logs: of all partitions of the topic.
    ///   - now: milliseconds since the epoch.
    /// - Throws: ``InputError`` where the selection names a partition that is not there.
    init(_ selection: Selection, of queue: Queue, _ logs: [Int32: Log], now: Int64) throws {
        try Self.check(selection)
        let named = (selection.partitions ?? []) + (selection.stretches ?? []).map(\.partition)
        if let unknown = named.filter({ logs[$0] == nil }).min() {
            throw InputError("queue \(queue.name) has no partition \(unknown); it has \(logs.count), from 0 up")
        }
        var stretches: [Int32: [Selection.Stretch]] = [:]
        for stretch in selection.stretches ?? [] { stretches[stretch.partition, default: []].append(stretch) }
        for (partition, log) in logs.sorted(by: { $0.key < $1.key }) {
            if let partitions = selection.partitions, !partitions.contains(partition) { continue }
            if selection.stretches != nil, stretches[partition] == nil { continue }
            partitions.append(Self.plan(partition, log, selection, stretches[partition]))
        }
        notes = Self.notes(on: partitions, selection, logs, now: now)
    }

    private static func plan(
        _ partition: Int32,
        _ log: Log,
        _ selection: Selection,
        _ stretches: [Selection.Stretch]?
    ) -> ReplayPlan.Partition {
        var from = log.low
        var to = log.end
        var lost: Int64 = 0
        if let stretches {
            from = max(from, stretches.map { $0.from ?? 0 }.min() ?? 0)
            to = min(to, stretches.map { $0.to ?? .max }.max() ?? .max)
            for stretch in stretches {
                if let asked = stretch.from { lost += max(0, min(log.low, stretch.to ?? .max) - asked) }
            }
        } else if isCut(log, selection) {
            lost = log.low
        }
        // Whoever's clock wrote `ce_time`, it says nothing of where in the log a job stands: all of it has to be read.
        if selection.clock == .record, !log.isUndated {
            if let atFrom = log.atFrom { from = max(from, atFrom) }
            if let atTo = log.atTo { to = min(to, atTo) }
        }
        from = min(from, log.end)
        return ReplayPlan.Partition(partition: partition, from: from, to: max(from, to), lostToRetention: lost)
    }

    /// Whether records may have been in the range that are not there any more.
    private static func isCut(_ log: Log, _ selection: Selection) -> Bool {
        guard log.low > 0 else { return false }
        guard let from = selection.from, selection.clock == .record, let first = log.firstTime, first >= 0 else {
            return true
        }
        return first > from
    }
}

// MARK: What is unusual

extension ReplayRanges {
    private static func notes(
        on plans: [ReplayPlan.Partition],
        _ selection: Selection,
        _ logs: [Int32: Log],
        now: Int64
    ) -> [String] {
        var notes: [String] = []
        let asksTime = selection.from != nil || selection.to != nil
        if let from = selection.from, from > now {
            notes.append(
                "The range begins in the future, at \(Timestamp.text(from)): "
                    + "what is enqueued until then is no part of this plan."
            )
        } else if let to = selection.to, to > now {
            notes.append("The range ends in the future: the plan ends with the records that are there now.")
        }
        let lost = plans.filter { $0.lostToRetention > 0 }
        if !lost.isEmpty {
            let count = lost.reduce(0) { $0 + $1.lostToRetention }
            let places = of(lost.map(\.partition))
            notes.append(
                selection.stretches != nil
                    ? "Retention has taken \(count) of the offsets that were asked for, \(places)."
                    : "Retention has taken the first \(count) records \(places): "
                        + "at most so many of them were of this range."
            )
        }
        if asksTime {
            let undated = plans.map(\.partition).filter { logs[$0]?.isUndated == true }
            if selection.clock == .event {
                notes.append("The range is one of event times, which have no order in the log: it was taken whole.")
            } else if !undated.isEmpty {
                notes.append(
                    "The records \(of(undated)) have no timestamps: a range of time selects none of them. "
                        + "Name offsets, or select by event time."
                )
            }
        }
        if let grown = grown(plans, selection, logs) { notes.append(grown) }
        if plans.allSatisfy({ $0.records == 0 }) {
            let isYoung =
                selection.from.map { $0 <= now } == true && plans.allSatisfy { logs[$0.partition]?.end == $0.to }
            let what =
                isYoung && selection.clock == .record
                ? ": no record is from \(Timestamp.text(selection.from ?? 0)) or later" : ""
            notes.append("The range holds no records\(what).")
        }
        return notes
    }

    /// A partition whose log is whole and begins within the range, while another one's began before it.
    private static func grown(
        _ plans: [ReplayPlan.Partition],
        _ selection: Selection,
        _ logs: [Int32: Log]
    ) -> String? {
        guard let from = selection.from, selection.clock == .record else { return nil }
        func isYounger(_ log: Log) -> Bool { log.low == 0 && (log.firstTime ?? -1) > from }
        func isOlder(_ log: Log) -> Bool { log.low > 0 || (0...from).contains(log.firstTime ?? -1) }
        let young = plans.map(\.partition).filter { logs[$0].map(isYounger) == true }
        guard !young.isEmpty, logs.values.contains(where: isOlder) else { return nil }
        return
            "Nothing older than \(Timestamp.text(from)) was ever \(of(young)): "
            + "the topic may have got more partitions since. "
            + "They are in the plan; a key's jobs from before may be in another partition."
    }

    private static func of(_ partitions: [Int32]) -> String {
        "in partition\(partitions.count > 1 ? "s" : "") \(PartitionRanges.text(partitions.sorted()))"
    }
}
