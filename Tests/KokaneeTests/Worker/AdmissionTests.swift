import RdKafka
import Testing

@testable import Kokanee

@Suite("What a dispatcher has read comes to the engine")
struct AdmissionTests {
    private let fixture: WorkerFixture
    private let engine: Engine
    private let runtime: QueueRuntime
    /// By partition, in the log's order: 200 of each.
    private var records: [[Record]] = [[], [], []]

    init() async throws {
        fixture = try WorkerFixture(partitions: 3)
        try await fixture.enqueue(600, partition: { $0 % 3 })
        for record in try await fixture.records(of: fixture.queue.mainTopic) {
            records[Int(record.topicPartition.partition)].append(record)
        }
        var jobs = JobRegistry()
        try jobs.register("default") { (_: Bytes, _) in }
        runtime = try fixture.runtime(jobs)
        // Nobody runs what it takes in: its runners are not started.
        engine = Engine(
            configuration: WorkerConfiguration(),
            producer: try Producer(fixture.client),
            logger: .disabled
        )
        engine.add(runtime, partitions: 3, leaseLength: .seconds(60))
        for number in 0..<3 {
            engine.withScheduler {
                $0.assign(
                    number,
                    queue: 0,
                    number: Int32(number),
                    committed: 0,
                    restored: CompletionMap(),
                    movedAt: 0
                )
            }
        }
    }

    private func round(_ parts: [(partition: Int, records: ArraySlice<Record>)]) -> Intake.Round {
        var round = Intake.Round()
        for (partition, records) in parts {
            round.begin(partition)
            for record in records { round.append(Intake.decide(record, runtime, now: 0)) }
            round.end()
        }
        return round
    }

    /// Of so many records each, in turn from the three partitions, as a round is that has gone past them more than once.
    private func slices(_ sizes: [Int], from first: Int = 0) -> [(partition: Int, records: ArraySlice<Record>)] {
        var next = [first, first, first]
        return sizes.enumerated().map { index, size in
            let partition = index % 3
            defer { next[partition] += size }
            return (partition, records[partition][next[partition]..<next[partition] + size])
        }
    }

    @Test(
        "all of a round, however many visits to the lock that takes",
        arguments: [[200, 200, 200], [40, 40, 40, 40, 128, 1, 0, 9]]
    )
    func whole(sizes: [Int]) throws {
        var round = round(slices(sizes))
        #expect(engine.admit(&round).isEmpty)
        #expect(engine.inFlight == sizes.reduce(0, +))
        #expect((0..<round.count).allSatisfy { round.offset($0) == nil }, "each record was handed over")
    }

    @Test("where a log goes back, what follows in that part is left, and told by its place in the round")
    func regression() throws {
        var first = round(slices([40, 40, 40]))
        #expect(engine.admit(&first).isEmpty)
        // The first two are taken in together, and so are the others.
        var parts = slices([60, 60, 60, 60], from: 40)
        parts[1].records = records[1][40..<70] + [records[1][0]] + records[1][70..<99]
        parts[3].records = records[0][100..<130] + records[0][90..<120]
        var second = round(parts)
        let regressions = engine.admit(&second)
        #expect(regressions.map(\.part) == [1, 3])
        #expect(regressions.map(\.decision) == [60 + 30, 180 + 30])
        #expect(engine.inFlight == 120 + 60 + 30 + 60 + 30)
        #expect(second.offset(60 + 30) == 0 && second.offset(60 + 31) == 70, "what was left is there still")
    }
}
