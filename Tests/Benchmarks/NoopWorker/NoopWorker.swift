import Foundation
import Kokanee
import RdKafka

/// `kokanee-noop-worker BROKERS QUEUE JOBS`: works a backlog of jobs by doing nothing, and prints the process's memory
/// after each tenth of it. What it shows is the worker's own cost.
@main
enum NoopWorker {
    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4, let jobs = Int(arguments[3]), jobs >= 10 else {
            throw Failed(description: "usage: kokanee-noop-worker BROKERS QUEUE JOBS")
        }
        var registry = JobRegistry()
        registry.registerCatchAll(NoopHandler())
        var configuration = WorkerConfiguration()
        configuration.stopsWhenIdle = true
        let worker = Worker(
            queues: [try Queue(arguments[2])],
            jobs: registry,
            configuration: configuration,
            client: ClientConfiguration(bootstrapServers: arguments[1])
        )
        let run = Task { try await worker.run() }
        print("     jobs    resident        peak  seconds")
        try show(0, since: .now)
        let start = ContinuousClock.now
        for tenth in 1...10 {
            while worker.statistics.completed < jobs / 10 * tenth {
                try await Task.sleep(for: .milliseconds(10))
                guard ContinuousClock.now < start + .seconds(600) else {
                    throw Failed(description: "\(worker.statistics) after 10 minutes")
                }
            }
            try show(worker.statistics.completed, since: start)
        }
        try await run.value
        let statistics = worker.statistics
        guard statistics.completed == jobs, statistics.lostToRetention == 0 else {
            throw Failed(description: "not all of \(jobs) jobs were worked: \(statistics)")
        }
    }

    private static func show(_ completed: Int, since start: ContinuousClock.Instant) throws {
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let memory = try ProcessMemory()
        print(
            String(
                format: "%9d %8.1f MiB %8.1f MiB %8.1f",
                completed,
                memory.resident,
                memory.peak,
                seconds
            )
        )
        fflush(nil)
    }
}

private struct NoopHandler: JobHandler {
    func perform(_ payload: Bytes, _ context: JobContext) async throws {}
}

/// What Linux says of this process, in MiB.
private struct ProcessMemory {
    let resident: Double
    let peak: Double

    init() throws {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        func mebibytes(_ name: String) throws -> Double {
            let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") }
            guard let kilobytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Double($0) })
            else {
                throw NoopWorker.Failed(description: "/proc/self/status has no \(name)")
            }
            return kilobytes / 1024
        }
        resident = try mebibytes("VmRSS")
        peak = try mebibytes("VmHWM")
    }
}
