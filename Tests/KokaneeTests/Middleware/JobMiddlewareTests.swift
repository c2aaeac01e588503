import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("Middleware around attempts", .timeLimit(.minutes(2)))
struct JobMiddlewareTests {
    /// What happened, in its order.
    private final class Story: Sendable {
        private let lines = Mutex<[String]>([])

        var all: [String] { lines.withLock { $0 } }

        func tell(_ line: String) { lines.withLock { $0.append(line) } }
    }

    private struct Named: JobMiddleware {
        let name: String
        let story: Story

        func perform(_ payload: Bytes, _ context: JobContext, next: NextHandler) async throws {
            story.tell("\(name) begins with \(payload.text)")
            do {
                try await next(Bytes("\(payload.text)+\(name)"), context)
                story.tell("\(name) ends")
            } catch {
                story.tell("\(name) sees \(error)")
                throw error
            }
        }

        func attach(to metrics: MetricsRegistry) {
            metrics.counter("\(name)_total", help: "").add()
        }
    }

    @Test("the first is the outermost, a worker's is outside a type's, and each hands on what it likes")
    func order() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue([("inner", "1")])
        let story = Story()
        var jobs = JobRegistry()
        try jobs.register("inner") { payload, _ in story.tell("handler has \(payload.text)") }
        try jobs.use(Named(name: "c", story: story), Named(name: "d", story: story), for: "inner")
        try jobs.use(Named(name: "e", story: story), for: "inner")
        let worker = fixture.worker(
            jobs,
            set(\.middleware, [Named(name: "a", story: story), Named(name: "b", story: story)])
        )
        try await running(worker) {
            try await eventually("it is completed") { worker.statistics.completed == 1 }
        }
        #expect(
            story.all == [
                "a begins with 1", "b begins with 1+a", "c begins with 1+a+b", "d begins with 1+a+b+c",
                "e begins with 1+a+b+c+d", "handler has 1+a+b+c+d+e", "e ends", "d ends", "c ends", "b ends", "a ends",
            ]
        )
        for name in ["a", "b", "c", "d", "e"] { #expect(worker.metrics.snapshot().value(of: "\(name)_total") == 1) }
    }

    @Test("a type's middleware is around no other type, and the worker's is around a catch-all as well")
    func types() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue([("one", "1"), ("other", "2")])
        let story = Story()
        var jobs = JobRegistry()
        try jobs.register("one") { payload, _ in story.tell(payload.text) }
        jobs.registerCatchAll(Catcher(story: story))
        try jobs.use(Named(name: "t", story: story), for: "one")
        #expect(throws: InputError.self) { try jobs.use(Named(name: "x", story: story), for: "other") }
        let worker = fixture.worker(jobs, set(\.middleware, [Named(name: "w", story: story)]))
        try await running(worker) {
            try await eventually("both are completed") { worker.statistics.completed == 2 }
        }
        #expect(story.all.contains("1+w+t") && story.all.contains("caught 2+w"), "\(story.all)")
    }

    private struct Catcher: JobHandler {
        let story: Story

        func perform(_ payload: Bytes, _ context: JobContext) async throws {
            story.tell("caught \(payload.text)")
        }
    }

    @Test("what a middleware throws decides about the job, as what the handler throws")
    func throwing() async throws {
        struct Refusing: JobMiddleware {
            func perform(_ payload: Bytes, _ context: JobContext, next: NextHandler) async throws {
                switch context.id {
                case "dead": throw JobError.deadLetter("not here")
                case "gone": throw JobError.discard("not needed")
                default: try await next(payload, context)
                }
            }
        }
        let fixture = try WorkerFixture()
        try await fixture.enqueue([("t", "dead"), ("t", "gone"), ("t", "fine")])
        var jobs = JobRegistry()
        let performed = Mutex<[String]>([])
        try jobs.register("t") { _, context in performed.withLock { $0.append(context.id) } }
        let worker = fixture.worker(jobs, set(\.middleware, [Refusing()]))
        try await running(worker) {
            try await eventually("all are finished") { try await fixture.committed()?.offset == 3 }
        }
        let (completed, dead, discarded) = worker.statistics.counts
        #expect((completed, dead, discarded) == (1, 1, 1))
        #expect(performed.withLock { $0 } == ["fine"])
    }

    @Test("logging and metrics are middleware: each attempt has its line, and its place in the histogram")
    func builtIn() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue([("t", "1"), ("t", "2"), ("u", "3")])
        var jobs = JobRegistry()
        try jobs.register("t") { payload, _ in
            if payload.text == "2" { throw JobError.deadLetter("no") }
        }
        try jobs.register("u") { _, _ in }
        let log = LogCollector()
        let metrics = MetricsMiddleware()
        try jobs.use(metrics, for: "u")
        let worker = fixture.worker(jobs, logger: log.logger) { configuration in
            configuration.middleware = [LoggingMiddleware(), metrics]
        }
        try await running(worker) {
            try await eventually("all are finished") { try await fixture.committed()?.offset == 3 }
        }
        let snapshot = worker.metrics.snapshot()
        let name = "kokanee_attempt_milliseconds"
        #expect(snapshot.value(of: "\(name)_count", .init("type", "t")) == 2)
        #expect(snapshot.value(of: "\(name)_bucket", .init("type", "t"), .init("le", "+Inf")) == 2)
        #expect(snapshot.value(of: "kokanee_attempts_thrown_total", .init("type", "t")) == 1)
        // It is there twice, and around this type twice; and its numbers are told once.
        #expect(snapshot.value(of: "\(name)_count", .init("type", "u")) == 2)
        #expect(log.contains("info attempt completed queue=q job=1 type=t attempt=1"), "\(log.lines)")
        #expect(log.contains("warning attempt ended with an error queue=q job=2"), "\(log.lines)")
    }
}

extension WorkerStatistics {
    fileprivate var counts: (Int, Int, Int) { (completed, dead, discarded) }
}
