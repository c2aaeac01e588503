@testable import Kokanee

/// The tick of a schedule that a job is for.
struct ModelTick: Hashable {
    let schedule: String
    let time: Int64
}

/// A schedule, and what is true of it, whatever any keeper believes.
struct ModelSchedule {
    let schedule: Schedule
    /// Between two ticks, in milliseconds.
    let interval: Int64
    /// Nothing is fired up to this time.
    let since: Int64
    /// As `kokanee.control` has it.
    var record: ScheduleRecord
    /// The last tick about which it has been decided.
    var dealtWith: Int64
    var fired: Set<Int64> = []
    /// The job of the last tick that was fired.
    var last: ModelJob?

    init(_ schedule: Schedule, interval: Int64, since: Int64) {
        (self.schedule, self.interval, self.since) = (schedule, interval, since)
        record = ScheduleRecord(queue: Self.queue.name, schedule: schedule, by: "simulation", at: since, since: since)
        dealtWith = since
    }

    // A name that can't be wrong.
    static let queue = try! Queue("q")

    /// By arithmetic of its own: the ticks that are to be fired at a time, if nothing overlaps; how many are left out,
    /// because they come too late; and the last of all of them.
    func due(at now: Int64) -> (ticks: [Int64], missed: Int, last: Int64?) {
        let bound = now - schedule.jitter.milliseconds - schedule.misfireThreshold.milliseconds
        var (late, ticks): ([Int64], [Int64]) = ([], [])
        var tick = (dealtWith / interval + 1) * interval
        while tick < bound {
            late.append(tick)
            tick += interval
        }
        while tick + schedule.delay(ofTick: tick, in: Self.queue.name) <= now {
            ticks.append(tick)
            tick += interval
        }
        let last = ticks.last ?? late.last
        let madeUpFor =
            switch schedule.misfire.kind {
            case .ignore: 0
            case .once: 1
            case .catchUp(let count): count
            }
        return (late.suffix(madeUpFor) + ticks, max(0, late.count - madeUpFor), last)
    }
}

/// What a keeper has decided to write, and on what ground.
struct ModelDecision {
    let turn: ScheduleTurn
    /// By the clock of the keeper.
    let now: Int64
    /// Up to where it has read the state.
    let known: Int
    /// The schedules that it has heard of.
    let schedules: Set<String>
}
