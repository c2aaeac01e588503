internal import RdKafka

/// Commits what is finished, once an interval, one request at a time.
///
/// A commit is sent only when the marks of what it covers are acknowledged, or have not been for too long: else a crash in
/// between would leave jobs without marks that never run again.
struct CommitPacer {
    /// A result that does not come within this is taken for lost.
    private static let patience = Duration.seconds(60)
    /// How long a rebalance or the end waits for a result: without a broker there is none, and the group waits.
    private static let lastCommitLimit = Duration.seconds(5)
    private static let confirmationInterval = Duration.milliseconds(500)

    /// What waits for its marks.
    private struct Held {
        var commits: [Scheduler<JobContent>.Commit]
        var offsets: [Engine.PartitionID: (partition: TopicPartition, offset: CommittedOffset)]
        /// What the commits name as the last rewind, or as the era of outputs.
        var rewinds: [Engine.PartitionID: String] = [:]
        var isConfirmation = false
    }

    let interval: Duration
    private let marks: OutcomeWriter
    private var held: Held?
    private var pace: CommitPace
    private let owner: String
    private var nextAt = ContinuousClock.now
    private var outstanding: (tag: Int, ids: [Engine.PartitionID], rewinds: [Engine.PartitionID: String])?
    private var lastTag = 0
    /// When the last commit was sent that the group took: then it knew this worker as a member.
    private(set) var acceptedAt: ContinuousClock.Instant?
    private var sentAt = ContinuousClock.now
    /// The commit whose acceptance confirms the membership, and when the next one may be sent.
    private var confirmation: Int?
    private var nextConfirmationAt = ContinuousClock.now
    /// Falls where the broker's `offset.metadata.max.bytes` is below the default.
    private var metadataLimit = CommitMetadata.defaultLimit

    init(interval: Duration, owner: String, marks: OutcomeWriter) {
        self.marks = marks
        self.interval = interval
        pace = CommitPace(interval: interval)
        self.owner = owner
    }

    var isIdle: Bool { outstanding == nil && held == nil }

    mutating func commitIfDue(_ dispatcher: Dispatcher) {
        let now = dispatcher.engine.clock.monotonic()
        if outstanding != nil, now - sentAt > Self.patience { giveUp(dispatcher) }
        guard outstanding == nil else { return }
        if held == nil {
            guard now >= nextAt, !marks.isAwaited(now: now) else { return }
            take(dispatcher, now)
            nextAt = now + pace.pause
        }
        sendIfMarked(dispatcher)
    }

    /// Commits every partition's watermark, whether or not it has moved, to learn whether the group still takes commits
    /// of this worker; ``Dispatcher/confirmLease(byCommitAt:)`` is told when it does.
    mutating func confirm(_ dispatcher: Dispatcher) {
        let now = dispatcher.engine.clock.monotonic()
        if outstanding != nil, now - sentAt > Self.patience { giveUp(dispatcher) }
        // One from before the lapse proves nothing.
        guard outstanding == nil, now >= nextConfirmationAt else { return }
        if held == nil {
            guard !marks.isAwaited(now: now) else { return }
            nextConfirmationAt = now + Self.confirmationInterval
            let queue = Int(dispatcher.runtime.index)
            dispatcher.engine.withScheduler { $0.commitAgain { $0 >> 32 == queue } }
            take(dispatcher, now)
        }
        held?.isConfirmation = true
        sendIfMarked(dispatcher)
    }

    /// Commits all that is finished and waits for the answer, though not for long.
    mutating func commitNow(_ dispatcher: Dispatcher) {
        let clock = dispatcher.engine.clock
        let start = clock.monotonic()
        let deadline = start + Self.lastCommitLimit
        let markDeadline = start + OutcomePacer.patience
        // The one under way goes first: librdkafka may send it again, and then behind a newer one it would win.
        awaitResult(until: deadline, dispatcher)
        if outstanding != nil { giveUp(dispatcher) }
        // What ended since it was taken is to be in the last one.
        if let held { dispatcher.engine.withScheduler { $0.commitFailed(held.commits.map(\.partition)) } }
        held = nil
        awaitMarks(until: markDeadline, dispatcher)
        take(dispatcher, clock.monotonic())
        awaitMarks(until: markDeadline, dispatcher)
        send(dispatcher)
        awaitResult(until: deadline, dispatcher)
    }

    /// The broker has answered. An answer that was given up before changes nothing.
    mutating func ended(_ tag: Int, _ result: Result<[TopicPartition], KafkaError>, _ dispatcher: Dispatcher) {
        guard let ended = outstanding, ended.tag == tag else { return }
        outstanding = nil
        pace.note(roundTrip: dispatcher.engine.clock.monotonic() - sentAt)
        switch FailPoint.commitAcknowledged.result(result, failure: .requestTimedOut) {
        case .success:
            acceptedAt = sentAt
            dispatcher.noteCommitted(ended.rewinds)
            if tag == confirmation { dispatcher.confirmLease(byCommitAt: sentAt) }
        case .failure(let error): failed(ended.ids, error, dispatcher)
        }
    }

    /// Takes the results that are there, for whoever can't serve other events meanwhile.
    mutating func takeResults(_ dispatcher: Dispatcher) {
        while let (tag, result) = dispatcher.consumer.nextCommitResult() { ended(tag, result, dispatcher) }
    }

    private mutating func sendIfMarked(_ dispatcher: Dispatcher) {
        if !marks.isAwaited(now: dispatcher.engine.clock.monotonic()) { send(dispatcher) }
    }

    /// Sends what is held of the epochs that still go on.
    private mutating func send(_ dispatcher: Dispatcher) {
        guard let held else { return }
        self.held = nil
        let isCurrent = dispatcher.engine.withScheduler { scheduler in held.commits.map { scheduler.isCurrent($0) } }
        let ids = zip(held.commits, isCurrent).filter(\.1).map(\.0.partition)
        guard !ids.isEmpty else { return }
        let offsets = Dictionary(uniqueKeysWithValues: ids.compactMap { held.offsets[$0] })
        lastTag += 1
        do {
            try FailPoint.commitSending.check(.localTransport)
            try dispatcher.consumer.commit(offsets, tag: lastTag)
            FailPoint.commitSent.pass()
            outstanding = (lastTag, ids, held.rewinds)
            sentAt = dispatcher.engine.clock.monotonic()
            if held.isConfirmation { confirmation = lastTag }
        } catch {
            failed(ids, error, dispatcher)
        }
    }

    private func awaitMarks(until deadline: ContinuousClock.Instant, _ dispatcher: Dispatcher) {
        let clock = dispatcher.engine.clock
        while case let now = clock.monotonic(), now < deadline, marks.isAwaited(now: now) {
            dispatcher.runtime.vitals.turn()
            dispatcher.consumer.wait(upTo: .milliseconds(10))
        }
    }

    private mutating func awaitResult(until deadline: ContinuousClock.Instant, _ dispatcher: Dispatcher) {
        takeResults(dispatcher)
        while outstanding != nil, dispatcher.engine.clock.monotonic() < deadline {
            dispatcher.runtime.vitals.turn()
            dispatcher.consumer.wait(upTo: .milliseconds(10))
            takeResults(dispatcher)
        }
    }

    private mutating func giveUp(_ dispatcher: Dispatcher) {
        let ids = outstanding?.ids ?? []
        outstanding = nil
        let error = KafkaError(code: .localTimedOut, operation: "waiting for a commit's result")
        failed(ids, error, dispatcher)
    }

    /// Takes what is to be committed, and hands over its marks.
    private mutating func take(_ dispatcher: Dispatcher, _ now: ContinuousClock.Instant) {
        let withMarks = marks.mayWrite(now: now)
        let taken = dispatcher.engine.takeCommits(
            of: dispatcher.runtime.index,
            except: dispatcher.idsWithoutKnownCommit,
            withMarks: withMarks
        )
        pace.note(markBytes: marks.write(taken.marks))
        var held = Held(commits: taken.commits, offsets: [:])
        for commit in taken.commits {
            guard let partition = dispatcher.partition(of: commit.partition) else { continue }
            let rewind = dispatcher.intakes[partition]?.rewind
            held.rewinds[commit.partition] = rewind
            let metadata = metadata(commit, rewind, of: taken.commits.count)
            let offset = CommittedOffset(offset: commit.offset, metadata: metadata)
            held.offsets[commit.partition] = (partition, offset)
        }
        self.held = taken.commits.isEmpty ? nil : held
    }

    /// - Parameter count: of the partitions that are committed together.
    private func metadata(_ commit: Scheduler<JobContent>.Commit, _ rewind: String?, of count: Int) -> String {
        guard metadataLimit > 0 else { return "" }
        let limit = min(metadataLimit, CommitPace.metadataLimit(partitions: count))
        let metadata = CommitMetadata(
            owner: owner,
            movedAt: commit.movedAt,
            completed: commit.completed,
            rewind: rewind
        )
        return metadata.text(above: commit.offset, limit: limit)
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
