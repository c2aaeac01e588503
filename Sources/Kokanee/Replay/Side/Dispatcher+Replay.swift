internal import RdKafka

// How a dispatcher reads the main topic where its queue is a replay's: the plan's stretch of each partition, past what is
// not selected, no faster than asked. What is passed over is no record to the scheduler, as a gap in the log is none.

extension Dispatcher {
    /// The stretch of a partition that is to be read; nil on rungs, and in a queue that is worked live.
    func stretch(of partition: TopicPartition) -> ReplayStretch? {
        guard let replay = runtime.replay, partition.topic == runtime.queue.mainTopic else { return nil }
        return ReplayStretch(replay.ranges[partition.partition] ?? 0..<0)
    }

    /// What is worked of what the group assigns: all of it, in a queue that is worked live.
    func worked(_ partitions: [TopicPartition]) -> [TopicPartition] {
        guard runtime.replay != nil else { return partitions }
        return Self.replayed(partitions, mainTopic: runtime.queue.mainTopic)
    }

    /// Of a replay's main topic the partitions with the numbers of its rungs, whoever has them by the group's word.
    ///
    /// Assignors deal out each topic by itself. Where the live topic has grown since the plan was made, the replay's own
    /// topics have not, and a number's rungs and state would be one worker's, and its main partition another's. All go by
    /// the rungs, so that each number is one worker's; what has been added is in no plan.
    static func replayed(_ partitions: [TopicPartition], mainTopic: String) -> [TopicPartition] {
        let others = partitions.filter { $0.topic != mainTopic }
        // A ladder without rungs leaves nothing to go by, and nothing that has to be together.
        guard !others.isEmpty else { return partitions }
        let numbers = Set(others.map(\.partition)).sorted()
        return numbers.map { TopicPartition(topic: mainTopic, partition: $0) } + others
    }

    /// Whether a message is to be worked, as far as the plan is concerned.
    func takes(_ message: ConsumedMessage, of intake: PartitionIntake) -> Bool {
        guard let replay = runtime.replay, intake.stretch != nil else { return true }
        let offset = message.offset
        switch intake.stretch?.take(offset) {
        case .consider:
            guard !replay.selects(message, intake.topicPartition.partition) else {
                intake.matched += 1
                // At once: the partitions that are read next in this round share the rate.
                pace.take(1)
                return true
            }
            intake.stretch?.pass(offset)
            checkGap(upTo: offset, intake, next: offset + 1)
        case .pass:
            intake.expected = max(intake.expected ?? 0, offset + 1)
        case .over, nil:
            let end = intake.stretch?.range.upperBound ?? offset
            checkGap(upTo: end, intake, next: end)
        }
        intake.passedBytes += message.size
        return false
    }

    /// Whether a record of a replay's main topic is passed over though it is selected.
    func isOmitted(_ content: JobContent, of intake: PartitionIntake) -> Bool {
        // A plain job has no header of ours.
        guard intake.stretch != nil, !content.isPlain,
            runtime.replay?.omissions.omission(of: content.message, in: content.partition) != nil
        else { return false }
        intake.matched -= 1
        pace.take(-1)
        intake.stretch?.pass(content.offset)
        return true
    }

    /// How many records of the partition may be read of `limit`, as the replay's rate allows.
    func paced(_ limit: Int, _ intake: PartitionIntake) -> Int {
        guard let stretch = intake.stretch else { return limit }
        guard !stretch.isOver else { return 0 }
        guard let allowance = pace.allowance(now: replayTime) else { return limit }
        return min(limit, allowance)
    }

    /// After a round of reading: the watermarks pass what was passed over, and the counts are told.
    func notePassed(_ intakes: [PartitionIntake]) {
        guard let replay = runtime.replay else { return }
        let now = engine.clock.wall()
        var passed: [(Engine.PartitionID, Int64)] = []
        for intake in intakes {
            guard let offset = intake.stretch?.takePassed() else { continue }
            passed.append((intake.id, offset))
            if intake.stretch?.isOver == true { reachPlanEnd(intake) }
        }
        var (scanned, matched) = (0, 0)
        for intake in intakes {
            let news = intake.takeCounts()
            scanned += news.scanned
            matched += news.matched
        }
        if scanned > 0 { replay.note(scanned: scanned, matched: matched) }
        guard !passed.isEmpty else { return }
        engine.withScheduler { scheduler in
            for (id, offset) in passed { scheduler.pass(id, upTo: offset, now: now) }
        }
    }

    /// A partition needs not be read any more: its end is told as if it were the log's.
    private func reachPlanEnd(_ intake: PartitionIntake) {
        guard let range = intake.stretch?.range else { return }
        let now = engine.clock.wall()
        engine.withScheduler { $0.reachEnd(intake.id, range.upperBound, now: now) }
        stopFetching(intake)
    }

    /// After an assignment: what of the plan is done already is not read again.
    func skipFinishedStretches() {
        guard runtime.replay != nil else { return }
        for intake in rotation {
            guard let stretch = intake.stretch else { continue }
            if stretch.isOver || (intake.expected ?? 0) >= stretch.range.upperBound {
                _ = intake.stretch?.reachLogEnd(stretch.range.upperBound)
                reachPlanEnd(intake)
            }
        }
        applyWish(isNew: true)
    }

    /// Does what operators want since the last look. Returns how long until another job may start.
    @discardableResult
    func applyWish(isNew: Bool = false) -> Duration {
        guard let replay = runtime.replay else { return .seconds(1) }
        let wish = replay.wish
        if isNew || wish != appliedWish {
            appliedWish = wish
            engine.setPaused(runtime.index, wish.mode != .run)
            let owned = rotation.lazy.filter { $0.stretch != nil }.map(\.topicPartition.partition)
            pace.set(wish.rate.map { replay.share(ofRate: $0, owning: owned) }, now: replayTime)
        }
        if wish.mode == .cancel { control.stop() }
        return pace.untilNext ?? .seconds(1)
    }

    /// Where the partitions end as far as this queue is concerned: those of a replay's main topic at the plan's ends.
    func planEnds(_ ends: [TopicPartition: Int64]) -> [TopicPartition: Int64] {
        guard let replay = runtime.replay else { return ends }
        return Dictionary(
            uniqueKeysWithValues: ends.map { partition, end in
                guard partition.topic == runtime.queue.mainTopic else { return (partition, end) }
                let range = replay.ranges[partition.partition] ?? 0..<0
                return (partition, range.isEmpty ? 0 : range.upperBound)
            }
        )
    }

    private var replayTime: Duration { engine.clock.monotonic() - engine.startedAt }
}

extension PartitionIntake {
    /// What was read of the stretch since it was last asked.
    fileprivate func takeCounts() -> (scanned: Int, matched: Int) {
        guard let stretch else { return (0, 0) }
        defer { (countedScanned, countedMatched) = (stretch.scanned, matched) }
        return (stretch.scanned - countedScanned, matched - countedMatched)
    }
}
