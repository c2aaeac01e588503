import Foundation
import Kokanee
import RdKafka

/// `kokanee-outputs-worker BROKERS QUEUE TOPIC`: works jobs that produce their value to a topic together with their
/// completion, until it is killed, or its stdin ends. OutputCrashTests kills it; where it does so of itself says the
/// environment's `KOKANEE_FAIL_POINTS`.
@main
enum OutputsWorker {
    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4 else {
            throw Failed(description: "usage: kokanee-outputs-worker BROKERS QUEUE TOPIC")
        }
        let topic = arguments[3]
        var jobs = JobRegistry()
        try jobs.register("default") { (payload: Bytes, context) in
            try await context.produce(JobOutput(topic: topic, key: payload, value: payload))
        }
        try jobs.commitsOutputs("default")
        var configuration = WorkerConfiguration()
        configuration.commitInterval = .milliseconds(100)
        let worker = Worker(
            queues: [try Queue(arguments[2], ladder: Ladder(text: "1s"))],
            jobs: jobs,
            configuration: configuration,
            // The next one of this name takes its place at once, dead as it is.
            client: ClientConfiguration(bootstrapServers: arguments[1], properties: ["group.instance.id": "worker"])
        )
        #if KOKANEE_FAIL_POINTS
            if let plan = ProcessInfo.processInfo.environment[FailPoints.environmentVariable] {
                try FailPoints.arm(plan)
            }
        #endif
        // Whoever started this has ended.
        OSThread.start(name: "outputs:stdin") {
            while readLine() != nil {}
            exit(0)
        }
        try await worker.run()
    }
}
