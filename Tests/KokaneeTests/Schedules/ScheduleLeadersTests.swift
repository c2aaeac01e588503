import RdKafka
import TestSupport
import Testing

@testable import Kokanee

/// Leaders that come, go, freeze and die, simulated: the decisions are those of production, the broker is a list.
@Suite struct ScheduleLeadersTests {
    /// A log of committed transactions, and who may write it.
    private struct Log {
        var epoch = 0
        var jobs: [String] = []
        var notes: [(key: String, value: [UInt8]?)] = []

        /// - Returns: false for one who was shut out.
        mutating func commit(_ turn: ScheduleTurn, epoch: Int) -> Bool {
            guard epoch == self.epoch else { return false }
            for (_, plan) in turn.plans { jobs += plan.ticks.map(String.init) }
            notes += turn.notes
            return true
        }
    }

    private struct Leader {
        let epoch: Int
        let book = ScheduleBook()

        init(_ log: inout Log) {
            // Shut out first, read then: the other way round a predecessor writes what this one does not know.
            log.epoch += 1
            epoch = log.epoch
            for note in log.notes { book.take(key: note.key, value: note.value) }
        }
    }

    @Test("whoever leads, freezes, wakes up or dies, every tick is fired once, in order, and none is missed")
    func leaders() throws {
        let queue = try Queue("q")
        let record = try SchedulePlanTests.record("*/2 * * * * *") { $0.misfire = .catchUp(1000) }
        for seed in 0..<100 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var log = Log()
            var leaders: [Leader] = []
            let start = try SchedulePlanTests.time("2026-01-01T00:00:00Z")
            var now = start
            for _ in 0..<200 {
                now += Int64.random(in: 0...3000, using: &generator)
                switch Int.random(in: 0..<10, using: &generator) {
                case 0: leaders.append(Leader(&log))
                case 1: if !leaders.isEmpty { leaders.remove(at: .random(in: leaders.indices, using: &generator)) }
                case 2: now += Int64.random(in: 0...200_000, using: &generator)
                default:
                    // Any of those that are alive may believe to be the one.
                    guard let leader = leaders.randomElement(using: &generator) else { continue }
                    let turn = ScheduleTurn(queue, ["tick": record], leader.book, now: now)
                    guard !turn.output.isEmpty else { continue }
                    guard log.commit(turn, epoch: leader.epoch) else {
                        leaders.removeAll { $0.epoch == leader.epoch }
                        continue
                    }
                    // It may die before it learns that this was committed.
                    if Bool.random(using: &generator) {
                        for note in turn.notes { leader.book.take(key: note.key, value: note.value) }
                    } else {
                        leaders.removeAll { $0.epoch == leader.epoch }
                    }
                }
            }
            let last = Leader(&log)
            let turn = ScheduleTurn(queue, ["tick": record], last.book, now: now)
            let isCommitted = log.commit(turn, epoch: last.epoch)
            #expect(isCommitted)
            let expected = stride(from: start + 2000, through: now, by: 2000).map { String($0) }
            #expect(log.jobs == expected, "seed \(seed)")
        }
    }

    @Test("what was fired is known before it is read again, and what a removed schedule has left is taken away")
    func book() throws {
        let queue = try Queue("q")
        let record = try SchedulePlanTests.record { $0.overlap = .skip }
        let book = ScheduleBook()
        let job = "tick@2026-01-01T01:00:00Z"
        let first = ScheduleTurn(queue, ["tick": record], book, now: try SchedulePlanTests.time("2026-01-01T01:00:00Z"))
        #expect(first.output.map(\.topic) == ["q", "q.state"])
        #expect(first.output[0].headers.contains { $0.name == "ce_id" && $0.value?.text == job })
        #expect(first.output[0].headers.contains { $0.name == "kokanee-schedule" && $0.value?.text == "tick" })
        for note in first.notes { book.take(key: note.key, value: note.value) }
        let done = ScheduleDone(name: "tick", job: job)
        book.take(key: done.key, value: done.value("completed", at: 0))
        let second = ScheduleTurn(
            queue,
            ["tick": record],
            book,
            now: try SchedulePlanTests.time("2026-01-01T02:00:00Z")
        )
        #expect(second.notes.map(\.key) == ["schedule/tick", done.key])
        #expect(second.notes.map { $0.value == nil } == [false, true])
        for note in second.notes { book.take(key: note.key, value: note.value) }
        // Its own writing comes back from the broker, the older one first.
        for note in first.notes { book.take(key: note.key, value: note.value) }
        #expect(book.states["tick"]?.fired == 2)
        let gone = ScheduleTurn(queue, [:], book, now: 0)
        #expect(gone.notes.map(\.key) == ["schedule/tick"] && gone.notes[0].value == nil)
        for note in gone.notes { book.take(key: note.key, value: note.value) }
        #expect(book.states.isEmpty)
    }

    @Test("a schedule that this release can't read keeps what is known of it")
    func unreadable() throws {
        let book = ScheduleBook()
        book.take(key: ScheduleState.key("newer"), value: ScheduleState(tick: 5).value)
        #expect(ScheduleTurn(try Queue("q"), [:], kept: ["newer"], book, now: 0).output.isEmpty)
        let board = ScheduleBoard(queue: "q")
        let entry = ControlTopic.Entry(key: "schedule/q/newer", value: Array("{}".utf8), timestamp: 0)
        board.take(.init(key: entry.key, entry: entry, isFromBefore: true), .disabled)
        #expect(board.names() == ["newer"] && board.records.isEmpty)
        board.take(.init(key: entry.key, entry: nil, isFromBefore: false), .disabled)
        #expect(board.names().isEmpty)
    }

    @Test("how far a schedule came is not forgotten by a worker that has not heard of it yet, until it is taken away")
    func notHeardOf() throws {
        let book = ScheduleBook()
        book.take(key: ScheduleState.key("late"), value: ScheduleState(tick: 5).value)
        let board = ScheduleBoard(queue: "q")
        let queue = try Queue("q")
        #expect(ScheduleTurn(queue, [:], kept: board.names(and: ["late"]), book, now: 0).output.isEmpty)
        board.take(.init(key: "schedule/q/late", entry: nil, isFromBefore: false), .disabled)
        let turn = ScheduleTurn(queue, [:], kept: board.names(and: ["late"]), book, now: 0)
        #expect(turn.notes.map(\.key) == ["schedule/late"])
    }

    @Test("with queue, jobs share the schedule's key unless it has one")
    func keys() throws {
        let queue = try Queue("q")
        let now = try SchedulePlanTests.time("2026-01-01T01:00:00Z")
        func key(_ change: (inout Schedule) -> Void) throws -> String? {
            let record = try SchedulePlanTests.record("0 * * * *", change)
            return ScheduleTurn(queue, ["tick": record], ScheduleBook(), now: now).output[0].key?.text
        }
        #expect(try key { $0.overlap = .queue } == "schedule/q/tick")
        #expect(
            try key {
                $0.overlap = .queue
                $0.key = "mine"
            } == "mine"
        )
        #expect(try key { $0.overlap = .allow } == nil)
    }
}
