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
        let ranges = Dictionary(plan.partitions.map { ($0.partition, $0.from..<$0.to) }) { first, _ in first }
        let selector = try RecordSelector(
            plan.selection,
            defaultType: queue.defaultType,
            listed: planned.listed?.partitions
        )
        let outcomes = try await OutcomeReader(client).read(queue: queue, within: ranges)
        self.init(
            of: plan,
            queue: queue,
            jobs: jobs,
            configuration: configuration,
            client: client,
            selects: { selector.verdict(on: $0) == .matches },
            before: Self.past(
                completed: outcomes.mapValues { $0.completed() },
                failed: outcomes.mapValues(\.failed)
            ),
            logger: logger
        )
    }
}
