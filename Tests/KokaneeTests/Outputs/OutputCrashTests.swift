import Foundation
import RdKafka
import TestSupport
import Testing

@testable import Kokanee

/// On a broker that isolates transactions, or any Kafka that `KOKANEE_TEST_BOOTSTRAP` names.
@Suite("Workers that are killed around a transaction of outputs", .timeLimit(.minutes(5)))
struct OutputCrashTests {
    /// A worker in a process of its own; it ends, at the latest, with this one.
    private final class KilledWorker {
        private let process = Process()
        private let leash = Foundation.Pipe()

        init(_ place: OutputPlace, plan: String) throws {
            let bundle = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
            process.executableURL = bundle.deletingLastPathComponent().appending(path: "kokanee-outputs-worker")
            process.arguments = [place.cluster.bootstrapServers, place.queue.name, place.topic]
            process.environment = ProcessInfo.processInfo.environment
                .merging([FailPoints.environmentVariable: plan]) { $1 }
            process.standardInput = leash
            try process.runUnblocked()
        }

        var isRunning: Bool { process.isRunning }
        var wasKilled: Bool { process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGKILL }

        func kill() { Glibc.kill(process.processIdentifier, SIGKILL) }

        deinit { if process.isRunning { kill() } }
    }

    private static let jobs = 300

    @Test(
        "each job's outputs are seen once, and none is missing, wherever the one before was killed",
        arguments: [
            "outputs.committing=kill@1", "outputs.committing=kill@6", "outputs.produced=wedge@1",
            "outputs.produced=wedge@6", "outputs.committed=kill@1", "outputs.committed=kill@6",
        ]
    )
    func killed(plan: String) async throws {
        let place = try await OutputPlace()
        for partition in 0..<2 {
            let first = partition * Self.jobs
            try await place.enqueue(first..<first + Self.jobs, partition: Int32(partition))
        }
        let first = try KilledWorker(place, plan: plan)
        if plan.contains("wedge") {
            // Whatever of it is committed stands before that, and the records of the open one are with the broker.
            let output = TopicPartition(topic: place.topic, partition: 0)
            let uncommitted = try AdminClient(place.cluster.configuration.seeingUncommitted)
            try await eventually("a transaction stays open", within: .seconds(60)) {
                let end = try await uncommitted.extents(of: [output])[output]?.upperBound ?? 0
                return try await end > place.cluster.admin.extents(of: [output])[output]?.upperBound ?? 0
            }
            first.kill()
        }
        try await eventually("it is dead", within: .seconds(60)) { !first.isRunning }
        #expect(first.wasKilled)
        let before = try await place.outputs()
        #expect(before.count < 2 * Self.jobs, "it was killed in the middle")
        let second = try place.worker(named: "worker") { [topic = place.topic] number, context in
            try await context.produce(JobOutput(topic: topic, key: Bytes(number), value: Bytes(number)))
        }
        try await running(second) {
            try await eventually("all is committed", within: .seconds(90)) {
                let count = Int64(Self.jobs)
                let committed = (try await place.committed(0), try await place.committed(1))
                return committed == (count, count)
            }
        }
        let expected = (0..<2 * Self.jobs).map { "\($0)" }
        #expect(try await place.outputs().sorted() == expected.sorted())
    }
}
