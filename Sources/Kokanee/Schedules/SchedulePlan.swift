/// What is to be done about a schedule now.
struct SchedulePlan: Sendable, Equatable {
    /// The ticks to be fired, in their order.
    var ticks: [Int64] = []
    /// The schedule's state afterwards, to be written with their jobs; nil where nothing changes.
    var state: ScheduleState?
    /// When there is something to be done next, in milliseconds since the epoch; nil for never.
    var wakeAt: Int64?

    /// Ticks that are dealt with at once.
    static let most = 2 * Schedule.Misfire.mostCaughtUp
    /// How long the end of a job is waited for, in milliseconds. A job can be lost to the schedule: its offset was reset,
    /// or a worker brought it to its end that knows no schedules.
    static let longestRun: Int64 = 86_400_000

    /// No tick is too late for what its keeper takes to look, and to fire the others.
    private static let shortestThreshold = Duration.seconds(2)

    /// Decides about one schedule.
    ///
    /// - Parameters:
    ///   - state: as the last firing left it; nil before the first.
    ///   - isDone: whether a job has come to its end.
    ///   - now: milliseconds since the epoch.
    init(
        _ record: ScheduleRecord,
        _ state: ScheduleState?,
        isDone: (_ job: String) -> Bool,
        now: Int64
    ) {
        guard !record.isPaused else { return }
        let schedule = record.schedule
        let known = max(state?.tick ?? 0, record.since ?? 0)
        var pending = Self.missed(schedule, after: known, now: now)
        var last = pending.dealtWith
        while true {
            guard let tick = schedule.times.next(after: last, in: schedule.zone) else { break }
            let due = tick + schedule.delay(ofTick: tick, in: record.queue)
            guard due <= now, pending.ticks.count < Self.most else {
                wakeAt = due
                break
            }
            pending.ticks.append(tick)
            last = tick
        }
        guard last > known, !pending.ticks.isEmpty else { return }
        var after = state ?? ScheduleState(tick: last)
        after.tick = last
        for tick in pending.ticks {
            if schedule.overlap == .skip, let firing = after.firing, !isDone(firing.job),
                now - firing.at < Self.longestRun
            {
                after.skipped += 1
                continue
            }
            ticks.append(tick)
            after.firing = .init(job: schedule.jobID(ofTick: tick), tick: tick, at: now)
            after.fired += 1
        }
        self.state = after
    }

    /// Of the ticks that come too late to be fired like others, those that are fired all the same; and the last of them,
    /// whether it is or not.
    private static func missed(
        _ schedule: Schedule,
        after known: Int64,
        now: Int64
    ) -> (ticks: [Int64], dealtWith: Int64) {
        let threshold = max(schedule.misfireThreshold, Self.shortestThreshold)
        let bound = now - schedule.jitter.milliseconds - threshold.milliseconds
        guard let newest = schedule.times.previous(before: bound, in: schedule.zone), newest > known else {
            return ([], known)
        }
        let count =
            switch schedule.misfire.kind {
            case .ignore: 0
            case .once: 1
            case .catchUp(let count): count
            }
        var ticks: [Int64] = []
        var tick = newest
        while tick > known, ticks.count < count {
            ticks.append(tick)
            guard let earlier = schedule.times.previous(before: tick, in: schedule.zone) else { break }
            tick = earlier
        }
        return (ticks.reversed(), newest)
    }
}
