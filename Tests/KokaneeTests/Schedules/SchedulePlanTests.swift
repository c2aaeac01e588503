import TestSupport
import Testing

@testable import Kokanee

/// What is fired when, as decided without a broker or a clock.
@Suite struct SchedulePlanTests {
    static func time(_ text: String) throws -> Int64 { try Timestamp.parse(text, now: 0) }

    static func record(
        _ times: String = "0 * * * *",
        since: String = "2026-01-01T00:00:00Z",
        _ change: (inout Schedule) -> Void = { _ in }
    ) throws -> ScheduleRecord {
        var schedule = try Schedule("tick", type: "t", at: times)
        change(&schedule)
        return ScheduleRecord(queue: "q", schedule: schedule, by: "me", at: 0, since: try time(since))
    }

    private static func plan(
        _ record: ScheduleRecord,
        _ state: ScheduleState? = nil,
        done: Set<String> = [],
        at now: String
    ) throws -> SchedulePlan {
        SchedulePlan(record, state, isDone: { done.contains($0) }, now: try time(now))
    }

    private static func ids(_ record: ScheduleRecord, _ plan: SchedulePlan) -> [String] {
        plan.ticks.map { record.schedule.jobID(ofTick: $0) }
    }

    @Test("a tick is fired at its time, not before, and once")
    func once() throws {
        let record = try Self.record()
        let early = try Self.plan(record, at: "2026-01-01T00:59:59.999Z")
        #expect(early.ticks.isEmpty && early.state == nil)
        #expect(early.wakeAt == (try Self.time("2026-01-01T01:00:00Z")))
        let due = try Self.plan(record, at: "2026-01-01T01:00:00Z")
        #expect(Self.ids(record, due) == ["tick@2026-01-01T01:00:00Z"])
        let again = try Self.plan(record, due.state, at: "2026-01-01T01:00:00.001Z")
        #expect(again.ticks.isEmpty && again.state == nil)
        #expect(again.wakeAt == (try Self.time("2026-01-01T02:00:00Z")))
    }

    @Test("a threshold of nothing still gives a tick the time that it takes to be fired")
    func noThreshold() throws {
        let record = try Self.record {
            $0.misfire = .ignore
            $0.misfireThreshold = .zero
        }
        let soon = try Self.plan(record, at: "2026-01-01T01:00:01Z")
        #expect(Self.ids(record, soon) == ["tick@2026-01-01T01:00:00Z"])
        #expect(try Self.plan(record, at: "2026-01-01T01:00:03Z").ticks.isEmpty)
    }

    @Test("numbers that nobody could mean in a schedule's state take no keeper down", arguments: [Int64.max, .min])
    func forgedState(number: Int64) throws {
        let text = """
            {"type":"schedule","tick":0,"job":"a","firedTick":\(number),"firedAt":\(number),\
            "fired":\(number),"skipped":\(number)}
            """
        let record = try Self.record { $0.overlap = .skip }
        let plan = try Self.plan(record, ScheduleState(value: Array(text.utf8)), at: "2026-01-01T01:00:00Z")
        #expect(plan.state != nil)
    }

    @Test("a schedule has no ticks before it was added, nor while it is paused")
    func since() throws {
        var record = try Self.record(since: "2026-01-01T01:00:00Z")
        #expect(try Self.plan(record, at: "2026-01-01T01:00:30Z").ticks.isEmpty)
        record.isPaused = true
        #expect(try Self.plan(record, at: "2026-01-01T02:00:00Z") == SchedulePlan.nothing)
        record.isPaused = false
        record.since = try Self.time("2026-01-01T04:30:00Z")
        let state = ScheduleState(tick: try Self.time("2026-01-01T01:00:00Z"))
        let plan = try Self.plan(record, state, at: "2026-01-01T05:00:00Z")
        #expect(Self.ids(record, plan) == ["tick@2026-01-01T05:00:00Z"])
    }

    @Test(
        "of the ticks that nobody was there for, those are made up for that the policy says",
        arguments: [
            ("once", ["tick@2026-01-01T09:00:00Z"]), ("ignore", []),
            ("catch-up:3", ["tick@2026-01-01T07:00:00Z", "tick@2026-01-01T08:00:00Z", "tick@2026-01-01T09:00:00Z"]),
            ("catch-up:1000", (2...9).map { "tick@2026-01-01T0\($0):00:00Z" }),
        ]
    )
    func misfires(policy: String, expected: [String]) throws {
        let record = try Self.record { $0.misfire = Schedule.Misfire(text: policy)! }
        let state = ScheduleState(tick: try Self.time("2026-01-01T01:00:00Z"))
        let plan = try Self.plan(record, state, at: "2026-01-01T09:30:00Z")
        #expect(Self.ids(record, plan) == expected)
        // And it goes on.
        let next = try Self.plan(record, plan.state ?? state, at: "2026-01-01T10:00:00Z")
        #expect(Self.ids(record, next) == ["tick@2026-01-01T10:00:00Z"])
    }

    @Test("what is late by less than the threshold was not missed: each such tick is fired")
    func threshold() throws {
        let record = try Self.record("*/10 * * * * *") { $0.misfire = .ignore }
        let state = ScheduleState(tick: try Self.time("2026-01-01T01:00:00Z"))
        let plan = try Self.plan(record, state, at: "2026-01-01T01:02:00Z")
        #expect(plan.ticks.count == 7)
        #expect(plan.ticks.first == (try Self.time("2026-01-01T01:01:00Z")))
        let wide = try Self.record("*/10 * * * * *") { $0.misfireThreshold = .seconds(120) }
        #expect(try Self.plan(wide, state, at: "2026-01-01T01:02:00Z").ticks.count == 12)
    }

    @Test("jitter is the same for everybody, within its bound, and not the same for every tick; ticks keep their order")
    func jitter() throws {
        let record = try Self.record("* * * * * *") { $0.jitter = .seconds(5) }
        let start = try Self.time("2026-01-01T00:00:00Z")
        let delays = (0..<1000).map { record.schedule.delay(ofTick: start + $0 * 1000, in: "q") }
        #expect(delays == (0..<1000).map { record.schedule.delay(ofTick: start + $0 * 1000, in: "q") })
        #expect(delays.allSatisfy { (0...5000).contains($0) })
        #expect(Set(delays).count > 500)
        #expect(delays != (0..<1000).map { record.schedule.delay(ofTick: start + $0 * 1000, in: "other") })
        var state: ScheduleState?
        var fired: [Int64] = []
        for now in stride(from: start, to: start + 60_000, by: 50) {
            let plan = SchedulePlan(record, state, isDone: { _ in true }, now: now)
            for tick in plan.ticks { #expect(now >= tick + record.schedule.delay(ofTick: tick, in: "q")) }
            fired += plan.ticks
            state = plan.state ?? state
        }
        #expect(fired == (1...fired.count).map { start + Int64($0) * 1000 })
        #expect(fired.count >= 54)
    }

    @Test("with skip, a tick passes while the job before it has not come to its end, and is counted")
    func skip() throws {
        let record = try Self.record { $0.overlap = .skip }
        let first = try Self.plan(record, at: "2026-01-01T01:00:00Z")
        let second = try Self.plan(record, first.state, at: "2026-01-01T02:00:00Z")
        #expect(second.ticks.isEmpty)
        #expect(second.state?.skipped == 1)
        #expect(second.state?.tick == (try Self.time("2026-01-01T02:00:00Z")))
        // Its end comes late: the tick that was passed over stays so.
        let done: Set = ["tick@2026-01-01T01:00:00Z"]
        #expect(try Self.plan(record, second.state, done: done, at: "2026-01-01T02:00:01Z").state == nil)
        let third = try Self.plan(record, second.state, done: done, at: "2026-01-01T03:00:00Z")
        #expect(Self.ids(record, third) == ["tick@2026-01-01T03:00:00Z"])
        // The end of an older job says nothing of the newer one.
        #expect(try Self.plan(record, third.state, done: done, at: "2026-01-01T04:00:00Z").ticks.isEmpty)
        // A job whose end nobody tells of does not stop the schedule for ever.
        #expect(!(try Self.plan(record, third.state, at: "2026-01-02T03:00:00Z")).ticks.isEmpty)
    }

    @Test("with skip, only one is fired of several that are due at once")
    func skipAndCatchUp() throws {
        let record = try Self.record {
            $0.overlap = .skip
            $0.misfire = .catchUp(5)
        }
        let plan = try Self.plan(record, at: "2026-01-01T09:30:00Z")
        #expect(Self.ids(record, plan) == ["tick@2026-01-01T05:00:00Z"])
        #expect(plan.state?.skipped == 4)
    }

    @Test("records say in JSON what they are, and are read back")
    func json() throws {
        var schedule = try Schedule("nightly", type: "books.close", at: "0 2 * * MON-FRI", timeZone: "Europe/Oslo")
        schedule.payload = Array(#"{"a":[1,"x"]}"#.utf8)
        schedule.contentType = "application/json"
        schedule.key = "books"
        schedule.jitter = .milliseconds(1500)
        schedule.overlap = .queue
        schedule.misfire = .catchUp(7)
        schedule.misfireThreshold = .seconds(5)
        var record = ScheduleRecord(queue: "q", schedule: schedule, by: "ada@x", at: 5)
        record.isPaused = true
        let read = try ScheduleRecord(.init(key: record.key, value: record.value, timestamp: 77))
        #expect(read?.since == 77)
        record.since = 77
        #expect(read == record)
        #expect(schedule.changes(to: schedule).isEmpty)
        var other = schedule
        other.misfire = .ignore
        other.payload = nil
        #expect(schedule.changes(to: other) == ["misfire catch-up:7 → ignore", #"data {"a":[1,"x"]} → none"#])
        var binary = schedule
        binary.payload = [0xFF, 0]
        binary.contentType = "application/octet-stream"
        let second = ScheduleRecord(queue: "q", schedule: binary, by: "", at: 0, since: 1)
        #expect(try ScheduleRecord(.init(key: second.key, value: second.value, timestamp: 9)) == second)
        #expect(throws: InputError.self) {
            try ScheduleRecord(.init(key: record.key, value: Array("[]".utf8), timestamp: 0))
        }
        #expect(try ScheduleRecord(.init(key: "replay/q/x", value: [], timestamp: 0)) == nil)

        var state = ScheduleState(tick: 9)
        state.firing = .init(job: "nightly@x", tick: 9, at: 10)
        state.fired = 3
        state.skipped = 2
        #expect(ScheduleState(value: state.value) == state)
        #expect(ScheduleState(value: Array("{}".utf8)) == nil)
        #expect(ScheduleState.name(key: ScheduleDone(name: "a", job: "b").key) == nil)
        #expect(ScheduleDone(key: ScheduleDone(name: "a", job: "b/c").key) == ScheduleDone(name: "a", job: "b/c"))
        #expect(ScheduleDone(key: ScheduleState.key("a")) == nil)
    }

    @Test("a schedule that can't be is refused", arguments: ["", "a/b", String(repeating: "x", count: 201)])
    func names(_ name: String) {
        #expect(throws: InputError.self) { try Schedule(name, type: "t", at: "@daily") }
    }
}

extension SchedulePlan {
    static let nothing: SchedulePlan = {
        var record = ScheduleRecord(queue: "q", schedule: try! Schedule("x", type: "t", at: "@daily"), by: "", at: 0)
        record.isPaused = true
        return SchedulePlan(record, nil, isDone: { _ in true }, now: 0)
    }()
}
