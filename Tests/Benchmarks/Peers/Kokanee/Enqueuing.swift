import Kokanee
import RdKafka

/// Enqueues PEER_JOBS jobs from number PEER_FIRST on.
struct Enqueuing {
    /// Of one call; all of it is acknowledged before the next begins. Without keys a call's jobs may all go to one partition,
    /// and two calls of 10,000 are more than the embedded broker keeps of it: it would drop the oldest.
    private static let part = 2500

    private let queue: Queue
    private let client: JobClient
    private let numbers: Range<Int>
    private let rate: Int
    private let isBulk: Bool

    init(_ settings: Settings) throws {
        queue = try Queue(settings.text("PEER_TOPIC"))
        let first = try settings.integer("PEER_FIRST")
        numbers = first..<first + (try settings.integer("PEER_JOBS"))
        rate = try settings.integer("PEER_RATE")
        isBulk = try settings.integer("PEER_BULK") == 1
        var configuration = ClientConfiguration(bootstrapServers: try settings.text("PEER_BOOTSTRAP"))
        // Who waits for each job waits for the linger too; all Kafka peers set it so.
        if !isBulk || rate > 0 { configuration.properties["linger.ms"] = "0" }
        client = try JobClient(configuration)
    }

    /// - Returns: the seconds from the first call to the last acknowledgement.
    func run() async throws -> Double {
        let start = Monotonic.now
        if rate > 0 {
            try await enqueueSteadily(from: start)
        } else if isBulk {
            try await enqueueInBulk()
        } else {
            for number in numbers { _ = try await client.enqueue(Order(number: number, due: Monotonic.now), to: queue) }
        }
        let seconds = Monotonic.now - start
        await client.close()
        return seconds
    }

    private func enqueueInBulk() async throws {
        for first in stride(from: numbers.lowerBound, to: numbers.upperBound, by: Self.part) {
            let part = first..<min(first + Self.part, numbers.upperBound)
            let jobs = part.map { Order(number: $0, due: Monotonic.now) }
            for result in await client.enqueue(jobs, to: queue) { _ = try result.get() }
        }
    }

    private func enqueueSteadily(from start: Double) async throws {
        try await withThrowingTaskGroup { group in
            for number in numbers {
                let due = start + Double(number - numbers.lowerBound) / Double(rate)
                let wait = due - Monotonic.now
                if wait > 0 { try await Task.sleep(for: .seconds(wait)) }
                group.addTask { _ = try await client.enqueue(Order(number: number, due: due), to: queue) }
            }
            try await group.waitForAll()
        }
    }
}
