internal import CBaseline
internal import Kokanee
internal import RdKafka
internal import Synchronization

extension BenchPart {
    /// Fills a queue's state topic with `jobs=` marks, in turn over its partitions; each of `keys=` keys stands there as
    /// often as that takes.
    static func fillMarks(_ input: PartInput) async throws -> Metrics {
        let count = try input.integer("jobs")
        let queue = try input.queue()
        let partitions = try input.integer("partitions")
        var client = input.client
        // For more in a partition than the embedded broker's 5 MiB hold.
        client.properties["compression.type"] = "zstd"
        let producer = try Producer(client)
        let now = Timestamp.now
        for first in stride(from: 0, to: count, by: 20_000) {
            let records = (first..<min(first + 20_000, count)).map { number in
                StateRehearsal.mark(number, of: queue, partition: Int32(number % partitions), now: now)
            }
            for result in await producer.send(records) { _ = try result.get() }
        }
        await producer.close()
        return Metrics(["marks": Double(count)])
    }

    /// Restores a queue's state, with no worker around it.
    ///
    /// | metric | is |
    /// | --- | --- |
    /// | `rate` | records a second, from the first call to the last partition's end |
    static func restoreState(_ input: PartInput) async throws -> Metrics {
        let jobs = try input.integer("jobs")
        let start = cbaseline_now_ns()
        let marks = try await StateRehearsal.restore(
            try input.queue(),
            partitions: Int32(try input.integer("partitions")),
            client: input.consumer
        )
        let seconds = Double(cbaseline_now_ns() - start) / 1e9
        guard marks == jobs else { throw BenchError("\(marks) marks were restored of \(jobs)") }
        return Metrics(["rate": Double(jobs) / seconds, "seconds": seconds])
    }

    /// Runs a worker on a queue with a job in each partition that asks for the state, until all of these are done.
    ///
    /// | metric | is |
    /// | --- | --- |
    /// | `rss` | bytes resident then |
    /// | `peak` | at most |
    static func ownMarks(_ input: PartInput) async throws -> Metrics {
        let queue = try input.queue()
        let partitions = try input.integer("partitions")
        let producer = try Producer(input.client)
        // What was done in an earlier round is skipped in this one.
        let group = try input.text("group")
        let records = (0..<partitions).map { partition in
            ProducerRecord(
                topic: queue.mainTopic,
                partition: Int32(partition),
                value: "{}",
                headers: [
                    Header("ce_specversion", "1.0"), Header("ce_id", Bytes("job \(partition)")),
                    Header("ce_type", Bytes(jobType)), Header("ce_source", "bench"),
                    Header("kokanee-idempotency-key", Bytes("\(group) \(partition)")),
                ]
            )
        }
        for result in await producer.send(records) { _ = try result.get() }
        await producer.close()
        var registry = JobRegistry()
        try registry.register(jobType) { _, _ in }
        let worker = Worker(queues: [queue], jobs: registry, client: input.consumer, logger: .errors)
        let run = Task { try await worker.run() }
        let limit = ContinuousClock.now + .seconds(60)
        while worker.statistics.completed < partitions {
            try await Task.sleep(for: .milliseconds(50))
            guard ContinuousClock.now < limit else { throw BenchError("jobs with keys are not done within a minute") }
        }
        let metrics = Metrics(["rss": ProcFile.memory("VmRSS"), "peak": ProcFile.memory("VmHWM")])
        worker.stop()
        try await run.value
        return metrics
    }
}
