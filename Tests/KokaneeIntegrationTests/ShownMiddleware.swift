import Kokanee
import RdKafka

/// Code that docs/middleware.md shows, so that it is built; `ExamplesTests` holds the two side by side.
enum ShownMiddleware {

    static func page(_ text: String) async throws {}

    struct ForTenant: JobMiddleware {
        @TaskLocal static var tenant: String?

        func perform(_ payload: Bytes, _ context: JobContext, next: NextHandler) async throws {
            guard let tenant = context.header("tenant")?.text else {
                throw JobError.deadLetter("the job names no tenant")
            }
            try await Self.$tenant.withValue(tenant) {
                try await next(payload, context)
            }
        }
    }

    struct NamesTenant: EnqueueMiddleware {
        let tenant: String

        func prepare(_ job: inout NewJob, for queue: Queue) async throws {
            job.headers.append(Header("tenant", Bytes(tenant)))
        }

        func settled(_ job: NewJob, _ result: Result<EnqueuedJob, any Error>, in queue: Queue) async {
            if case .failure(let error) = result { print("\(job.type) is not in \(queue.name): \(error)") }
        }
    }

    struct Pager: JobHooks {
        func onDead(_ context: JobContext, reason: DeadReason, error: Envelope.Failure?) async throws {
            try await page("\(context.type) \(context.id) is dead: \(reason), \(error?.text ?? "")")
        }
    }

    static func work(_ queue: Queue, _ jobs: JobRegistry, _ kafka: ClientConfiguration) async throws {
        var jobs = jobs
        try jobs.use(ForTenant(), for: "invoice.send")
        var configuration = WorkerConfiguration()
        configuration.middleware = [TracingMiddleware(), LoggingMiddleware(), MetricsMiddleware()]
        configuration.hooks = [Pager()]
        let worker = Worker(queues: [queue], jobs: jobs, configuration: configuration, client: kafka)
        try await worker.run()
    }

    static func enqueue(_ job: some Job, to queue: Queue, _ kafka: ClientConfiguration) async throws {
        let client = try JobClient(kafka, middleware: [NamesTenant(tenant: "acme")])
        _ = try await client.enqueue(job, to: queue)
    }

    static func client(_ kafka: ClientConfiguration, logger: Logger) throws -> JobClient {
        let payloads = PayloadLimits(warning: 16 << 10, maximum: 256 << 10)
        let client = try JobClient(kafka, payloads: payloads, logger: logger)
        return client
    }

    struct Spans: JobMiddleware {
        func perform(_ payload: Bytes, _ context: JobContext, next: NextHandler) async throws {
            let parent = context.traceContext?.spanID
            guard let span = TraceContext.current else { return try await next(payload, context) }
            print("span \(span.spanID) of \(span.traceID), parent \(parent ?? "none"), sampled: \(span.isSampled)")
            try await next(payload, context)
        }
    }
}
