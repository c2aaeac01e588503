internal import CBaseline
internal import Glibc
internal import Kokanee
internal import RdKafka
internal import Synchronization

extension BenchPart {
    /// Works a queue that holds `jobs=`, with a worker of default configuration but for what the parameters say, and ends it in
    /// good order. All jobs must have been completed, or nothing is told.
    ///
    /// | metric | is |
    /// | --- | --- |
    /// | `rate` | jobs a second, from the end of the first twentieth to the end of the last |
    /// | `first` | seconds from making the worker to its first job's start (`handler=first`), or to its first job's end |
    /// | `wall` | seconds a job, from the first job's end to the last's |
    /// | `cpu` | seconds of processor that the process used, user and system, from start to end |
    /// | `rss`, `peak` | bytes resident at the end, and at most |
    static func work(_ input: PartInput) async throws -> Metrics {
        let jobs = try input.integer("jobs")
        guard let kind = WorkHandler(rawValue: try input.text("handler")) else { throw BenchError("no such handler") }
        var configuration = try workerConfiguration(input)
        let queue = try input.queue()
        let load = try await WorkLoad(kind, input, &configuration)
        let start = cbaseline_now_ns()
        let worker = Worker(
            queues: [queue],
            jobs: load.registry,
            configuration: configuration,
            client: input.client,
            logger: .errors
        )
        let hasEnded = WorkLoad.Shared(Atomic(false))
        let run = Task {
            defer { hasEnded.value.store(true, ordering: .relaxed) }
            try await worker.run()
        }
        if kind == .suspend { return try await holdInFlight(jobs, worker, hasEnded, run) }
        let watch: WorkWatch
        do {
            watch = try await OSThread.run(name: "bench:watch") {
                try WorkWatch.watch(worker, jobs: jobs, kind, hasEnded: { hasEnded.value.load(ordering: .relaxed) }) {
                    load.release.value.store(true, ordering: .relaxed)
                }
            }
        } catch {
            worker.stop()
            try await run.value
            throw error
        }
        worker.stop()
        try await run.value
        await load.close()
        let statistics = worker.statistics
        guard statistics.completed == jobs, statistics.dead == 0, statistics.lostToRetention == 0 else {
            throw BenchError("not all of \(jobs) jobs were completed: \(statistics)")
        }
        let firstStart = load.firstStart.value.load(ordering: .relaxed)
        var metrics = Metrics([
            "rate": watch.rate,
            "first": Double((firstStart > 0 ? firstStart : watch.first) - start) / 1e9,
            "wall": watch.wall,
            "cpu": ProcessorTime.own,
            "rss": ProcFile.memory("VmRSS"),
            "peak": ProcFile.memory("VmHWM"),
        ])
        if let starts = load.starts {
            metrics["hops"] = watch.hops
            try await addLateness(starts, queue, jobs, input, to: &metrics)
        }
        return metrics
    }

    private static func workerConfiguration(_ input: PartInput) throws -> WorkerConfiguration {
        var configuration = WorkerConfiguration()
        configuration.concurrency = try input.integer("concurrency", default: configuration.concurrency)
        configuration.maximumInFlight = try input.integer("in-flight", default: configuration.maximumInFlight)
        configuration.maximumGap = Int64(try input.integer("gap", default: Int(configuration.maximumGap)))
        return configuration
    }

    /// What the process takes once about so many jobs are in flight. Nobody lets them go: the process just ends after it.
    private static func holdInFlight(
        _ jobs: Int,
        _ worker: Worker,
        _ hasEnded: WorkLoad.Shared<Atomic<Bool>>,
        _ run: Task<Void, any Error>
    ) async throws -> Metrics {
        let limit = ContinuousClock.now + .seconds(60)
        // Until neither the jobs nor the memory change any more, which librdkafka fetches into for a while.
        var last = (rss: ProcFile.memory("VmRSS"), count: 0)
        var still = 0
        while still < 10 {
            if hasEnded.value.load(ordering: .relaxed) { try await run.value }
            guard ContinuousClock.now < limit else { throw BenchError("only \(worker.inFlight) jobs are in flight") }
            try await Task.sleep(for: .milliseconds(100))
            let now = (rss: ProcFile.memory("VmRSS"), count: worker.inFlight)
            let isStill = now.count >= jobs / 2 && now.count == last.count && abs(now.rss - last.rss) < 64 * 1024
            still = isStill ? still + 1 : 0
            last = now
        }
        return Metrics(["rss": last.rss, "in-flight": Double(last.count)])
    }

    /// By how much the rung's jobs started after they were due, by the broker's record of the hop: the timestamp in the
    /// rung's log, and the rung's delay.
    private static func addLateness(
        _ starts: StartTable,
        _ queue: Queue,
        _ jobs: Int,
        _ input: PartInput,
        to metrics: inout Metrics
    ) async throws {
        let rung = queue.ladder.rungs[0]
        let topic = queue.retryTopic(rung)
        let properties = BareProperties.consumer(input.properties, group: "\(topic).bare")
        let times = try await OSThread.run(name: "bench:times") {
            var table = [Int64](repeating: 0, count: starts.partitions * StartTable.perPartition)
            _ = try bare(properties) {
                cbaseline_timestamps(
                    &$0.properties,
                    topic,
                    Int32(starts.partitions),
                    UInt64(jobs),
                    &table,
                    StartTable.perPartition,
                    &$0.result
                )
            }
            return table
        }
        var late = Histogram()
        var earliest = Int64.max
        for (index, time) in times.enumerated() where time > 0 && starts.start(index) > 0 {
            // Whole milliseconds are all that the log has: a job due within this one is not early in it.
            let lateness = starts.start(index) - (time + rung.milliseconds) * 1000
            earliest = min(earliest, lateness)
            late.record(UInt64(max(0, lateness)))
        }
        guard late.count == UInt64(jobs) else {
            throw BenchError("\(late.count) of \(jobs) jobs are known by their place")
        }
        metrics["lateness"] = Double(late.value(atPercentile: 99)) / 1000
        metrics["earliness"] = Double(max(0, -earliest)) / 1000
    }
}

/// How a worker got on, seen from a thread that only looks at its statistics now and then: no job pays for being counted.
struct WorkWatch: Sendable {
    /// When the first job was seen to have ended.
    var first: Int64 = 0
    var firstCount = 0
    private var warm: (time: Int64, count: Int) = (0, 0)
    private var warmHops: (time: Int64, count: Int) = (0, 0)
    private var lastHop: (time: Int64, count: Int) = (0, 0)
    private var end: Int64 = 0
    private let jobs: Int

    private init(jobs: Int) {
        self.jobs = jobs
    }

    var rate: Double { Double(jobs - warm.count) / seconds(warm.time, end) }
    var wall: Double { seconds(first, end) / Double(max(1, jobs - firstCount)) }
    var hops: Double { Double(lastHop.count - warmHops.count) / seconds(warmHops.time, lastHop.time) }

    private func seconds(_ from: Int64, _ to: Int64) -> Double { Double(max(1, to - from)) / 1e9 }

    /// Blocks until all jobs are completed.
    ///
    /// - Parameter release: called once all but one are.
    /// - Throws: ``BenchError`` where the worker ends, or a minute passes without any progress.
    static func watch(
        _ worker: Worker,
        jobs: Int,
        _ kind: WorkHandler,
        hasEnded: () -> Bool,
        release: () -> Void
    ) throws -> WorkWatch {
        var watch = WorkWatch(jobs: jobs)
        var progress = (count: -1, time: cbaseline_now_ns())
        cbaseline_sharpen_sleep()
        while true {
            let statistics = worker.statistics
            let now = cbaseline_now_ns()
            let completed = statistics.completed
            if completed > 0, watch.first == 0 { (watch.first, watch.firstCount) = (now, completed) }
            if completed >= jobs / 20, watch.warm.time == 0 { watch.warm = (now, completed) }
            if statistics.retried >= jobs / 20, watch.warmHops.time == 0 { watch.warmHops = (now, statistics.retried) }
            if statistics.retried > watch.lastHop.count { watch.lastHop = (now, statistics.retried) }
            if completed >= jobs {
                watch.end = now
                return watch
            }
            if kind == .hold, completed == jobs - 1 { release() }
            let done = completed + statistics.retried
            if done != progress.count { progress = (done, now) }
            guard !hasEnded(), now - progress.time < 60_000_000_000 else {
                throw BenchError("\(completed) of \(jobs) jobs were completed, and no more: \(statistics)")
            }
            usleep(watch.pause(at: now))
        }
    }

    /// Microseconds until the next look: fine enough for a third of a per cent of the run so far, and rare enough to cost less.
    private func pause(at now: Int64) -> UInt32 {
        let (shortest, longest) = (500 as Int64, 5000 as Int64)
        return UInt32(first == 0 ? shortest : min(max((now - first) / 300_000, shortest), longest))
    }
}
