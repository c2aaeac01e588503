internal import RdKafka

/// Commits what is finished, once an interval, one request at a time.
struct CommitPacer {
    /// A result that does not come within this is taken for lost.
    private static let patience = Duration.seconds(60)

    let interval: Duration
    private let owner: String
    private var nextAt = ContinuousClock.now
    private var outstanding: [Engine.PartitionID]?
    private var sentAt = ContinuousClock.now
    /// Falls where the broker's `offset.metadata.max.bytes` is below the default.
    private var metadataLimit = CommitMetadata.defaultLimit

    init(interval: Duration, owner: String) {
        self.interval = interval
        self.owner = owner
    }

    var isIdle: Bool { outstanding == nil }

    mutating func commitIfDue(_ dispatcher: Dispatcher) {
        let now = dispatcher.engine.clock.monotonic()
        if let late = outstanding, now - sentAt > Self.patience {
            dispatcher.engine.withScheduler { $0.commitFailed(late) }
            outstanding = nil
        }
        guard outstanding == nil, now >= nextAt else { return }
        nextAt = now + interval
        let (ids, offsets) = take(dispatcher)
        guard !ids.isEmpty else { return }
        do {
            try dispatcher.consumer.commit(offsets)
            outstanding = ids
            sentAt = now
        } catch {
            failed(ids, error, dispatcher)
        }
    }

    /// Commits all that is finished and waits for the answer.
    mutating func commitNow(_ dispatcher: Dispatcher) {
        let (ids, offsets) = take(dispatcher)
        guard !ids.isEmpty else { return }
        do {
            try dispatcher.consumer.commitAndWait(offsets)
        } catch {
            failed(ids, error, dispatcher)
        }
    }

    /// The broker has answered.
    mutating func ended(_ result: Result<[TopicPartition], KafkaError>, _ dispatcher: Dispatcher) {
        let ids = outstanding ?? []
        outstanding = nil
        if case .failure(let error) = result { failed(ids, error, dispatcher) }
    }

    private func take(_ dispatcher: Dispatcher) -> ([Engine.PartitionID], [TopicPartition: CommittedOffset]) {
        let queue = Int(dispatcher.runtime.index)
        let commits = dispatcher.engine.withScheduler { $0.takeCommits { $0 >> 32 == queue } }
        var offsets: [TopicPartition: CommittedOffset] = [:]
        for commit in commits {
            guard let partition = dispatcher.partition(of: commit.partition) else { continue }
            offsets[partition] = CommittedOffset(offset: commit.offset, metadata: metadata(commit))
        }
        return (commits.map(\.partition), offsets)
    }

    private func metadata(_ commit: Scheduler<JobContent>.Commit) -> String {
        guard metadataLimit > 0 else { return "" }
        let metadata = CommitMetadata(owner: owner, movedAt: commit.movedAt, completed: commit.completed)
        return metadata.text(above: commit.offset, limit: metadataLimit)
    }

    private mutating func failed(_ ids: [Engine.PartitionID], _ error: KafkaError, _ dispatcher: Dispatcher) {
        dispatcher.engine.withScheduler { $0.commitFailed(ids) }
        if error.code == .offsetMetadataTooLarge { metadataLimit = metadataLimit > 512 ? metadataLimit / 2 : 0 }
        let passes: Set<KafkaError.Code> = [.illegalGeneration, .unknownMemberID, .rebalanceInProgress]
        dispatcher.logger.log(
            passes.contains(error.code) ? .info : .warning,
            "a commit was refused; what it held is committed later, or runs again",
            ["queue": dispatcher.name, "error": "\(error)"]
        )
    }
}
