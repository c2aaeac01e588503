import RdKafka
import TestSupport
import Testing

@testable import Kokanee

/// Of 16 runners, with jobs of 100 µs each.
@Suite("Jobs of some length that are handed over together")
struct LongBatchTests {
    private struct Idle: JobHandler {
        func perform(_ payload: Bytes, _ context: JobContext) async throws {}
    }

    private let now = ContinuousClock.now
    private let content: JobContent
    private let entry = JobRegistry.Entry(name: "default", version: 1, handler: Idle())

    init() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(1)
        let record = try #require(try await fixture.records(of: "q").first)
        content = JobContent(record, runtime: try fixture.runtime())
        for _ in 0..<20 { entry.cost.note(total: 100_000, count: 1, longest: 100_000) }
        content.read(as: .none, for: .passUnretained(entry))
    }

    /// - Parameter keys: one of each job, in the order of their offsets.
    private func state(_ keys: [UInt64?]) -> EngineState {
        var configuration = WorkerConfiguration()
        configuration.concurrency = 16
        var state = EngineState(configuration, startLimit: content.runtime.startLimit, hooks: nil)
        state.add(content.runtime, policy: nil, leaseLength: .seconds(60), now: now)
        state.scheduler.assign(0, queue: 0, number: 0, committed: 0, restored: CompletionMap(), movedAt: 0)
        for (offset, key) in keys.enumerated() {
            _ = state.scheduler.admit(0, offset: Int64(offset), .init(bytes: 1, key: key, start: .now), content)
        }
        return state
    }

    /// The offsets of what the runners are given, one after the other.
    private func batches(of state: inout EngineState) -> [[Int64]] {
        var batches: [[Int64]] = []
        for index in state.runners.indices {
            let generation = state.runners[index].begin()
            guard case .run(let batch) = state.nextStep(of: index, generation, now: now) else { continue }
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
        entry.cost.note(total: 251_000, count: 1, longest: 251_000)
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
