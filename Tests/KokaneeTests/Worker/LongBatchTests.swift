import RdKafka
import TestSupport
import Testing

@testable import Kokanee

/// Of 16 runners, with jobs of 100 µs each.
@Suite("Jobs of some length that are handed over together")
struct LongBatchTests {
    private let fixture: EngineFixture

    init() async throws {
        fixture = try await EngineFixture(cost: 100_000)
    }

    /// - Parameter keys: one of each job, in the order of their offsets.
    private func state(_ keys: [UInt64?]) -> EngineState {
        var state = fixture.state()
        for (offset, key) in keys.enumerated() { fixture.admit(Int64(offset), key: key, &state) }
        return state
    }

    /// The offsets of what the runners are given, one after the other.
    private func batches(of state: inout EngineState) -> [[Int64]] {
        var batches: [[Int64]] = []
        for index in state.runners.indices {
            let generation = state.runners[index].begin()
            guard case .run(let batch) = state.nextStep(of: index, generation, now: fixture.now) else { continue }
            #expect(!batch.isQuick, "nobody is to wait for its runner")
            batches.append((0..<batch.count).map { state.scheduler.place(of: batch[$0].ticket).offset })
        }
        return batches
    }

    @Test("of a backlog each runner gets some, for half a millisecond at most")
    func backlog() {
        var state = state([UInt64?](repeating: nil, count: 1000))
        #expect(batches(of: &state).map(\.count) == [Int](repeating: 5, count: 16))
    }

    @Test("where other runners could begin with them, each gets one")
    func few() {
        var state = state([UInt64?](repeating: nil, count: 60))
        #expect(batches(of: &state).map(\.count) == [Int](repeating: 1, count: 16))
    }

    @Test("jobs that take more than a quarter of a millisecond are given out one by one")
    func long() {
        fixture.entry.cost.note(total: 251_000, count: 1, longest: 251_000)
        var state = state([UInt64?](repeating: nil, count: 1000))
        #expect(batches(of: &state).map(\.count) == [Int](repeating: 1, count: 16))
    }

    @Test("a key's jobs, of which more wait, stand behind no other key's, and none but theirs behind them")
    func keys() {
        // Key 0 at the front and in the middle; the others once each.
        var keys = (1...1000).map { UInt64?.some($0) }
        for offset in [0, 1, 2, 500, 501, 502] { keys[offset] = 0 }
        for offset in [7, 600] { keys[offset] = 2000 }
        var state = state(keys)
        let batches = batches(of: &state)
        #expect(batches[0] == [0, 1, 2, 500, 501])
        for batch in batches.dropFirst() where batch.contains(7) { #expect(batch == [7, 600]) }
        #expect(batches.joined().contains(7))
        #expect(Set(batches.joined()).count == batches.joined().count)
    }
}
