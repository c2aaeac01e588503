import Foundation
import Kokanee
import Testing

/// The checks of checkpoints, limits and schedules: each passes a history in which its promise is kept, and fails one in which
/// it is broken.
struct ChaosStateCheckTests {
    private static let second = ChaosHistory.second

    private static func moment(_ time: Double) -> Int64 { Int64(time * Double(second)) }

    /// The names of the checks that a history does not pass.
    private func failures(_ history: ChaosHistory) -> [String] {
        var history = history
        history.executions.sort { $0.start < $1.start }
        return ChaosCheck.all.filter { !$0.check(history).isEmpty }.map(\.name)
    }

    /// A run of half a second, of a job with an offset for its name.
    private static func run(_ id: String, at: Double, on worker: String = "w1") -> ChaosExecution {
        ChaosExecution(
            id: id,
            key: "k",
            attempt: 1,
            worker: worker,
            place: .init(topic: "q", partition: 0, offset: Int64(id) ?? 0),
            start: moment(at),
            end: moment(at + 0.5),
            outcome: .ok
        )
    }

    private static func restart(from: Double, until: Double) -> ChaosHistory.Fault {
        .init(kind: .restartBroker, from: moment(from), until: moment(until))
    }

    // MARK: - Checkpoints

    /// One job of six steps that broke off behind the third, and went on from the second on another worker.
    private static var stepwise: ChaosHistory {
        var history = ChaosHistory(profile: .embedded)
        history.workers = ["w1": .init(startedAt: 0, assignments: [second])]
        history.workers["w2"] = .init(startedAt: 0, assignments: [4 * second])
        let place = ChaosHistory.Place(topic: "q", partition: 0, offset: 0)
        history.enqueued = [.init(id: "0", key: "k", place: place, end: .completed, steps: 6)]
        let rung = ChaosHistory.Place(topic: "q.retry.1s", partition: 0, offset: 0)
        history.rungs = [.init(id: "0", attempt: 2, place: rung, dueAt: 5 * second)]
        var (first, second) = (run("0", at: 2), run("0", at: 6, on: "w2"))
        first.outcome = .failed
        first.left = [.init(step: 2, at: moment(2.3))]
        first.reached = 3
        (second.place, second.attempt) = (rung, 2)
        second.given = .init(of: "0", step: 2)
        second.left = [.init(step: 4, at: moment(6.2)), .init(step: 6, at: moment(6.4))]
        second.reached = 6
        history.executions = [first, second]
        history.enqueuedUntil = 7 * Self.second
        return history
    }

    private static let lost = "no execution begins before the checkpoint that the brokers have"

    @Test("an attempt that goes on where the one before it ended passes all checks")
    func checkpoint() {
        #expect(failures(Self.stepwise) == [])
    }

    @Test("an attempt that is given no checkpoint, though the failed one before it had left one, is found")
    func lost() {
        var history = Self.stepwise
        history.executions[1].given = nil
        #expect(failures(history) == [Self.lost])
    }

    @Test("and so is one that is given an earlier one than the brokers had")
    func earlier() {
        var history = Self.stepwise
        history.executions[0].left.append(.init(step: 4, at: Self.moment(2.4)))
        #expect(failures(history) == [Self.lost])
    }

    @Test("where two executions of an attempt failed either's hop may be meant; one that nobody answered is none")
    func either() {
        var history = Self.stepwise
        var further = history.executions[0]
        (further.start, further.end) = (Self.moment(2.6), Self.moment(2.9))
        further.left = [.init(step: 4, at: Self.moment(2.7))]
        further.given = .init(of: "0", step: 2)
        history.executions.append(further)
        #expect(!failures(history).contains(Self.lost))
        history.executions[1].given = nil
        #expect(failures(history).contains(Self.lost))
        history = Self.stepwise
        history.executions[0].outcome = .cut
        history.executions[1].given = nil
        #expect(!failures(history).contains(Self.lost))
    }

    @Test("an execution that begins before the checkpoint that one before it was given is found")
    func back() {
        var history = Self.stepwise
        var again = history.executions[1]
        history.executions[1].outcome = .cut
        (again.start, again.end) = (Self.moment(6.6), Self.moment(6.9))
        again.given = .init(of: "0", step: 4)
        history.executions.append(again)
        (again.start, again.end) = (Self.moment(7), Self.moment(7.2))
        history.executions[2].outcome = .cut
        #expect(!failures(history).contains(Self.lost))
        again.given = .init(of: "0", step: 2)
        history.executions.append(again)
        #expect(failures(history).contains(Self.lost))
    }

    @Test("no checkpoint is missed by a job that had completed, was refused its checkpoint, or runs on a zombie")
    func excused() {
        var history = Self.stepwise
        history.executions[1].given = nil
        history.unstored = ["0"]
        #expect(failures(history) == [])
        history.unstored = ["1"]
        #expect(failures(history) == [Self.lost])
        history.workers["w2"]?.freezes = [.init(from: Self.moment(5), thawed: Self.moment(5.5), knew: Self.moment(7))]
        #expect(failures(history) == [])
        history.workers["w2"]?.freezes[0].knew = Self.moment(5.9)
        #expect(failures(history) == [Self.lost])
        history.executions[0].outcome = .ok
        history.executions[0].reached = 6
        #expect(!failures(history).contains(Self.lost))
    }

    @Test("nor from a broker that was restarted since, or that gave its partition away while it was being written")
    func forgotten() {
        var history = Self.stepwise
        history.profile = .process
        history.executions[1].given = nil
        #expect(failures(history) == [Self.lost])
        history.faults = [Self.restart(from: 3, until: 4)]
        #expect(failures(history) == [])
        for fault in [Self.restart(from: 0.1, until: 0.2), Self.restart(from: 6.1, until: 6.2)] {
            history.faults = [fault]
            #expect(failures(history) == [Self.lost])
        }
        history.faults = []
        history.workers["w2"]?.assignments = [Self.moment(2.4)]
        #expect(failures(history) == [])
        history.profile = .embedded
        #expect(failures(history) == [Self.lost])
    }

    @Test("a checkpoint that nobody had left, of another job, or from later, is found")
    func foreign() {
        let name = ["a checkpoint is one that was left for the job"]
        var history = Self.stepwise
        history.executions[1].given?.step = 3
        #expect(failures(history) == name)
        history = Self.stepwise
        history.executions[1].given?.of = "1"
        #expect(failures(history) == name)
        history = Self.stepwise
        history.executions[1].given?.step = 4
        #expect(failures(history) == name)
    }

    @Test("a job that was completed before its last step is found")
    func steps() {
        var history = Self.stepwise
        history.executions[1].reached = 5
        #expect(failures(history) == ["what is completed has made all its steps"])
    }

    // MARK: - Limits

    /// Jobs of one type on two workers, each a second, one after another.
    private static func limited(_ limit: ChaosHistory.Limit, _ count: Int, apart: Double) -> ChaosHistory {
        var history = ChaosHistory(profile: .embedded)
        history.limits = [limit]
        for worker in ["w1", "w2"] { history.workers[worker] = .init(startedAt: 0, assignments: [second]) }
        for offset in 0..<count {
            let place = ChaosHistory.Place(topic: "q", partition: 0, offset: Int64(offset))
            var execution = run("\(offset)", at: 2 + apart * Double(offset), on: offset.isMultiple(of: 2) ? "w1" : "w2")
            execution.key = "\(offset)"
            history.enqueued.append(.init(id: "\(offset)", key: "\(offset)", place: place, end: .completed, type: "t"))
            history.executions.append(execution)
        }
        return history
    }

    @Test("jobs of a type that run beside each other are as many as the limit says, in each worker")
    func concurrency() {
        let name = ["no worker runs more of a type at once than its limit"]
        let one = ChaosHistory.Limit(type: "t", concurrency: 1)
        #expect(failures(Self.limited(one, 6, apart: 0.3)) == [])
        #expect(failures(Self.limited(one, 6, apart: 0.2)) == name)
        #expect(failures(Self.limited(.init(type: "t", concurrency: 2), 6, apart: 0.2)) == [])
        #expect(failures(Self.limited(.init(type: "other", concurrency: 1), 6, apart: 0.2)) == [])
        #expect(failures(Self.limited(.init(type: "t", concurrency: 0), 1, apart: 1)) == name)
        // Of the one before nobody knows when it ended.
        var history = Self.limited(one, 3, apart: 0.2)
        history.executions[0].end = nil
        #expect(failures(history) == [])
        // It was stopped, and something else let in, at the same moment.
        history = Self.limited(one, 4, apart: 0.2)
        for index in 0..<2 {
            history.executions[index].outcome = .cut
            history.enqueued[index].end = .once(effect: 0)
        }
        history.enqueued[2].end = .once(effect: 0)
        #expect(failures(history) == [])
    }

    @Test("a type's jobs start no faster than its rate, its burst and what the workers have in hand")
    func rate() {
        let name = ["no more of a type start in a time than its rate"]
        let limit = ChaosHistory.Limit(type: "t", rate: 4, burst: 2)
        #expect(failures(Self.limited(limit, 200, apart: 0.25)) == [])
        #expect(failures(Self.limited(limit, 10, apart: 0.001)) == [])
        #expect(failures(Self.limited(limit, 11, apart: 0.001)) == name)
        #expect(failures(Self.limited(limit, 200, apart: 0.2)) == name)
        // A third worker has something in hand, too, unless it is dead by then.
        var history = Self.limited(limit, 14, apart: 0.001)
        history.workers["w3"] = .init(startedAt: 0)
        #expect(failures(history) == [])
        history.workers["w3"]?.killedAt = Self.second
        #expect(failures(history) == name)
        // Its handlers go on, and count no more.
        history.workers["w2"]?.killedAt = Self.moment(2)
        #expect(failures(history) == [])
        history = Self.limited(limit, 200, apart: 0.2)
        history.profile = .process
        #expect(failures(history) == [])
    }

    // MARK: - Schedules

    /// Two schedules of every second, of which one skips every other tick.
    private static var scheduled: ChaosHistory {
        var history = ChaosHistory(profile: .process)
        history.workers = ["w1": .init(startedAt: 0, assignments: [second])]
        history.schedules = [.init(name: "all", due: 2...7), .init(name: "some", skips: true, due: 2...7)]
        for tick in 2...7 {
            for name in tick.isMultiple(of: 2) ? ["all", "some"] : ["all"] {
                let offset = Int64(history.ticks.count)
                let id = "\(name)@\(tick)"
                let place = ChaosHistory.Place(topic: "q", partition: 0, offset: offset)
                history.enqueued.append(.init(id: id, key: name, place: place, end: .completed))
                let written = moment(Double(tick) + 0.05)
                history.ticks.append(.init(schedule: name, at: Int64(tick), id: id, place: place, writtenAt: written))
                var execution = run("\(offset)", at: Double(tick) + 0.1)
                (execution.id, execution.key) = (id, name)
                history.executions.append(execution)
            }
        }
        return history
    }

    @Test("schedules whose ticks were all fired once, in time and not beside each other pass all checks")
    func schedules() {
        #expect(failures(Self.scheduled) == [])
    }

    @Test("a tick that is fired twice is found, whatever schedule it is of")
    func twice() {
        for index in [1, 3] {
            var history = Self.scheduled
            var again = history.ticks[index]
            again.writtenAt += Self.second
            history.ticks.append(again)
            #expect(failures(history) == ["each tick is fired once"])
        }
    }

    @Test("it is none if a restarted broker knew no more who was in charge: of what was under way, and at a handover")
    func unfenced() {
        let name = ["each tick is fired once"]
        var history = Self.scheduled
        var again = history.ticks[2]
        again.writtenAt = Self.moment(7.5)
        history.ticks.append(again)
        // Its time is 3.
        history.faults = [Self.restart(from: 2.5, until: 3.5)]
        #expect(failures(history) == [])
        history.faults = [Self.restart(from: 7.6, until: 8)]
        #expect(failures(history) == name)
        history.faults = [Self.restart(from: 2, until: 2.5)]
        #expect(failures(history) == name)
        history.workers["w1"]?.assignments = [Self.second, Self.moment(4)]
        #expect(failures(history) == [])
        history.workers["w1"]?.assignments = [Self.second, Self.moment(3)]
        #expect(failures(history) == name)
    }

    @Test("a tick that is left out is found, between others and at either end")
    func leftOut() {
        for tick in [2, 5, 7] as [Int64] {
            var history = Self.scheduled
            history.ticks.removeAll { $0.schedule == "all" && $0.at == tick }
            #expect(failures(history) == ["no tick is left out"])
        }
        // The broker may forget what was fired when it was ended; what became due while it was away is to be made up for.
        var history = Self.scheduled
        history.ticks.removeAll { $0.schedule == "all" && $0.at == 5 }
        history.faults = [Self.restart(from: 5.1, until: 6)]
        #expect(failures(history) == [])
        history.faults = [Self.restart(from: 4.1, until: 6)]
        #expect(failures(history) == ["no tick is left out"])
    }

    @Test("a tick that is fired before its time is found")
    func early() {
        var history = Self.scheduled
        history.ticks[0].writtenAt -= Self.second / 10
        #expect(failures(history) == ["no tick is fired before its time"])
    }

    @Test("a schedule that skips and fires beside its last job is found")
    func beside() throws {
        var history = Self.scheduled
        let index = try #require(history.executions.firstIndex { $0.id == "some@4" })
        history.executions[index].end = Self.moment(6.1)
        #expect(failures(history) == ["a schedule that skips fires nothing beside its last job"])
    }

    @Test("a schedule's job that never ran is lost like any other")
    func lostJob() throws {
        var history = Self.scheduled
        history.executions.removeAll { $0.id == "all@5" }
        let name = ["every job ended as it must"]
        #expect(failures(history) == name)
        // The separate broker hides it where a transaction was taken back before it.
        let place = try #require(history.ticks.first { $0.id == "all@5" }?.place)
        history.takenBack = [.init(topic: "q", partition: 0, offset: place.offset - 1)]
        #expect(failures(history) == [])
        for (profile, partition, offset) in [(ChaosProfile.process, 1, 0), (.process, 0, 50), (.external, 0, 0)] {
            history.profile = profile
            history.takenBack = [.init(topic: "q", partition: Int32(partition), offset: Int64(offset))]
            #expect(failures(history) == name)
        }
    }
}
