public import RdKafka

extension Rehearsal {
    /// Rehearses what a planner has found, beside how workers' marks say that the jobs went before.
    ///
    /// - Throws: ``InputError`` where the plan's expression is wrong; ``KafkaError`` where the marks can't be read.
    public init(
        of planned: ReplayPlanner.Planned,
        queue: Queue,
        jobs: JobRegistry,
        configuration: Configuration = Configuration(),
        client: ClientConfiguration,
        logger: Logger = .disabled
    ) async throws {
        let plan = planned.plan
        let selector = try RecordSelector(
            plan.selection,
            defaultType: queue.defaultType,
            listed: planned.listed?.partitions
        )
        let omissions = ReplayOmissions(of: plan, topic: queue.mainTopic, selector: selector)
        let outcomes = try await OutcomeReader(client).read(queue: queue, within: plan.ranges)
        self.init(
            of: plan,
            queue: queue,
            jobs: jobs,
            configuration: configuration,
            client: client,
            selects: { selector.verdict(on: $0) == .matches && omissions.omission(of: $0) == nil },
            before: Self.past(
                completed: outcomes.mapValues { $0.completed() },
                failed: outcomes.mapValues(\.failed)
            ),
            logger: logger
        )
    }
}
