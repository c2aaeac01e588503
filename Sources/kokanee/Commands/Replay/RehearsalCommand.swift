internal import Kokanee
internal import RdKafka

extension Command {
    /// Runs the selected jobs with effects off, and reports what a replay would do.
    static func runRehearsal(_ context: Context) async throws {
        let values = context.values
        guard values.isSet("handler") || values.isSet("exec") else {
            throw values.error("--handler or --exec is missing: what is to be rehearsed?")
        }
        if let flag = ["rate", "no-scan"].first(where: values.isSet) {
            throw values.error("--\(flag) is for a replay, and goes without --rehearse")
        }
        var worker = try values.workerConfiguration(environment: context.environment)
        let sample = try values.integer("sample", in: 1...1_000_000_000)
        let (cluster, queue, planned) = try await context.untilInterrupted { try await makePlan(context, scans: false) }
        // Made before anything runs: where it can't be written no hours of rehearsing are lost.
        let page: WholeFile?
        if let path = values.string("report") {
            page = try await context.opening { try WholeFile(path: path) }
        } else {
            page = nil
        }
        let logger = context.console.logger()
        let handlers = try await Handlers(values, &worker, writeAhead: values.writeAhead(), logger: logger)
        let report: RehearsalReport
        do {
            let rehearsal = try await Rehearsal(
                of: planned,
                queue: queue,
                jobs: try values.jobs(handlers.handler),
                configuration: Rehearsal.Configuration(worker, sample: sample),
                client: cluster.configuration,
                logger: logger
            )
            report = try await run(rehearsal, context).redacted(by: context.console.redaction)
        } catch {
            await handlers.close()
            throw error
        }
        await handlers.close()
        let written = Result {
            try page?.write(Array(report.html.utf8))
            try page?.finish()
        }
        if report.effects.isEmpty, report.rehearsed > 0 {
            context.console.say(
                """
                no effect was reported: a handler that does not heed \"rehearsal\":true, or KOKANEE_REHEARSAL=1, has made \
                its effects for good
                """
            )
        }
        try context.console.printBeside {
            guard context.console.isJSON else { return try context.console.print(RehearsalText(report).text) }
            try context.console.print(report.json)
        }
        try written.get()
        guard report.isComplete else { throw CancellationError() }
        guard !report.hasRegressions else {
            throw Failure("\(report.regressions) jobs that were fine before fail now: don't replay with this build")
        }
    }

    private static func run(_ rehearsal: Rehearsal, _ context: Context) async throws -> RehearsalReport {
        let progress = Progress("jobs", console: context.console)
        defer { progress.finish() }
        let task = Task {
            try await rehearsal.run { now in
                let fraction = now.records > 0 ? Double(now.scanned) / Double(now.records) : 1
                progress.update(count: now.done, fraction: fraction)
            }
        }
        let watch = Task {
            await context.interruption.wait()
            if context.interruption.isRequested { task.cancel() }
        }
        defer { watch.cancel() }
        return try await task.value
    }
}

extension Rehearsal.Configuration {
    fileprivate init(_ worker: WorkerConfiguration, sample: Int?) {
        self.init()
        concurrency = worker.concurrency
        order = worker.order
        retryPolicy = worker.retryPolicy
        attemptTimeout = worker.attemptTimeout
        cancellationGrace = worker.cancellationGrace
        build = worker.build
        self.sample = sample
    }
}
