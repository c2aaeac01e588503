import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

/// One at a time: fail points hold for the whole process.
@Suite("Outputs that are committed with their jobs", .serialized, .timeLimit(.minutes(3)))
struct OutputTests {
    private struct Broken: Error {}

    @Test("they are seen once their job has completed, and those of a failed attempt never")
    func completion() async throws {
        let place = try await OutputPlace()
        try await place.enqueue(0..<20)
        let worker = try place.worker { [topic = place.topic] number, context in
            try await context.produce(JobOutput(topic: topic, value: Bytes("\(number)/\(context.attempt)")))
            if number == "7", context.attempt == 1 { throw Broken() }
        }
        try await running(worker) {
            try await eventually("all have completed") { worker.statistics.completed == 20 }
        }
        let expected = (0..<20).map { "\($0)/\($0 == 7 ? 2 : 1)" }
        #expect(try await place.outputs().sorted() == expected.sorted())
    }

    @Test("a job whose outputs are committed, and whose offset is not, doesn't run again")
    func crash() async throws {
        let place = try await OutputPlace()
        try await place.enqueue(0..<10)
        let runs = Mutex<[String]>([])
        let perform: @Sendable (String, JobContext) async throws -> Void = { [topic = place.topic] number, context in
            runs.withLock { $0.append(number) }
            try await context.produce(JobOutput(topic: topic, value: Bytes(number)))
        }
        try await place.completeUncommitted(10, perform: perform)
        #expect(try await place.committed() ?? 0 < 10, "nothing says to the group that all is done")
        let second = try place.worker(perform: perform)
        try await running(second) {
            try await eventually("all is committed") { try await place.committed() == 10 }
        }
        #expect(runs.withLock { $0 }.count == 10, "no handler ran twice")
        #expect(try await place.outputs().sorted() == (0..<10).map { "\($0)" })
    }

    @Test("after a reset of the group's offset all run again, and produce again")
    func reset() async throws {
        let place = try await OutputPlace()
        try await place.enqueue(0..<6)
        let perform: @Sendable (String, JobContext) async throws -> Void = { [topic = place.topic] number, context in
            try await context.produce(JobOutput(topic: topic, value: Bytes(number)))
        }
        for round in 1...2 {
            let worker = try place.worker(perform: perform)
            try await running(worker) {
                try await eventually("all have completed") { try await place.committed() == 6 }
            }
            #expect(try await place.outputs().count == 6 * round)
            let resetter = try OffsetResetter(place.cluster.configuration)
            try await eventually("the group is empty") {
                guard let plan = try? await resetter.plan(.earliest, of: place.queue) else { return false }
                try await resetter.execute(plan)
                return true
            }
        }
    }

    @Test("where the topic is made anew under a worker, its jobs run, though others were completed at their offsets")
    func recreated() async throws {
        let place = try await OutputPlace()
        try await place.enqueue(0..<10)
        let worker = try place.worker { [topic = place.topic] number, context in
            try await context.produce(JobOutput(topic: topic, value: Bytes(number)))
        }
        try await running(worker) {
            try await eventually("all are committed") { try await place.committed() == 10 }
            try await place.recreate()
            try await place.enqueue(10..<13)
            try await eventually("the new ones have produced", within: .seconds(60)) {
                try await place.outputs().count == 13
            }
        }
        #expect(try await place.outputs().sorted() == (0..<13).map { "\($0)" }.sorted())
    }

    @Test("an owner that has been replaced commits nothing, and the job's outputs are seen once")
    func zombie() async throws {
        let place = try await OutputPlace()
        try await place.enqueue(0..<1)
        let gate = Gate()
        let perform: @Sendable (String, JobContext) async throws -> Void = { [topic = place.topic] number, context in
            try await context.produce(JobOutput(topic: topic, value: Bytes("first")))
            await gate.passStubbornly()
        }
        // Its attempt ignores the shutdown; its worker leaves the group without it.
        let first = try place.worker(set(\.shutdownLimit, .milliseconds(100)), perform: perform)
        let starts = Mutex(0)
        try await running(first) {
            try await eventually("the attempt runs") { first.inFlight == 1 }
        }
        let second = try place.worker { [topic = place.topic] number, context in
            starts.withLock { $0 += 1 }
            try await context.produce(JobOutput(topic: topic, value: Bytes("second")))
        }
        try await running(second) {
            try await eventually("the next owner has completed it") { second.statistics.completed == 1 }
            gate.open()
            try await eventually("its offset is committed") { try await place.committed() == 1 }
        }
        #expect(try await place.outputs() == ["second"])
    }

    @Test("a record that the broker refuses fails its own job, and nobody else's")
    func refused() async throws {
        let place = try await OutputPlace()
        try await place.enqueue(0..<8)
        let worker = try place.worker { [topic = place.topic] number, context in
            let value = number == "3" ? Bytes(Array(repeating: 0, count: 3 << 20)) : Bytes(number)
            try await context.produce(JobOutput(topic: topic, value: value))
        }
        try await running(worker) {
            try await eventually("the others have completed") {
                worker.statistics.completed == 7 && worker.statistics.failedAttempts >= 1
            }
        }
        #expect(try await place.outputs().sorted() == ["0", "1", "2", "4", "5", "6", "7"])
    }

    @Test("outputs of which each fits its topic are not refused for being many")
    func many() async throws {
        let place = try await OutputPlace()
        let small = try await place.cluster.makeTopic("small", configs: ["max.message.bytes": "20000"])
        try await place.enqueue(0..<1)
        let worker = try place.worker { _, context in
            for number in 0..<10 {
                let value = Bytes("\(number)" + String(repeating: "x", count: 9000))
                try await context.produce(JobOutput(topic: small, value: value))
            }
        }
        try await running(worker) {
            try await eventually("it has completed") { worker.statistics.completed == 1 }
        }
        #expect(worker.statistics.failedAttempts == 0)
        let values = try await place.records(of: small, partitions: 1).map { String(($0.value?.text ?? "").prefix(1)) }
        #expect(values == (0..<10).map { "\($0)" })
    }

    @Test("a type that was not registered for it is told how, and produces nothing")
    func unregistered() async throws {
        let place = try await OutputPlace()
        try await place.enqueue(0..<1)
        let error = Mutex("")
        let worker = try place.worker(isRegistered: false) { [topic = place.topic] number, context in
            do {
                try await context.produce(JobOutput(topic: topic, value: Bytes(number)))
            } catch let refusal {
                error.withLock { $0 = "\(refusal)" }
            }
        }
        try await running(worker) {
            try await eventually("it has run") { worker.statistics.completed == 1 }
        }
        #expect(error.withLock { $0 }.contains("commitsOutputs(\"default\")"))
        #expect(try await place.outputs().isEmpty)
    }
}
