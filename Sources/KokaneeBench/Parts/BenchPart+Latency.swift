internal import CBaseline
internal import Glibc
internal import Kokanee
internal import RdKafka
internal import Synchronization

extension BenchPart {
    /// Enqueues jobs at times that are fixed beforehand and works them in the same process, as the C pair produces and
    /// consumes in one. A job's latency is from the time at which it was *meant* to be enqueued to its handler's start: a
    /// pause delays what comes behind it too, and must not hide that by enqueueing less.
    static func latency(_ input: PartInput) async throws -> Metrics {
        let jobs = try input.integer("jobs")
        let period = 1_000_000_000 / (try input.integer("rate"))
        let queue = try input.queue()
        let log = LatencyLog(jobs: jobs)
        var registry = JobRegistry()
        try registry.register(jobType) { payload, _ in log.note(payload, at: cbaseline_now_ns()) }
        let worker = Worker(queues: [queue], jobs: registry, client: input.consumer, logger: .errors)
        let run = Task { try await worker.run() }
        let client = try JobClient(input.client)
        let limit = ContinuousClock.now + .seconds(60)
        while !log.isReady.load(ordering: .relaxed) {
            _ = try await client.enqueue(LatencyLog.job(.max, intended: 0), to: queue)
            try await Task.sleep(for: .milliseconds(50))
            guard ContinuousClock.now < limit else { throw BenchError("no job was worked within a minute") }
        }
        // Probes that are still on their way are through by then.
        let start = cbaseline_now_ns() + 200_000_000
        await withCheckedContinuation { continuation in
            OSThread.start(name: "bench:schedule") {
                cbaseline_sharpen_sleep()
                for number in 0..<jobs {
                    let intended = start + Int64(number * period)
                    if cbaseline_now_ns() < intended { cbaseline_sleep_until(intended) }
                    Task {
                        do {
                            _ = try await client.enqueue(LatencyLog.job(UInt64(number), intended: intended), to: queue)
                        } catch {
                            log.failed.add(1, ordering: .relaxed)
                        }
                    }
                }
                continuation.resume()
            }
        }
        while log.received.load(ordering: .acquiring) < jobs {
            guard log.failed.load(ordering: .relaxed) == 0 else { throw BenchError("jobs could not be enqueued") }
            guard ContinuousClock.now < limit + .nanoseconds(jobs * period) else {
                throw BenchError("jobs are missing")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        worker.stop()
        try await run.value
        await client.close()
        return percentiles(log.latencies)
    }
}

/// Latencies by the job's number.
///
/// `@unchecked Sendable`: each element is written by the handler of one job, and read after that handler's release of
/// ``received``. A job that runs twice, as after a rebalance, would write its element twice: counted, it ends the reading
/// early, which a part with one worker never sees. The memory lasts as long as the part's process.
final class LatencyLog: @unchecked Sendable {
    let isReady = Atomic(false)
    let received = Atomic(0)
    let failed = Atomic(0)
    private let table: UnsafeMutableBufferPointer<Int64>

    init(jobs: Int) {
        table = .allocate(capacity: jobs)
        table.initialize(repeating: 0)
    }

    var latencies: UnsafeBufferPointer<Int64> { UnsafeBufferPointer(table) }

    static func job(_ number: UInt64, intended: Int64) -> NewJob {
        var payload = [UInt8](repeating: UInt8(ascii: " "), count: Payload.size)
        payload.withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: number, as: UInt64.self)
            bytes.storeBytes(of: intended, toByteOffset: 8, as: Int64.self)
        }
        var job = NewJob(type: BenchPart.jobType, payload: Bytes(payload), contentType: "application/json")
        job.key = Bytes("k" + BenchPart.hexadecimal(UInt32(truncatingIfNeeded: number)))
        return job
    }

    func note(_ payload: Bytes, at now: Int64) {
        let (number, intended) = payload.withUnsafeBytes { bytes in
            (bytes.loadUnaligned(as: UInt64.self), bytes.loadUnaligned(fromByteOffset: 8, as: Int64.self))
        }
        guard number < UInt64(table.count) else { return isReady.store(true, ordering: .relaxed) }
        table[Int(number)] = now - intended
        received.add(1, ordering: .releasing)
    }
}
