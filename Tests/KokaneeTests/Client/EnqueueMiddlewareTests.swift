import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("Middleware around enqueueing, and payloads' sizes", .timeLimit(.minutes(1)))
struct EnqueueMiddlewareTests {
    private struct Refused: Error {}

    private struct Named: EnqueueMiddleware {
        let name: String
        let story: Mutexed

        func prepare(_ job: inout NewJob, for queue: Queue) async throws {
            story.tell("\(name) prepares \(job.payload?.text ?? "")")
            if job.payload == Bytes("not by \(name)") { throw Refused() }
            job.headers.append(Header(name, Bytes("\(job.headers.count)")))
            job.key = Bytes((job.key?.text ?? "") + name)
        }

        func settled(_ job: NewJob, _ result: Result<EnqueuedJob, any Error>, in queue: Queue) async {
            let place = (try? result.get()).map { "\($0.topic)/\($0.offset)" } ?? "refused"
            story.tell("\(name) sees \(job.payload?.text ?? "") \(place)")
        }
    }

    private final class Mutexed: Sendable {
        private let lines = Mutex<[String]>([])

        var all: [String] { lines.withLock { $0 } }

        func tell(_ line: String) { lines.withLock { $0.append(line) } }
    }

    @Test(
        "the first is the outermost; each may change or refuse a job, and those that let it pass see what became of it"
    )
    func order() async throws {
        let fixture = try WorkerFixture()
        let story = Mutexed()
        let client = try JobClient(
            fixture.client,
            middleware: [Named(name: "a", story: story), Named(name: "b", story: story)]
        )
        let jobs = ["not by b", "yes", "not by a"].map { NewJob(type: "t", payload: Bytes($0)) }
        let results = await client.enqueue(jobs, to: fixture.queue)
        await client.close()
        #expect(results.map { (try? $0.get()) != nil } == [false, true, false])
        #expect(throws: Refused.self) { _ = try results[0].get() }
        let record = try #require(try await fixture.records(of: "q").first)
        #expect(record.key == "ab" && record.value == "yes")
        #expect(record.headers.suffix(2) == [Header("a", "0"), Header("b", "1")])
        #expect(
            story.all == [
                "a prepares not by b", "b prepares not by b", "a prepares yes", "b prepares yes",
                "a prepares not by a", "a sees not by b refused", "b sees yes q/0", "a sees yes q/0",
            ]
        )
    }

    @Test("large payloads are told of once for each type, and too large ones are refused with advice, and alone")
    func sizes() async throws {
        let fixture = try WorkerFixture()
        let log = LogCollector()
        let client = try JobClient(
            fixture.client,
            payloads: PayloadLimits(warning: 100, maximum: 1000),
            logger: log.logger
        )
        func job(_ type: String, _ size: Int, key: Bytes? = nil) -> NewJob {
            var job = NewJob(type: type, payload: Bytes([UInt8](repeating: 0x20, count: size)))
            job.key = key
            return job
        }
        let jobs = [
            job("small", 100), job("a", 101), job("a", 1000), job("b", 500), job("a", 1001), job("b", 999, key: "kk"),
        ]
        let results = await client.enqueue(jobs, to: fixture.queue)
        _ = try await client.enqueue(job("a", 200), to: fixture.queue)
        await client.close()
        #expect(results.map { (try? $0.get()) != nil } == [true, true, true, true, false, false])
        #expect(log.lines.count == 2)
        #expect(log.contains("type=a bytes=101 warned above=100") && log.contains("type=b bytes=500"))
        let error = #expect(throws: InputError.self) { _ = try results[4].get() }
        let text = "\(try #require(error))"
        for part in ["1001 bytes", "\"a\"", "1000", "id or a path, not the data"] {
            #expect(text.contains(part), "\(text)")
        }
        #expect(try await fixture.records(of: "q").count == 5)
    }

    @Test("unless told otherwise a client refuses what leaves a hop no room under its message.max.bytes")
    func defaultLimit() async throws {
        let fixture = try WorkerFixture()
        let client = try JobClient(fixture.client)
        let limit = 1_000_000 - 16_384
        for (size, fits) in [(limit, true), (limit + 1, false)] {
            let job = NewJob(type: "t", payload: Bytes([UInt8](repeating: 0x20, count: size)))
            let result = await client.enqueue([job], to: fixture.queue)
            #expect(((try? result[0].get()) != nil) == fits)
        }
        await client.close()
    }
}
