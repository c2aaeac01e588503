internal import Foundation
internal import Kokanee
internal import RdKafka

extension Command {
    static let work = Command(
        name: "work",
        summary: "Runs a worker.",
        discussion: """
            With --handler, N processes of CMD are started once and are fed jobs, a line of JSON each; with --exec, CMD \
            is started for every job, with the payload on its stdin. Jobs run at least once: make handlers idempotent. \
            SIGTERM and SIGINT end it in good order: running jobs may finish, what is finished is committed.
            """,
        examples: [
            .init("kokanee work invoices --handler ./invoice.py", "long-lived processes of a program of yours"),
            .init("kokanee work thumbs --exec 'convert - -resize 200x /srv/$KOKANEE_JOB_KEY'", "one process a job"),
            .init("kokanee work invoices --handler ./invoice.py --until-idle --json", "until there is nothing to do"),
        ],
        arguments: [Argument("QUEUE", maximum: 64, "the queue, or several")],
        options: handlerOptions + [
            .value("group", "G", "the consumer group", default: "kokanee.QUEUE"),
            .ladder,
            .value("default-type", "TYPE", "the type of jobs that don't say theirs", default: "default"),
            .value("weight", "QUEUE=N", "a queue's share of the starts, of several", isRepeatable: true, default: "1"),
            .value(
                "priorities",
                "RULE",
                "between a queue's priorities: weights for high, normal and low as 6:3:1, or strict",
                default: "6:3:1"
            ),
            .value(
                "starvation-limit",
                "D",
                "with strict: how long a job may be ready until it starts all the same; 0 is for ever",
                default: "60s"
            ),
            .flag("until-idle", "end once queue and ladder hold nothing more to do"),
            .flag("create-topics", "create topics that are missing"),
        ],
        exclusive: [["handler", "exec"], ["write-ahead", "exec"]],
        interruption: .isHandled,
        run: runWork
    )

    private static func runWork(_ context: Context) async throws {
        let values = context.values
        guard values.isSet("handler") || values.isSet("exec") else {
            throw values.error("--handler or --exec is missing: what is to run the jobs?")
        }
        guard context.arguments.count == 1 || !values.isSet("group") else {
            throw values.error("--group goes with one queue: each queue has a group of its own")
        }
        guard Set(context.arguments).count == context.arguments.count else {
            throw values.error("a queue is named twice")
        }
        let ladder = try values.ladder()
        let (defaultType, group) = (values.string("default-type") ?? "default", values.string("group"))
        let asked = try context.arguments.map { name in
            try values.queue(name, ladder: ladder, defaultType: defaultType, group: group)
        }
        var configuration = try values.workerConfiguration(environment: context.environment)
        configuration.weights = try values.weights(of: context.arguments)
        configuration.priorities = try values.priorityPolicy()
        let writeAhead = try values.writeAhead()
        #if KOKANEE_FAIL_POINTS
            try armFailPoints(context)
        #endif
        let (queues, client) = try await context.untilInterrupted {
            let cluster = try await context.connect()
            var queues: [Queue] = []
            for queue in asked { queues.append(try await cluster.queue(queue, values)) }
            return (queues, cluster.configuration)
        }
        let logger = context.console.logger()
        let handlers = try await Handlers(values, &configuration, writeAhead: writeAhead, logger: logger)
        let jobs = try values.jobs(handlers.handler)
        let worker = Worker(queues: queues, jobs: jobs, configuration: configuration, client: client, logger: logger)
        let start = ContinuousClock.now
        let result = await context.run(worker, counting: "jobs", every: .milliseconds(200)) {
            (worker.statistics.completed, nil)
        }
        await handlers.close()
        let elapsed = ContinuousClock.now - start
        // A worker that could not start has nothing to tell but why.
        if case .success = result {} else if worker.statistics == WorkerStatistics() { try result.get() }
        try context.console.printBeside { try report(worker.statistics, elapsed, context) }
        try result.get()
        if values.isSet("until-idle"), context.interruption.isRequested { throw CancellationError() }
    }

    private static func report(_ statistics: WorkerStatistics, _ elapsed: Duration, _ context: Context) throws {
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
        guard context.console.isJSON, context.values.isSet("until-idle") else {
            context.console.say(statistics.sentence(seconds: seconds))
            return
        }
        var object = JSONObjectWriter()
        object.add("completed", statistics.completed)
        object.add("failedAttempts", statistics.failedAttempts)
        object.add("retried", statistics.retried)
        object.add("dead", statistics.dead)
        object.add("discarded", statistics.discarded)
        object.add("cancelled", statistics.cancelled)
        object.add("skipped", statistics.skipped)
        object.add("seconds", (seconds * 1000).rounded() / 1000)
        try context.console.print(object)
    }

    // MARK: - Settings

    #if KOKANEE_FAIL_POINTS
        /// Debug builds only: tests say where this process is to be killed, or a step of it to fail.
        private static func armFailPoints(_ context: Context) throws {
            let name = FailPoints.environmentVariable
            guard let plan = context.environment[name], !plan.isEmpty else { return }
            do {
                try FailPoints.arm(plan)
            } catch {
                throw Failure("$\(name): \(error.message)", code: .usage)
            }
        }
    #endif
}
