internal import Glibc
internal import Kokanee
internal import RdKafka
internal import Synchronization

extension BenchPart {
    /// Jobs enqueued together.
    private static let delayedChunk = 10_000

    /// Enqueues `jobs=` that are due in `delay=` milliseconds, so far that none of them is while they are looked at.
    static func enqueueDelayed(_ input: PartInput) async throws -> Metrics {
        let jobs = try input.integer("jobs")
        let delay = Duration.milliseconds(try input.integer("delay"))
        let queue = try input.queue()
        let client = try JobClient(input.client)
        let payload = Bytes(Payload.raw.all[0])
        for first in stride(from: 0, to: jobs, by: delayedChunk) {
            let new = (first..<min(first + delayedChunk, jobs)).map { index in
                var job = NewJob(type: jobType, payload: payload, contentType: "application/json")
                job.key = Bytes("k" + hexadecimal(UInt32(index)))
                job.delay = delay
                return job
            }
            for result in await client.enqueue(new, to: queue) { _ = try result.get() }
        }
        await client.close()
        return Metrics(["jobs": Double(jobs)])
    }

    /// What a worker takes that has brought `jobs=` delayed jobs to their rungs, and waits with them.
    ///
    /// | metric | is |
    /// | --- | --- |
    /// | `rss`, `peak` | bytes resident in the end, and at most |
    /// | `in-flight` | jobs that it holds in the end |
    static func waitWithDelayed(_ input: PartInput) async throws -> Metrics {
        let jobs = try input.integer("jobs")
        var registry = JobRegistry()
        try registry.register(jobType) { _, _ in }
        let worker = Worker(queues: [try input.queue()], jobs: registry, client: input.client, logger: .errors)
        let run = Task { try await worker.run() }
        let limit = ContinuousClock.now + .seconds(600)
        while worker.statistics.delayed < jobs {
            guard ContinuousClock.now < limit else { throw BenchError("not all have hopped: \(worker.statistics)") }
            try await Task.sleep(for: .milliseconds(50))
        }
        // What they leave behind is given back, and the rungs are read as far as they ever are.
        try await Task.sleep(for: .seconds(5))
        let metrics = Metrics([
            "rss": ProcFile.memory("VmRSS"),
            "peak": ProcFile.memory("VmHWM"),
            "in-flight": Double(worker.inFlight),
        ])
        guard worker.statistics.completed == 0 else { throw BenchError("jobs have started: \(worker.statistics)") }
        worker.stop()
        try await run.value
        return metrics
    }

    /// Enqueues `jobs=` of delays from `shortest=` to `longest=` milliseconds, as many in each doubling, while a worker waits
    /// for them, `rate=` a second.
    ///
    /// | metric | is |
    /// | --- | --- |
    /// | `p50`, `p99`, `latest` | milliseconds from the time when a job was due to its start |
    /// | `earliness` | milliseconds from a job's start to the time when it was due, at most; 0 where none was early |
    static func startDelayed(_ input: PartInput) async throws -> Metrics {
        let jobs = try input.integer("jobs")
        let interval = 1.0 / Double(try input.integer("rate"))
        let (shortest, longest) = (Double(try input.integer("shortest")), Double(try input.integer("longest")))
        let queue = try input.queue()
        let starts = DelayedStarts()
        var registry = JobRegistry()
        try registry.register(jobType) { payload, _ in starts.note(dueAt: Int64(payload.text) ?? 0) }
        let worker = Worker(queues: [queue], jobs: registry, client: input.consumer, logger: .errors)
        let run = Task { try await worker.run() }
        let client = try JobClient(input.client)
        func enqueue(at due: Int64) async throws {
            var job = NewJob(type: jobType, payload: Bytes("\(due)"))
            job.at = due
            _ = try await client.enqueue(job, to: queue)
        }
        // The group's first join takes seconds; until then everything would be late.
        try await enqueue(at: Timestamp.now)
        try await wait(for: 1, starts)
        starts.clear()
        let start = ContinuousClock.now
        try await withThrowingTaskGroup { group in
            for index in 0..<jobs {
                try await Task.sleep(until: start + .seconds(Double(index) * interval))
                // Low-discrepancy (Weyl), so that short and long ones come mixed.
                let place = (Double(index) * 0.618_033_988_749_895).truncatingRemainder(dividingBy: 1)
                let delay = shortest * pow(longest / shortest, place)
                group.addTask { try await enqueue(at: Timestamp.now + Int64(delay)) }
            }
            try await group.waitForAll()
        }
        try await wait(for: jobs, starts)
        await client.close()
        worker.stop()
        try await run.value
        return starts.metrics
    }

    private static func wait(for count: Int, _ starts: DelayedStarts) async throws {
        let limit = ContinuousClock.now + .seconds(120)
        while starts.count < count {
            guard ContinuousClock.now < limit else { throw BenchError("\(starts.count) of \(count) jobs have started") }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

/// By how much delayed jobs started after they were due: so few that a lock is no matter.
private final class DelayedStarts: Sendable {
    private struct State {
        var late = Histogram()
        var earliest = Int64.max
    }

    private let state = Mutex(State())

    var count: Int { state.withLock { Int($0.late.count) } }

    func clear() { state.withLock { $0 = State() } }

    func note(dueAt due: Int64) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let lateness = Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000 - due * 1000
        state.withLock { state in
            state.earliest = min(state.earliest, lateness)
            state.late.record(UInt64(max(0, lateness)))
        }
    }

    var metrics: Metrics {
        state.withLock { state in
            Metrics([
                "p50": Double(state.late.value(atPercentile: 50)) / 1000,
                "p99": Double(state.late.value(atPercentile: 99)) / 1000,
                "latest": Double(state.late.maximum) / 1000,
                "earliness": Double(max(0, -state.earliest)) / 1000,
            ])
        }
    }
}
