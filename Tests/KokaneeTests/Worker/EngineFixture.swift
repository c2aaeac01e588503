import RdKafka
import TestSupport
import Testing

@testable import Kokanee

/// An engine's state as runners and dispatchers find it, of 16 runners, in which all jobs are the same one.
struct EngineFixture {
    private struct Idle: JobHandler {
        func perform(_ payload: Bytes, _ context: JobContext) async throws {}
    }

    let now = ContinuousClock.now
    let content: JobContent
    let entry = JobRegistry.Entry(name: "default", version: 1, handler: Idle())

    /// - Parameter cost: what an attempt takes, in nanoseconds.
    init(cost: Int) async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(1)
        let record = try #require(try await fixture.records(of: "q").first)
        content = JobContent(record, runtime: try fixture.runtime())
        for _ in 0..<20 { entry.cost.note(total: cost, count: 1, longest: cost) }
        content.read(as: .none, for: .passUnretained(entry))
    }

    /// With one partition, and no job in it.
    func state(inFlight: Int? = nil) -> EngineState {
        var configuration = WorkerConfiguration()
        configuration.concurrency = 16
        if let inFlight { configuration.maximumInFlight = inFlight }
        var state = EngineState(configuration, startLimit: content.runtime.startLimit, hooks: nil)
        state.add(content.runtime, policy: nil, leaseLength: .seconds(60), now: now)
        state.scheduler.assign(0, queue: 0, number: 0, committed: 0, restored: CompletionMap(), movedAt: 0)
        return state
    }

    func admit(_ offset: Int64, key: UInt64?, _ state: inout EngineState) {
        _ = state.scheduler.admit(0, offset: offset, .init(bytes: 1, key: key, start: .now), content)
    }
}
