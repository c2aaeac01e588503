import Dispatch
import Foundation
import Kokanee
import RdKafka
import Synchronization

/// `kokanee-instructions enqueue|work|hop BROKERS QUEUE JOBS`: the two paths that every job takes, and the one of jobs that
/// fail, and little else, for `instructions.sh` to count what they cost.
@main
enum Instructions {
    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    /// Not an async main: with that the main thread ends while others go on, and callgrind 3.19 crashes.
    static func main() {
        let done = DispatchSemaphore(value: 0)
        Task.detached {
            do {
                try await run()
            } catch {
                FileHandle.standardError.write(Data("kokanee-instructions: \(error)\n".utf8))
                exit(1)
            }
            done.signal()
        }
        done.wait()
    }

    private static func run() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 5, let jobs = Int(arguments[4]), jobs > 0 else {
            throw Failed(description: "usage: kokanee-instructions enqueue|work|hop BROKERS QUEUE JOBS")
        }
        let client = ClientConfiguration(bootstrapServers: arguments[2])
        let queue = try Queue(arguments[3])
        switch arguments[1] {
        case "enqueue": try await enqueue(jobs, to: queue, client)
        case "work": try await work(jobs, of: queue, client)
        case "hop": try await hop(jobs, of: queue, client)
        default: throw Failed(description: "enqueue, work or hop, not \(arguments[1])")
        }
    }

    /// Raw payloads of 200 bytes, each job with a key of its own, the acknowledgements of a thousand awaited together.
    private static func enqueue(_ jobs: Int, to queue: Queue, _ client: ClientConfiguration) async throws {
        let client = try JobClient(client)
        let payload = Bytes([UInt8](repeating: UInt8(ascii: "x"), count: 200))
        for first in stride(from: 0, to: jobs, by: 1000) {
            let part = (first..<min(first + 1000, jobs)).map { number in
                var job = NewJob(type: "noop", payload: payload, contentType: "application/octet-stream")
                job.key = Bytes([UInt8]("key-\(number)".utf8))
                return job
            }
            for result in await client.enqueue(part, to: queue) { _ = try result.get() }
        }
        await client.close()
    }

    /// A handler that fails: each job hops to the first rung, and is not due there before the end.
    private static func hop(_ jobs: Int, of queue: Queue, _ client: ClientConfiguration) async throws {
        var registry = JobRegistry()
        registry.registerCatchAll(FailingHandler())
        var configuration = WorkerConfiguration()
        configuration.circuit = nil
        let worker = Worker(queues: [queue], jobs: registry, configuration: configuration, client: client)
        async let run: Void = worker.run()
        // The worker's own count, looked at seldom: a handler can't tell when its job has hopped.
        while worker.statistics.retried < jobs { try await Task.sleep(for: .milliseconds(100)) }
        worker.stop()
        try await run
        guard worker.statistics.retried == jobs else {
            throw Failed(description: "not \(jobs) jobs exactly: \(worker.statistics)")
        }
    }

    /// A handler that does nothing, with all that is on by default: key order, completion tracking, commits.
    private static func work(_ jobs: Int, of queue: Queue, _ client: ClientConfiguration) async throws {
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        var registry = JobRegistry()
        registry.registerCatchAll(CountingHandler(jobs: jobs) { end.finish() })
        let worker = Worker(queues: [queue], jobs: registry, client: client)
        async let run: Void = worker.run()
        for await _ in ends {}
        worker.stop()
        try await run
        guard worker.statistics.completed == jobs else {
            throw Failed(description: "not \(jobs) jobs exactly: \(worker.statistics)")
        }
    }
}

private struct FailingHandler: JobHandler {
    func perform(_ payload: Bytes, _ context: JobContext) async throws { throw JobError.retry("it fails") }
}

private final class CountingHandler: JobHandler {
    private let left: Atomic<Int>
    private let whenDone: @Sendable () -> Void

    init(jobs: Int, whenDone: @escaping @Sendable () -> Void) {
        left = Atomic(jobs)
        self.whenDone = whenDone
    }

    func perform(_ payload: Bytes, _ context: JobContext) async throws {
        if left.subtract(1, ordering: .relaxed).newValue == 0 { whenDone() }
    }
}
