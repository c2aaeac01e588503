internal import CBaseline
internal import Glibc
internal import Kokanee
internal import RdKafka
internal import Synchronization

extension BenchPart {
    /// Runs a side replay, `replay=` its id, of all of a queue's `jobs=` records, of which it selects those of the first key,
    /// or with `select=type` those of a type that there is not; `selected=` tells how many these are.
    ///
    /// | metric | is |
    /// | --- | --- |
    /// | `rate` | records a second, from the end of the first twentieth to the end |
    /// | `peak` | bytes resident at most |
    static func replay(_ input: PartInput) async throws -> Metrics {
        let jobs = try input.integer("jobs")
        let queue = try input.queue()
        let partitions = try input.integer("partitions")
        let expected = try input.integer("selected")
        var selection = Selection()
        if try input.text("select") == "type" { selection.types = ["another"] } else { selection.keys = ["k00000000"] }
        let ends = try await AdminClient(input.client).listOffsets(
            (0..<Int32(partitions)).map { TopicPartition(topic: queue.mainTopic, partition: $0) },
            .latest
        )
        let plan = ReplayPlan(
            id: try input.text("replay"),
            queue: queue.name,
            selection: selection,
            partitions: ends.map { .init(partition: $0.partition, from: 0, to: $1) }.sorted {
                $0.partition < $1.partition
            }
        )
        let record = try await SideReplay.begin(plan, of: queue, by: "bench", words: "bench", client: input.client)
        var registry = JobRegistry()
        try registry.register(jobType) { _, _ in }
        let worker = try Worker(replaying: record, jobs: registry, client: input.client, logger: .errors)
        let hasEnded = WorkLoad.Shared(Atomic(false))
        let run = Task {
            defer { hasEnded.value.store(true, ordering: .relaxed) }
            try await worker.run()
        }
        let rate = try await OSThread.run(name: "bench:watch") { () -> Double in
            var warm: (time: Int64, count: Int)?
            cbaseline_sharpen_sleep()
            while !hasEnded.value.load(ordering: .relaxed) {
                let now = cbaseline_now_ns()
                let scanned = worker.replayed?.scanned ?? 0
                if warm == nil, scanned >= jobs / 20 { warm = (now, scanned) }
                if let warm, scanned >= jobs {
                    return Double(scanned - warm.count) / (Double(max(1, now - warm.time)) / 1e9)
                }
                usleep(1000)
            }
            throw BenchError("the replay ended after \(worker.replayed?.scanned ?? 0) of \(jobs) records")
        }
        try await run.value
        let selected = worker.statistics.completed
        guard let counts = worker.replayed, counts.scanned == jobs, counts.matched == selected,
            selected == expected
        else {
            throw BenchError("\(selected) jobs were replayed of \(expected): \(worker.statistics)")
        }
        return Metrics(["rate": rate, "peak": ProcFile.memory("VmHWM")])
    }
}
