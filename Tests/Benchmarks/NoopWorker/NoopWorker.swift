import Foundation
import Kokanee
import RdKafka

/// `kokanee-noop-worker BROKERS QUEUE JOBS`: works a backlog of jobs by doing nothing, and prints the process's memory
/// after each tenth of it. What it shows is the worker's own cost. Records that are no jobs count as well, once they are
/// on their way to the dead letters.
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
        var second: ContinuousClock.Instant?
        for tenth in 1...10 {
            while worker.statistics.finished < jobs / 10 * tenth {
                try await Task.sleep(for: .milliseconds(10))
                guard ContinuousClock.now < start + .seconds(600) else {
                    throw Failed(description: "\(worker.statistics) after 10 minutes")
                }
            }
            try show(worker.statistics.finished, since: start)
            second = second ?? .now
        }
        let end = ContinuousClock.now
        try await run.value
        let statistics = worker.statistics
        guard statistics.finished == jobs, statistics.lostToRetention == 0 else {
            throw Failed(description: "not all of \(jobs) jobs were worked: \(statistics)")
        }
        // The first tenth has the group's joining in it.
        if let second {
            print(String(format: "  %.0f/s after the first tenth", Double(jobs) * 0.9 / ((end - second) / .seconds(1))))
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

extension WorkerStatistics {
    fileprivate var finished: Int { completed + dead }
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
