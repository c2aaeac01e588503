import Kokanee
import RdKafka
import Synchronization
import TestSupport
import Testing

private struct Invoice: Codable, Sendable, Equatable {
    var number: Int
    var lines: [Line] = []

    struct Line: Codable, Sendable, Equatable {
        var text: String
    }
}

private struct Failing: Job {
    static let type = "failing"
    static let version = 3

    func perform(_ context: JobContext) async throws {
        throw JobError.deadLetter("attempt \(context.attempt)")
    }
}

private final class Seen<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])

    func add(_ value: Value) { values.withLock { $0.append(value) } }

    var all: [Value] { values.withLock { $0 } }
}

@Suite struct JobRegistryTests {
    private func run(_ jobs: JobRegistry, _ type: String, version: Int = 1, _ payload: Bytes) async throws {
        guard case .handler(let handler) = jobs.resolve(type: type, version: version) else {
            Issue.record("\(type) of version \(version) has no handler")
            return
        }
        let context = JobContext(
            queue: "q",
            envelope: Envelope(id: "i", type: type, version: version),
            maximumAttempts: 1,
            key: nil,
            source: Envelope.Origin(topic: "q", partition: 0, offset: 0)
        )
        try await handler.perform(payload, context)
    }

    private func reason(_ payload: Bytes) async -> String? {
        var jobs = JobRegistry()
        do {
            try jobs.register("invoice", payload: Invoice.self) { _, _ in }
            try await run(jobs, "invoice", payload)
            return nil
        } catch {
            return (error as? PayloadError)?.reason
        }
    }

    @Test("a closure gets the payload decoded, or as bytes")
    func closures() async throws {
        let decoded = Seen<Invoice>()
        let raw = Seen<[UInt8]>()
        var jobs = JobRegistry()
        try jobs.register("invoice", payload: Invoice.self) { invoice, _ in decoded.add(invoice) }
        try jobs.register("raw") { bytes, _ in raw.add(bytes.array) }
        try await run(jobs, "invoice", #"{"number":7,"lines":[{"text":"a"}]}"#)
        try await run(jobs, "raw", Bytes([0xFF, 0]))
        #expect(decoded.all == [Invoice(number: 7, lines: [.init(text: "a")])])
        #expect(raw.all == [[0xFF, 0]])
    }

    @Test("a job type without properties runs on an empty payload, and what it throws passes through")
    func jobType() async throws {
        var jobs = JobRegistry()
        try jobs.register(Failing.self)
        for payload: Bytes in ["", "{}", #"{"more":1}"#] {
            let error = await #expect(throws: JobError.self) { try await run(jobs, "failing", version: 3, payload) }
            #expect(error?.reason == "attempt 1")
        }
    }

    @Test("versions up to the handler's run, newer ones don't; unknown types name the known")
    func resolution() throws {
        var jobs = JobRegistry()
        try jobs.register(Failing.self)
        try jobs.register("a") { _, _ in }
        guard case .handler = jobs.resolve(type: "failing", version: 1) else { throw InputError("no handler") }
        guard case .versionTooNew(known: 3) = jobs.resolve(type: "failing", version: 4) else {
            throw InputError("not too new")
        }
        guard case .unknownType(known: ["a", "failing"]) = jobs.resolve(type: "b", version: 1) else {
            throw InputError("not unknown")
        }
    }

    @Test("a catch-all runs what nothing else does, but no version that a registered type is too old for")
    func catchAll() async throws {
        struct Handler: JobHandler {
            let seen: Seen<String>

            func perform(_ payload: Bytes, _ context: JobContext) async throws { seen.add(context.type) }
        }
        let handler = Handler(seen: Seen())
        var jobs = JobRegistry()
        try jobs.register(Failing.self)
        jobs.registerCatchAll(handler)
        try await run(jobs, "anything", version: 9, "")
        #expect(handler.seen.all == ["anything"])
        guard case .versionTooNew = jobs.resolve(type: "failing", version: 4) else { throw InputError("not too new") }
    }

    @Test("a type can't be registered twice, without a name, or in version 0")
    func refusing() throws {
        var jobs = JobRegistry()
        try jobs.register("a") { _, _ in }
        #expect(throws: InputError.self) { try jobs.register("a") { _, _ in } }
        #expect(throws: InputError.self) { try jobs.register("") { _, _ in } }
        #expect(throws: InputError.self) { try jobs.register("b", version: 0) { _, _ in } }
    }

    @Test(
        "a payload that doesn't fit is a payload error that names the place",
        arguments: [
            ("{}", "number is missing"), (#"{"number":"x","lines":[]}"#, "number is no Int"),
            (#"{"number":1,"lines":[{"text":"a"},{}]}"#, "lines[1].text is missing"),
            (#"{"number":null,"lines":[]}"#, "number is null"), ("[]", "the whole is no"), ("{", "the whole: "),
        ]
    )
    func misfits(payload: String, expected: String) async {
        #expect(await reason(Bytes(payload))?.contains(expected) == true)
    }

    @Test("payloads of any bytes are refused, not crashed on")
    func garbage() async {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<300 {
            let count = Int.random(in: 1...40, using: &generator)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(await reason(Bytes(bytes)) != nil)
        }
        #expect(await reason(Bytes(String(repeating: "[", count: 100_000))) != nil)
    }

    @Test("many decodings at once share the codec")
    func concurrency() async throws {
        try await withThrowingTaskGroup(of: Invoice.self) { group in
            for number in 0..<200 {
                group.addTask {
                    let codec: any PayloadCodec = .json
                    return try codec.decode(Invoice.self, from: codec.encode(Invoice(number: number)))
                }
            }
            var sum = 0
            for try await invoice in group { sum += invoice.number }
            #expect(sum == 19_900)
        }
    }
}
