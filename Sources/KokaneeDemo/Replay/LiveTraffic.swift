internal import Kokanee
internal import RdKafka
internal import Synchronization

/// Enqueues invoices at a steady rate until it is stopped.
final class LiveTraffic: Sendable {
    private static let tick = Duration.milliseconds(10)
    private static let perTick = 3

    private let count = Mutex(0)
    private let task: Task<Int, any Error>

    /// Jobs in a second.
    static var rate: Int { perTick * Int(Duration.seconds(1) / tick) }

    init(_ queue: Queue, _ client: ClientConfiguration) throws {
        let jobs = try JobClient(client, source: "kokanee-demo")
        task = Task {
            var number = 0
            var next = ContinuousClock.now
            while !Task.isCancelled {
                let batch = try (0..<Self.perTick).map { try Self.job(number + $0) }
                number += batch.count
                for result in await jobs.enqueue(batch, to: queue) { _ = try result.get() }
                next += Self.tick
                try? await Task.sleep(until: next)
            }
            await jobs.close()
            return number
        }
    }

    /// Ends it; returns how many jobs there are.
    func stop() async throws -> Int {
        task.cancel()
        return try await task.value
    }

    private static func job(_ number: Int) throws -> NewJob {
        let countries = InvoiceRelease.countries
        let invoice = InvoiceJob(
            number: number,
            country: countries[number / 3 % countries.count],
            net: 100 + number &* 7919 % 99_900,
            sentAt: InvoiceHandler.now()
        )
        var job = try NewJob(
            type: number.isMultiple(of: 3) ? InvoiceJob.receipt : InvoiceJob.total,
            payload: JSONCodec.json.encode(invoice),
            contentType: "application/json"
        )
        job.id = "invoice-\(number)"
        job.key = Bytes("customer-\(number % 500)")
        return job
    }
}
