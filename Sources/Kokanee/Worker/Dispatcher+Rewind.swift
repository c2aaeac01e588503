internal import RdKafka

extension Dispatcher {
    /// How long the first assignment waits for what the control topic holds.
    private static let controlLimit = Duration.seconds(5)

    /// Waits, within bounds, until it is known what the control topic holds, so that no job begins that a standing
    /// rewind would only cancel. The group is being joined meanwhile.
    func awaitControl() {
        let deadline = engine.clock.monotonic() + Self.controlLimit
        while !runtime.rewinds.hasCaughtUp, !control.isStopping {
            guard engine.clock.monotonic() < deadline else {
                return logger.log(
                    .warning,
                    "the control topic can't be read yet: until it is known whether the queue is paused nothing starts",
                    ["queue": name, "topic": Queue.controlTopic, "limit": Self.controlLimit.text]
                )
            }
            _ = engine.renewLease(of: runtime.index)
            runtime.vitals.turn()
            consumer.wait(upTo: .milliseconds(50))
        }
    }

    /// To be called at every turn: applies a rewind that has come since the last one, and carries out what is left of it.
    func serveRewinds() {
        let changes = runtime.rewinds.changeCount
        guard changes != rewindsSeen || hasRewindsToServe else { return }
        rewindsSeen = changes
        hasRewindsToServe = false
        let unseen = Set(rotation.filter { $0.assigned == nil }.map(\.id))
        if runtime.outputs != nil { nameEras() }
        if let notice = runtime.rewinds.notice {
            let meant = rotation.filter { notice.rewind.isMeant($0) && $0.rewind != notice.rewind.id }
            learnCommits(of: meant)
            for intake in meant { serve(notice, intake, wasUnseen: unseen.contains(intake.id)) }
        }
        for intake in rotation where intake.landing?.needsSeek == true { seek(intake) }
    }

    /// Whether commits of a partition have to wait: it was taken over unseen, and they might take back what an earlier
    /// owner has said of the rewind that stands.
    var idsWithoutKnownCommit: Set<Engine.PartitionID> {
        guard hasRewindsToServe else { return [] }
        let rewind = runtime.rewinds.notice?.rewind
        return Set(
            rotation.filter { $0.assigned == nil && (runtime.outputs != nil || rewind?.isMeant($0) == true) }.map(\.id)
        )
    }

    /// - Parameter wasUnseen: nobody could say at the assignment what is committed, and whether that names the rewind.
    private func serve(_ notice: RewindBoard.Notice, _ intake: PartitionIntake, wasUnseen: Bool) {
        let rewind = notice.rewind
        let now = engine.clock.wall()
        // One that was written after the assignment is for its owner, whatever it began with.
        if !wasUnseen, let assigned = intake.assigned, !notice.isFromBefore || notice.writtenAt > assigned.at {
            return apply(rewind, intake)
        }
        guard let committed = intake.assigned else {
            hasRewindsToServe = true
            return
        }
        switch rewind.verdict(
            of: intake.topicPartition.partition,
            committed: committed.offset,
            writtenAt: notice.writtenAt,
            now: now
        ) {
        case .notMeant: return
        case .settled: intake.rewind = rewind.id
        case .apply: apply(rewind, intake)
        case .void(let reason): settle(rewind, intake, isVoid: reason)
        }
    }

    /// Asks what is committed of partitions that were taken over while the coordinator did not answer, and of which nothing
    /// has been committed since: once for all of them, as each question may wait for its answer.
    func learnCommits(of intakes: [PartitionIntake]) {
        let unknown = intakes.filter { $0.assigned == nil }
        guard !unknown.isEmpty,
            let committed = try? consumer.committed(unknown.map(\.topicPartition), timeout: .seconds(1))
        else { return }
        let now = engine.clock.wall()
        for intake in unknown { intake.assigned = .init(offset: committed[intake.topicPartition], at: now) }
    }

    /// Ends the partition's epoch, so that nothing of it is committed, hopped or written, and begins another at the
    /// target.
    private func apply(_ rewind: Rewind, _ intake: PartitionIntake) {
        guard let target = rewind.target(intake.topicPartition.partition) else { return }
        let before = engine.withScheduler { $0.partitions[intake.id]?.tracker.watermark }
        runtime.outputs?.letGo(CollectionOfOne(intake.topicPartition))
        begin(intake, at: target.offset, restored: CompletionMap())
        intake.expected = target.offset
        intake.end = nil
        intake.landing = Landing(at: target.offset)
        settle(rewind, intake)
        tell(rewind, intake.topicPartition, from: before, to: target.offset)
    }

    /// Has the partition's commits name the rewind from now on, and the next one come soon.
    private func settle(_ rewind: Rewind, _ intake: PartitionIntake, isVoid reason: String? = nil) {
        intake.rewind = rewind.id
        engine.withScheduler { $0.commitAgain { $0 == intake.id } }
        if let reason { tellVoid(rewind, intake.topicPartition, reason) }
    }

    private func seek(_ intake: PartitionIntake) {
        guard let landing = intake.landing, landing.needsSeek else { return }
        do {
            try consumer.seek([intake.topicPartition: landing.target], timeout: .seconds(2))
            intake.landing?.noteSeek()
        } catch {
            // Nothing is taken in until it succeeds.
            hasRewindsToServe = true
            logger.log(.warning, "a partition can't be rewound yet; it is tried again", ["error": "\(error)"])
        }
    }

    /// Whether a record, or the log's end, at `offset` belongs to what is read since the last rewind.
    func hasLanded(_ intake: PartitionIntake, at offset: Int64) -> Bool {
        guard let answer = intake.landing?.look(at: offset) else { return true }
        switch answer {
        case .landed:
            intake.landing = nil
            return true
        case .notYet:
            hasRewindsToServe = true
            return false
        }
    }
}

// MARK: - Assignments

extension Dispatcher {
    /// How a partition begins that the group has just assigned.
    struct Beginning {
        var offset: Int64?
        var restored = CompletionMap()
        var movedAt: Int64?
        var rewind: String?
        /// A rewind takes effect with this assignment: what still runs of an earlier one is none of it.
        var isRewound = false
        /// A rewind is settled by this assignment, and nobody knows yet.
        var isNews = false
    }

    /// Where a partition begins: at the group's commit, or where a rewind that stands wants it to be; where a replay has
    /// committed nothing, at its plan's beginning.
    func beginning(of partition: TopicPartition, _ committed: CommittedOffset?) -> Beginning {
        let metadata = committed.flatMap { CommitMetadata(text: $0.metadata, above: $0.offset) }
        var beginning = Beginning(
            offset: committed?.offset ?? stretch(of: partition)?.range.lowerBound,
            restored: metadata?.completed ?? CompletionMap(),
            movedAt: metadata?.movedAt,
            rewind: metadata?.rewind
        )
        guard partition.topic == runtime.queue.mainTopic, let notice = runtime.rewinds.notice else { return beginning }
        let rewind = notice.rewind
        switch rewind.verdict(
            of: partition.partition,
            committed: committed,
            writtenAt: notice.writtenAt,
            now: engine.clock.wall()
        ) {
        case .notMeant, .settled: break
        case .apply(let offset):
            tell(rewind, partition, from: committed?.offset, to: offset)
            beginning = Beginning(offset: offset, rewind: rewind.id, isRewound: true, isNews: true)
        case .void(let reason):
            tellVoid(rewind, partition, reason)
            beginning.rewind = rewind.id
            beginning.isNews = true
        }
        return beginning
    }

    private func tell(_ rewind: Rewind, _ partition: TopicPartition, from old: Int64?, to new: Int64) {
        logger.log(
            .notice,
            "a partition is rewound: what ran of it is cancelled, and it is worked from the new offset on",
            [
                "partition": "\(partition)", "rewind": rewind.id, "by": SafeText.line(rewind.by, limit: 128),
                "from": old.map { "\($0)" } ?? "none", "to": "\(new)",
            ]
        )
    }

    private func tellVoid(_ rewind: Rewind, _ partition: TopicPartition, _ reason: String) {
        logger.log(
            .warning,
            "a rewind does not count for a partition and is not applied to it",
            ["partition": "\(partition)", "rewind": rewind.id, "why": reason]
        )
    }
}

extension Rewind {
    fileprivate func isMeant(_ intake: PartitionIntake) -> Bool {
        intake.topicPartition.topic == queue && target(intake.topicPartition.partition) != nil
    }
}
