public import RdKafka

/// Plans replays: what a selection comes to in the logs as they are now.
public struct ReplayPlanner: Sendable {
    /// What is marked of the jobs of a queue within ranges of its partitions.
    typealias OutcomeSource =
        @Sendable (_ queue: Queue, _ within: [Int32: Range<Int64>]) async throws -> [Int32: Outcomes]

    /// How far a scan is.
    public struct Progress: Sendable, Hashable {
        /// Records that were looked at.
        public var scanned: Int64 = 0
        /// Those that are selected.
        public var matched: Int64 = 0
        /// Offsets of all ranges: gaps in them are never looked at.
        public var total: Int64 = 0
    }

    /// A plan, and what has to be written for it before anybody runs it.
    public struct Planned: Sendable {
        public var plan: ReplayPlan
        /// To be written to the replay's state topic, once that is there; nil where the records alone tell.
        public var listed: ListedOffsets?
    }

    /// How much later than its timestamp says a record may come into a log whose timestamps are the producers': it is
    /// still looked for, beyond the first record that is past the range. Batches, retries and clocks that differ delay
    /// records; `delivery.timeout.ms` is 5 minutes unless somebody says more.
    static let stragglerLimit = Duration.seconds(600)

    let configuration: ClientConfiguration
    let admin: AdminClient
    private let outcomes: OutcomeSource

    /// - Throws: ``KafkaError`` where librdkafka refuses a property.
    public init(_ configuration: ClientConfiguration) throws(KafkaError) {
        let reader = try OutcomeReader(configuration)
        try self.init(configuration) { queue, ranges in try await reader.read(queue: queue, within: ranges) }
    }

    init(_ configuration: ClientConfiguration, outcomes: @escaping OutcomeSource) throws(KafkaError) {
        self.configuration = configuration
        self.outcomes = outcomes
        admin = try AdminClient(configuration)
    }

    /// Plans a replay; changes nothing, anywhere.
    ///
    /// A range of time begins at the first record from its beginning on, and ends before the first record from its end
    /// on; in a topic whose timestamps are the producers', and so in no order, behind the
    /// last record of the range among those that follow within 10 minutes. Where the broker
    /// knows no offsets by time the log is read for them. A range of event times covers the whole log: `ce_time` is
    /// what a producer says, before or after the record's own time.
    ///
    /// What a record alone does not tell, ids from a list and outcomes, is looked up now and becomes
    /// ``Planned/listed``; the plan's selection then has no ids any more.
    ///
    /// - Parameters:
    ///   - queue: the live one.
    ///   - id: the replay's.
    ///   - scans: whether to read the range and count what is selected; a list of ids needs that anyway.
    ///   - progress: called a few times a second while records are read.
    /// - Throws: ``InputError`` for a selection that can mean nothing; ``TopicError`` where there is no such queue;
    ///   ``KafkaError``.
    public func plan(
        _ selection: Selection,
        of queue: Queue,
        id: String,
        scans: Bool,
        progress: @escaping @Sendable (Progress) -> Void = { _ in }
    ) async throws -> Planned {
        try ReplayRanges.check(selection)
        guard queue.replayed == nil else {
            throw InputError("\(SafeText.quoted(queue.name)) is a replay itself; name the queue \(queue.mainTopic)")
        }
        // A wrong expression is told before anything is asked.
        var selector = try RecordSelector(selection, defaultType: queue.defaultType)
        let now = Timestamp.now
        let (logs, logNotes) = try await logs(of: queue, selection, progress)
        let ranges = try ReplayRanges(selection, of: queue, logs, now: now)
        var partitions = ranges.partitions
        var notes = ranges.notes + logNotes

        var listed = try await list(selection, of: queue, partitions)
        if let listed {
            for plan in partitions { selector.list(listed[plan.partition] ?? OffsetSet(), of: plan.partition) }
        }
        let hasIDs = selection.ids != nil
        if scans || hasIDs {
            let ranges = Dictionary(uniqueKeysWithValues: partitions.map { ($0.partition, $0.from..<$0.to) })
            let scan = try await ReplayScan.run(
                partitions,
                of: queue,
                selector,
                ReplayOmissions(
                    topic: queue.mainTopic,
                    ranges: ranges,
                    selection: selection,
                    selector: selector,
                    plannedAt: now
                ),
                collects: hasIDs,
                configuration,
                progress
            )
            for index in partitions.indices {
                partitions[index].count = scan.counts[partitions[index].partition] ?? .init()
            }
            if hasIDs { listed = scan.offsets }
            notes += scan.notes(on: selection, selector)
        } else if listed?.values.allSatisfy(\.isEmpty) == true {
            notes.append("No job of the range has the outcome that was asked for.")
        }

        var recorded = selection
        recorded.ids = nil
        let plan = ReplayPlan(
            id: id,
            queue: queue.name,
            selection: recorded,
            partitions: partitions,
            notes: notes,
            hasListedOffsets: listed != nil,
            at: now
        )
        guard var listed else { return Planned(plan: plan, listed: nil) }
        for plan in partitions where listed[plan.partition] == nil { listed[plan.partition] = OffsetSet() }
        return Planned(plan: plan, listed: ListedOffsets(listed))
    }

    /// The offsets that outcomes select; nil where none are asked for.
    private func list(
        _ selection: Selection,
        of queue: Queue,
        _ partitions: [ReplayPlan.Partition]
    ) async throws -> [Int32: OffsetSet]? {
        guard selection.isOnlyFailed || !selection.completedBy.isEmpty || selection.skipsDone else { return nil }
        let ranges = Dictionary(uniqueKeysWithValues: partitions.map { ($0.partition, $0.from..<$0.to) })
        let outcomes = try await outcomes(queue, ranges)
        let failures =
            selection.isOnlyFailed ? try await FailureSearch.run(queue, ranges, admin, configuration) : [:]
        return ListedOffsets.resolve(selection, ranges, outcomes, failures: failures)
    }
}
