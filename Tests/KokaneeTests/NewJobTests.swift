import Kokanee
import RdKafka
import TestSupport
import Testing

private struct Greet: Job {
    static let type = "greet"
    static let version = 2
    var name: String

    func perform(_ context: JobContext) async throws {}
}

@Suite struct NewJobTests {
    private let now: Int64 = 1_782_907_200_000

    private func record(_ job: NewJob) throws -> (id: String, record: ProducerRecord) {
        var generator = SeededGenerator(seed: 5)
        return try job.record(for: Queue("orders"), source: "tests", at: now, using: &generator)
    }

    private func decoded(_ job: NewJob) throws -> Envelope {
        let (_, record) = try record(job)
        let place = Envelope.Origin(topic: record.topic, partition: 0, offset: 0)
        return try Envelope.decode(headers: record.headers, at: place, value: record.value, defaultType: "d").get()
            .envelope
    }

    @Test("a job is enqueued on the main topic with its type, version, key and payload")
    func job() throws {
        var job = try NewJob(Greet(name: "a/b"))
        job.key = "k"
        job.id = "i-1"
        job.headers = [Header("traceparent", "x")]
        let (id, record) = try record(job)
        #expect(id == "i-1")
        #expect(record.topic == "orders")
        #expect(record.key == "k")
        #expect(record.value == #"{"name":"a/b"}"#)
        #expect(record.timestamp == now)
        #expect(record.headers.contains(Header("content-type", "application/json")))
        #expect(record.headers.last == Header("traceparent", "x"))
        #expect(try decoded(job) == Envelope(id: "i-1", type: "greet", version: 2))
    }

    @Test("ids are UUIDs of version 7, in the order of time")
    func ids() throws {
        var generator = SeededGenerator(seed: 6)
        var ids: [String] = []
        for millisecond in Int64(0)..<200 {
            let job = NewJob(type: "t", payload: nil)
            ids.append(
                try job.record(for: Queue("q"), source: "s", at: now + millisecond, using: &generator).id
            )
        }
        let pattern = #/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/#
        #expect(ids.allSatisfy { $0.wholeMatch(of: pattern) != nil })
        #expect(ids == ids.sorted())
        #expect(ids[0].replacing("-", with: "").prefix(12) == String(now, radix: 16).leftPadded(to: 12))
    }

    @Test("delay, time and expiry become times of the wall clock")
    func times() throws {
        var job = NewJob(type: "t", payload: "x")
        job.delay = .seconds(90)
        job.expiresAfter = .seconds(100)
        #expect(try decoded(job).dueAt == now + 90_000)
        #expect(try decoded(job).expiresAt == now + 100_000)
        job.delay = nil
        job.at = now + 5
        #expect(try decoded(job).dueAt == now + 5)
        job.at = now - 5
        #expect(try decoded(job).dueAt == nil)
        job.at = nil
        job.delay = .zero
        #expect(try decoded(job).dueAt == nil)
    }

    @Test(
        "a job that could not be read back, or never run, is refused",
        arguments: [
            { $0.type = "" }, { $0.type = "a\nb" }, { $0.type = String(repeating: "a", count: 1025) },
            { $0.version = 0 }, { $0.version = Int.max }, { $0.id = "" }, { $0.id = "\u{0}" },
            { $0.idempotencyKey = "" }, { $0.delay = .seconds(-1) }, { $0.delay = .seconds(Int64.max) },
            { $0.at = Int64.max }, { $0.expiresAfter = .zero }, { $0.expiresAfter = .seconds(Int64.max) },
            { $0.headers = [Header("ce_id", "x")] }, { $0.headers = [Header("kokanee-x", "x")] },
            { $0.contentType = "application/cloudevents+json; charset=utf-8" },
            { $0.contentType = "Application/CloudEvents-batch+json" },
            {
                $0.unique = .unique(until: .done, for: .seconds(60))
                $0.idempotencyKey = "k"
            },
            {
                $0.delay = .seconds(1)
                $0.at = 5
            },
            {
                $0.delay = .seconds(10)
                $0.expiresAfter = .seconds(10)
            },
        ] as [@Sendable (inout NewJob) -> Void]
    )
    func refusing(change: @Sendable (inout NewJob) -> Void) {
        var job = NewJob(type: "t", payload: nil)
        change(&job)
        #expect(throws: InputError.self) { try record(job) }
    }
}

extension String {
    fileprivate func leftPadded(to width: Int) -> String {
        String(repeating: "0", count: max(0, width - count)) + self
    }
}
