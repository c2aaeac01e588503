internal import RdKafka

/// All that is to be done now about a queue's schedules: one transaction.
struct ScheduleTurn {
    /// Jobs, states, and what is taken away; in the order in which they are written.
    private(set) var output: [ProducerRecord] = []
    /// The state records of them: what is known once they are written.
    private(set) var notes: [(key: String, value: [UInt8]?)] = []
    /// When there is something to be done next, in milliseconds since the epoch; nil for never.
    private(set) var wakeAt: Int64?
    private(set) var plans: [(record: ScheduleRecord, plan: SchedulePlan)] = []

    /// - Parameters:
    ///   - records: the schedules to be fired.
    ///   - kept: further schedules that there are.
    ///   - now: milliseconds since the epoch.
    init(
        _ queue: Queue,
        _ records: [String: ScheduleRecord],
        kept: Set<String> = [],
        _ book: ScheduleBook,
        now: Int64
    ) {
        let states = book.states
        for (name, record) in records.sorted(by: { $0.key < $1.key }) {
            let done = book.done(name)
            let plan = SchedulePlan(record, states[name], isDone: { done.contains($0) }, now: now)
            if let due = plan.wakeAt { wakeAt = min(wakeAt ?? due, due) }
            guard let state = plan.state else { continue }
            plans.append((record, plan))
            output += plan.ticks.map { record.job(ofTick: $0, in: queue, at: now) }
            note(ScheduleState.key(name), state.value, queue)
            // Whatever a job that is no longer the last one says is of no use any more.
            for job in done.sorted() where job != state.firing?.job {
                note(ScheduleDone(name: name, job: job).key, nil, queue)
            }
        }
        for name in book.names.subtracting(kept.union(records.keys)).sorted() {
            if states[name] != nil { note(ScheduleState.key(name), nil, queue) }
            for job in book.done(name).sorted() { note(ScheduleDone(name: name, job: job).key, nil, queue) }
        }
    }

    private mutating func note(_ key: String, _ value: [UInt8]?, _ queue: Queue) {
        notes.append((key, value))
        output.append(
            ProducerRecord(topic: queue.stateTopic, partition: 0, key: Bytes(key), value: value.map { Bytes($0) })
        )
    }
}
