import RdKafka
import TestSupport
import Testing

@testable import Kokanee

/// Of 16 runners, and 40 jobs that may be ready before no more are read.
@Suite("When a dispatcher that found no room reads again")
struct RoomWakeTests {
    private let fixture: EngineFixture

    init() async throws {
        // So long that each is given out by itself.
        fixture = try await EngineFixture(cost: 1_000_000_000)
    }

    /// Full, as far as 40 jobs make it so.
    private func state(inFlight: Int, key: UInt64?) -> EngineState {
        var state = fixture.state(inFlight: inFlight)
        for offset in 0..<Int64(40) {
            #expect(state.scheduler.room(in: 0) > 0)
            fixture.admit(offset, key: key, &state)
        }
        #expect(state.scheduler.room(in: 0) == 0)
        return state
    }

    /// As a dispatcher's round has it.
    private func mark(_ state: EngineState) -> Scheduler<JobContent>.RoomMark { state.scheduler.room(in: [0]).mark }

    private func begin(_ runners: Range<Int>, _ state: inout EngineState) {
        for index in runners {
            let generation = state.runners[index].begin()
            guard case .run = state.nextStep(of: index, generation, now: fixture.now) else {
                Issue.record("nothing is ready")
                continue
            }
        }
    }

    @Test("once a quarter of what was ready has begun")
    func begun() {
        var state = state(inFlight: 200, key: nil)
        let waits = state.waitForRoom(fixture.content.runtime, at: mark(state))
        #expect(waits)
        begin(0..<9, &state)
        let early = state.takeWakes()
        #expect(early.isEmpty)
        begin(9..<10, &state)
        let (wakes, more) = (state.takeWakes(), state.takeWakes())
        #expect(wakes.count == 1 && more.isEmpty, "it is told once")
    }

    @Test("at once, where that has happened since it reckoned its room")
    func alreadyBegun() {
        var state = state(inFlight: 200, key: nil)
        let mark = mark(state)
        begin(0..<10, &state)
        let waits = state.waitForRoom(fixture.content.runtime, at: mark)
        let wakes = state.takeWakes()
        #expect(!waits && wakes.isEmpty, "it has not stopped")
        let waitsNow = state.waitForRoom(fixture.content.runtime, at: self.mark(state))
        #expect(waitsNow)
    }

    @Test("no later for another dispatcher that waits for more, or for asking again")
    func others() throws {
        var state = state(inFlight: 200, key: nil)
        let other = try WorkerFixture().runtime()
        let waits = [
            state.waitForRoom(fixture.content.runtime, at: mark(state)),
            state.waitForRoom(other, at: .init(inFlight: 5, ready: -1)),
            state.waitForRoom(fixture.content.runtime, at: .init(inFlight: 5, ready: -1)),
        ]
        #expect(waits == [true, true, true])
        begin(0..<10, &state)
        let wakes = state.takeWakes()
        #expect(wakes.count == 1 && wakes.first === fixture.content.runtime.wakeup)
    }

    @Test("at once, where what was read took less of the bytes than was thought, or was passed over")
    func smaller() {
        var scheduler = Scheduler<String>(limits: .init(jobs: 1000, bytes: 16 << 20, gap: 1000, ready: 1000))
        scheduler.assign(0, queue: 0, number: 0, committed: 0, restored: CompletionMap(), movedAt: 0)
        _ = scheduler.admit(0, offset: 0, .init(bytes: 1 << 20, key: nil, start: .now), "x")
        var room = scheduler.room(in: [0])
        let records = room.records(0)
        #expect((1...16).contains(records))
        room.note(records, bytes: records * 100, of: 0)
        #expect(room.records(0) > 0)
        room.note(0, bytes: 0, of: 0)
        #expect(room.records(0) > 0)
    }

    @Test("not when something begins, where it is what is unfinished that takes the room")
    func unfinished() {
        var state = state(inFlight: 40, key: 1)
        let mark = mark(state)
        #expect(mark.inFlight == 30 && mark.ready < 0)
        begin(0..<1, &state)
        let waits = state.waitForRoom(fixture.content.runtime, at: mark)
        let wakes = state.takeWakes()
        #expect(waits && wakes.isEmpty)
    }
}
