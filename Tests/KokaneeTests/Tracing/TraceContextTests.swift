import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("Trace context", .timeLimit(.minutes(2)))
struct TraceContextTests {
    private static let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test("what the specification calls valid is read")
    func valid() throws {
        let trace = try #require(TraceContext(Self.parent, state: "a=1,b=2"))
        #expect(trace.traceID == "0af7651916cd43dd8448eb211c80319c" && trace.spanID == "b7ad6b7169203331")
        #expect(trace.isSampled && trace.state == "a=1,b=2" && trace.traceparent == Self.parent)
        let later = try #require(TraceContext("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-more"))
        #expect(later.traceparent == "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00" && !later.isSampled)
        #expect(TraceContext("00-0000000000000000000000000000000a-000000000000000b-ff")?.spanID == "000000000000000b")
    }

    @Test(
        "what is not is none",
        arguments: [
            "", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
            "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319ç-b7ad6b7169203331-1",
        ]
    )
    func invalid(text: String) {
        #expect(TraceContext(text) == nil)
    }

    @Test("a state that is malformed is dropped, and leaves the trace", arguments: ["", "a", "a=1\u{1}", ",", "ä=1"])
    func state(text: String) throws {
        let trace = try #require(TraceContext(Self.parent, state: text))
        #expect(trace.state == nil)
    }

    @Test("a child is of the same trace and as sampled as its parent, and a span of its own")
    func child() throws {
        for flags in ["00", "01", "03"] {
            let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-\(flags)"
            let trace = try #require(TraceContext(text, state: "a=1"))
            let child = trace.child()
            #expect(child.traceID == trace.traceID && child.spanID != trace.spanID && child.state == "a=1")
            #expect(child.traceparent.hasSuffix("-\(flags)"))
        }
        let root = TraceContext.root()
        #expect(TraceContext(root.traceparent) == root && !root.isSampled)
    }

    @Test("a job's trace is set, read back, and taken away again; another header stays")
    func newJob() throws {
        var job = NewJob(type: "t", payload: nil)
        #expect(job.traceContext == nil && job.traceparent == nil)
        job.headers = [Header("x", "1")]
        job.traceContext = TraceContext(Self.parent, state: "a=1")
        #expect(job.traceparent == Self.parent && job.traceContext?.state == "a=1" && job.headers.count == 3)
        job.traceparent = "nonsense"
        #expect(job.traceContext == nil && job.traceparent == "nonsense")
        job.traceContext = nil
        #expect(job.headers == [Header("x", "1")])
    }

    @Test(
        "every attempt sees the enqueuer's trace, from a header or a structured event; a malformed one breaks nothing"
    )
    func attempts() async throws {
        let fixture = try WorkerFixture()
        let trace = [Header("traceparent", Bytes(Self.parent)), Header("tracestate", "a=1")]
        try await fixture.enqueue([("t", "plain")])
        try await fixture.enqueue([("t", "traced")], headers: trace)
        try await fixture.enqueue([("t", "of an SDK")], headers: [Header("ce_traceparent", Bytes(Self.parent))])
        try await fixture.enqueue([("t", "odd")], headers: [Header("traceparent", Bytes([0, 0xFF]))])
        let event = """
            {"specversion":"1.0","id":"structured","type":"t","source":"/s","traceparent":"\(Self.parent)"}
            """
        let producer = try Producer(ClientConfiguration(bootstrapServers: fixture.broker.bootstrapServers))
        let kind = [Header("content-type", "application/cloudevents+json")]
        _ = try await producer.send(ProducerRecord(topic: "q", partition: 0, value: Bytes(event), headers: kind))
        await producer.close()
        let seen = Mutex<[String: [String]]>([:])
        var jobs = JobRegistry()
        try jobs.register("t") { _, context in
            let trace = context.traceContext
            seen.withLock {
                $0[context.id, default: []].append("\(trace?.traceparent ?? "none") \(trace?.state ?? "")")
            }
            if context.attempt == 1 { throw JobError.retry("again") }
        }
        let worker = fixture.worker(jobs)
        try await running(worker) {
            try await eventually("all are completed") { worker.statistics.completed == 5 }
        }
        #expect(
            seen.withLock { $0 } == [
                "plain": ["none ", "none "], "odd": ["none ", "none "],
                "traced": ["\(Self.parent) a=1", "\(Self.parent) a=1"],
                "structured": ["\(Self.parent) ", "\(Self.parent) "],
                "of an SDK": ["\(Self.parent) ", "\(Self.parent) "],
            ]
        )
    }

    @Test("what a handler enqueues goes on with the trace of its job, as sampled as that")
    func continued() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue([("parent", "1")], headers: [Header("traceparent", Bytes(Self.parent))])
        try await fixture.enqueue([("parent", "2")])
        let client = try JobClient(fixture.client)
        let log = LogCollector()
        var jobs = JobRegistry()
        try jobs.register("parent") { [queue = fixture.queue] _, context in
            var child = NewJob(type: "child", payload: Bytes(context.id))
            child.id = TraceContext.current?.spanID
            _ = try await client.enqueue(child, to: queue)
            var own = NewJob(type: "child", payload: Bytes(context.id))
            own.traceparent = "00-own"
            _ = try await client.enqueue(own, to: queue)
        }
        try jobs.register("child") { _, _ in }
        let worker = fixture.worker(
            jobs,
            logger: log.logger,
            set(\.middleware, [TracingMiddleware(), LoggingMiddleware()])
        )
        try await running(worker) {
            try await eventually("all are completed") { worker.statistics.completed == 6 }
        }
        await client.close()
        func header(_ record: Record, _ name: String) -> String? {
            record.headers.last { $0.name == name }?.value?.text
        }
        let children = try await fixture.records(of: "q").filter { header($0, "ce_type") == "child" }
        var traces: [String: TraceContext] = [:]
        for child in children where header(child, "traceparent") != "00-own" {
            let trace = try #require(header(child, "traceparent").flatMap { TraceContext($0) })
            #expect(header(child, "ce_id") == trace.spanID)
            traces[child.value?.text ?? ""] = trace
        }
        #expect(children.count == 4 && traces.count == 2)
        #expect(traces["1"]?.traceID == "0af7651916cd43dd8448eb211c80319c" && traces["1"]?.isSampled == true)
        #expect(traces["2"]?.isSampled == false && traces["2"]?.traceID != traces["1"]?.traceID)
        #expect(log.contains("trace=0af7651916cd43dd8448eb211c80319c"))
        #expect(TraceContext.current == nil)
    }

    @Test("a handler process gets the trace in its request, a command in its environment; a malformed one neither")
    func processes() throws {
        func context(_ headers: [Header]) -> JobContext {
            JobContext(
                queue: "q",
                envelope: Envelope(id: "i", type: "t"),
                maximumAttempts: 1,
                key: nil,
                source: Envelope.Origin(topic: "q", partition: 0, offset: 0),
                headers: headers
            )
        }
        func request(_ headers: [Header]) -> String {
            String(decoding: HandlerRequest.line("1", context(headers)), as: UTF8.self)
        }
        func variables(_ headers: [Header]) throws -> [String] {
            try CommandHandler.environment(of: context(headers)).map { String(decoding: $0, as: UTF8.self) }
                .filter { $0.hasPrefix("TRACE") }
        }
        let trace = [Header("traceparent", Bytes(Self.parent)), Header("tracestate", "a=1")]
        #expect(request(trace).hasSuffix(#""data":1,"traceparent":"\#(Self.parent)","tracestate":"a=1"}"# + "\n"))
        #expect(try variables(trace) == ["TRACEPARENT=\(Self.parent)", "TRACESTATE=a=1"])
        for odd in [[], [Header("traceparent", "x")], [Header("tracestate", "a=1")]] {
            #expect(!request(odd).contains("trace"))
            #expect(try variables(odd).isEmpty)
        }
    }
}
