import Dispatch
import Foundation
import Kokanee
import RdKafka

/// `kokanee-peer enqueue|work`: Kokanee as a peer of `make bench-peers`, told by the PEER_* variables what to do. Both
/// are what a program of a user's would do, with the settings that it would get.
@main
enum KokaneePeer {
    static func main() async throws {
        let settings = Settings()
        switch CommandLine.arguments.dropFirst().first {
        case "enqueue": print(try await Enqueuing(settings).run())
        case "work": try await work(settings)
        default: throw Failure("usage: kokanee-peer enqueue|work")
        }
    }

    private static func work(_ settings: Settings) async throws {
        let log = try FinishedLog(path: settings.text("PEER_LOG"))
        let sleep = try settings.sleep
        var jobs = JobRegistry()
        try jobs.register(Order.type, payload: Order.self) { order, _ in
            let start = Monotonic.now
            if let sleep { try await Task.sleep(for: sleep) }
            try log.append(order, start: start, end: Monotonic.now)
        }
        var configuration = WorkerConfiguration()
        configuration.concurrency = 100
        // It chooses its own `fetch.wait.max.ms`, by the number of partitions.
        let client = ClientConfiguration(bootstrapServers: try settings.text("PEER_BOOTSTRAP"))
        let worker = Worker(
            queues: [try Queue(settings.text("PEER_TOPIC"))],
            jobs: jobs,
            configuration: configuration,
            client: client
        )
        signal(SIGTERM, SIG_IGN)
        let termination = DispatchSource.makeSignalSource(signal: SIGTERM, queue: .global())
        termination.setEventHandler { @Sendable in worker.stop() }
        termination.resume()
        try await worker.run()
        withExtendedLifetime(termination) {}
    }
}

struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// What the harness says in the environment.
struct Settings {
    private let environment = ProcessInfo.processInfo.environment

    func text(_ name: String) throws -> String {
        guard let text = environment[name], !text.isEmpty else { throw Failure("\(name) is not set") }
        return text
    }

    func integer(_ name: String) throws -> Int {
        guard let number = Int(try text(name)) else { throw Failure("\(name) is not a number") }
        return number
    }

    var sleep: Duration? {
        get throws {
            switch try text("PEER_WORK") {
            case "noop": nil
            case "sleep100us": .microseconds(100)
            case "sleep1ms": .milliseconds(1)
            case let work: throw Failure("PEER_WORK is noop, sleep100us or sleep1ms, not \(work)")
            }
        }
    }
}

enum Monotonic {
    /// Seconds of CLOCK_MONOTONIC, which all peers share.
    static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
