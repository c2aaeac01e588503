internal import CBaseline
internal import Kokanee
internal import RdKafka

extension BenchPart {
    /// Jobs enqueued together.
    private static let chunk = 10_000
    /// Chunks that are on their way at the same time, unless `chunks=` says otherwise.
    private static let chunksInFlight = 3

    /// Enqueues through ``JobClient``: chunks of ``NewJob``s, several in flight, every result looked at.
    ///
    /// The jobs are made inside the measured time, as the C loop fills its headers inside its own; keys and payload are
    /// there before, in both.
    static func enqueue(_ input: PartInput) async throws -> Metrics {
        let jobs = try input.integer("jobs")
        let warmup = try input.integer("warmup", default: 0)
        let chunks = try input.integer("chunks", default: chunksInFlight)
        let queue = try input.queue()
        let client = try JobClient(input.client)
        let payload = Bytes(Payload.raw.all[0])
        let keys = (0..<chunk).map { Bytes("k" + hexadecimal(UInt32($0))) }
        try await send(0..<warmup, of: payload, keys, chunks, to: queue, client)
        let start = cbaseline_now_ns()
        try await send(warmup..<jobs, of: payload, keys, chunks, to: queue, client)
        let seconds = Double(cbaseline_now_ns() - start) / 1e9
        await client.close()
        return Metrics(["seconds": seconds, "rate": Double(jobs - warmup) / seconds])
    }

    private static func send(
        _ range: Range<Int>,
        of payload: Bytes,
        _ keys: [Bytes],
        _ chunks: Int,
        to queue: Queue,
        _ client: JobClient
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var inFlight = 0
            for first in stride(from: range.lowerBound, to: range.upperBound, by: chunk) {
                if inFlight == chunks {
                    try await group.next()
                    inFlight -= 1
                }
                let count = min(chunk, range.upperBound - first)
                group.addTask {
                    let jobs = (0..<count).map { index in
                        var job = NewJob(type: jobType, payload: payload, contentType: "application/json")
                        job.key = keys[index]
                        return job
                    }
                    for result in await client.enqueue(jobs, to: queue) {
                        if case .failure(let error) = result { throw error }
                    }
                }
                inFlight += 1
            }
            try await group.waitForAll()
        }
    }

    /// Eight digits, as the C loops have them in their keys.
    static func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
