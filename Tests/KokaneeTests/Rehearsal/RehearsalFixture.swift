import RdKafka
import Synchronization
import TestSupport

@testable import Kokanee

/// A queue with jobs, and rehearsals of them.
struct RehearsalFixture {
    let fixture: WorkerFixture
    var plan: ReplayPlan
    var configuration = Rehearsal.Configuration()

    init(partitions: Int = 1) throws {
        fixture = try WorkerFixture(partitions: partitions)
        plan = ReplayPlan(
            id: "20261125-214400-k3f9",
            queue: fixture.queue.name,
            selection: Selection(),
            partitions: []
        )
    }

    /// Enqueues jobs, and has the plan cover them; a number's partition is its remainder.
    mutating func enqueue(_ jobs: [(type: String, payload: String, key: String?)]) async throws {
        let producer = try Producer(fixture.client)
        let records = jobs.enumerated().map { index, job in
            ProducerRecord(
                topic: fixture.queue.mainTopic,
                partition: Int32(index % fixture.partitions),
                key: job.key.map { Bytes($0) },
                value: Bytes(job.payload),
                headers: [
                    Header("ce_specversion", "1.0"), Header("ce_id", Bytes("job-\(index)")),
                    Header("ce_type", Bytes(job.type)), Header("ce_source", "/test"),
                ]
            )
        }
        for result in await producer.send(records) { _ = try result.get() }
        await producer.close()
        plan.partitions = (0..<fixture.partitions).map { partition in
            let count = (jobs.count - partition + fixture.partitions - 1) / fixture.partitions
            return ReplayPlan.Partition(partition: Int32(partition), from: 0, to: Int64(count))
        }
    }

    func rehearsal(
        of jobs: JobRegistry,
        selects: @escaping @Sendable (Record) -> Bool = { _ in true },
        before: @escaping Rehearsal.PastOutcome = { _, _ in .unknown }
    ) -> Rehearsal {
        Rehearsal(
            of: plan,
            queue: fixture.queue,
            jobs: jobs,
            configuration: configuration,
            client: fixture.client,
            selects: selects,
            before: before
        )
    }
}
