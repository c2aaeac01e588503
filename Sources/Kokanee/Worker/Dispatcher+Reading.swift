internal import RdKafka

// What the logs hold, on its way into the engine.

extension Dispatcher {
    /// Records read of one partition before the next one has its turn.
    private static let quantum = 128
    /// Records read before they are admitted, all together.
    private static let roundLength = 1024
    /// Records of a replay's main topic read before the next partition has its turn: most are only passed over.
    private static let replayQuantum = 1024
    /// Milliseconds for which rounds may be full before the rungs are looked at all the same. They are many, and most rest.
    private static let rungPause: Int64 = 10
    /// About how many partitions librdkafka is asked about to make it look at all of them.
    private static let mostNudged = 16

    /// Reads each partition once, as far as there is room. True if there is more to read at once.
    func readPartitions() -> Bool {
        // Before it is known what time it is nothing can be said to be due, or to be for later.
        guard !rotation.isEmpty, engine.knowsTime else { return false }
        var hasMore = false
        var lacksRoom = false
        let now = engine.clock.wall()
        var roomLeft = engine.withScheduler { $0.room(in: idsInRotation) }
        // Swift checks at run time who else uses what an object has, and would for each record: here it is a variable.
        var round = Intake.Round()
        swap(&round, &spareRound)
        defer {
            round.removeAll()
            swap(&round, &spareRound)
        }
        var ends: [(PartitionIntake, Int64)] = []
        var readOfPlan: [PartitionIntake] = []
        let (first, mains) = (firstInRotation, idsInRotation.count)
        var isFull = false
        let areRungsLate = !(0..<Self.rungPause).contains(now - rungsReadAt)
        for step in rotation.indices {
            if isFull {
                guard areRungsLate else { break }
                guard step >= mains else { continue }
            }
            let index = step < mains ? (first + step) % mains : step
            if index == mains { rungsReadAt = now }
            let intake = rotation[index]
            // Five of six partitions are rungs, nearly all of which rest.
            if intake.delay != nil, intake.restsUntil != nil { continue }
            let room = intake.delay == nil ? roomLeft.records(index) : intake.room
            let limit = paced(min(room, intake.stretch == nil ? Self.quantum : Self.replayQuantum), intake)
            guard limit > 0 else {
                guard room == 0 else { continue }
                lacksRoom = lacksRoom || intake.delay == nil
                continue
            }
            round.begin(intake.id)
            let (read, end) = read(intake, maximum: limit, into: &round, now: now)
            if let end { ends.append((intake, end)) }
            let part = round.end()
            if intake.delay == nil {
                roomLeft.note(part.decisions.count, bytes: part.bytes, of: index)
                // Where the room is not enough for all, the next round begins with who got none.
                if read > 0 { firstInRotation = (index + 1) % mains }
            }
            if read == limit {
                // As it is now: what was passed over has taken no room, and small jobs took less of the bytes than was thought.
                // Where there is none, reading each as it comes would cost a turn for every few jobs that begin.
                let takesNoMore = intake.delay == nil && roomLeft.records(index) == 0
                lacksRoom = lacksRoom || takesNoMore
                hasMore = hasMore || !takesNoMore
            }
            if intake.stretch != nil { readOfPlan.append(intake) }
            noteRoom(in: intake, records: read, bytes: part.bytes, isEmpty: read < limit)
            guard round.count >= Self.roundLength else { continue }
            isFull = true
            hasMore = true
        }
        admit(&round, now: now)
        notePassed(readOfPlan)
        resumeFetching()
        for (intake, offset) in ends {
            reachEnd(offset, of: intake)
            rest(intake)
        }
        if lacksRoom, !hasMore { hasMore = !engine.wakeWhenThereIsRoom(runtime, at: roomLeft.mark) }
        return hasMore
    }

    /// Takes note of a partition whose queue may have been full, and is not any more.
    private func noteRoom(in intake: PartitionIntake, records: Int, bytes: Int, isEmpty: Bool) {
        readSinceNudge += records
        let all = bytes + intake.passedBytes
        intake.passedBytes = 0
        guard intake.noteRead(records: records, bytes: all, of: prefetch) else { return }
        if !intake.isRoomy {
            intake.isRoomy = true
            roomy.append(intake)
        }
        hasEmpty = hasEmpty || isEmpty
    }

    /// Tells librdkafka of such partitions: once a good part of all that it fetches ahead has been read, so that few
    /// fetches bring much, or when one of them has nothing left.
    private func resumeFetching() {
        guard !roomy.isEmpty, hasEmpty || readSinceNudge >= configuration.prefetchedRecords / 4 else { return }
        // Spread over all of them, and so over their leaders.
        let step = max(1, roomy.count / Self.mostNudged)
        consumer.resumeFetching(stride(from: 0, to: roomy.count, by: step).map { roomy[$0].topicPartition })
        for intake in roomy { intake.noteNudge() }
        roomy.removeAll(keepingCapacity: true)
        readSinceNudge = 0
        hasEmpty = false
    }

    /// Reads a partition into the round; returns how many items that were, and where the partition ends.
    private func read(
        _ intake: PartitionIntake,
        maximum: Int,
        into round: inout Intake.Round,
        now: Int64
    ) -> (count: Int, end: Int64?) {
        var end: Int64?
        let unmanaged = Unmanaged.passUnretained(runtime)
        let count = intake.queue.fetch(maximum: maximum, context: runtime) { item in
            switch item {
            case .message(let message):
                end = nil
                intake.end = nil
                guard takes(message, of: intake) else { return message.end() }
                let content = JobContent(message, runtime: unmanaged)
                guard let decision = take(consume content, from: intake, now: now) else { return }
                // Asked of a replay's records only: the question counts one more owner of the record.
                if intake.stretch != nil, isOmitted(decision.content, of: intake) { return }
                round.append(consume decision)
            case .end(let offset): end = offset
            case .failed(let error):
                logger.log(.warning, "a partition can't be read; it is tried again", ["error": "\(error)"])
            }
        }
        return (count, end)
    }

    /// Looks at a record as it stands in the log; nil where it waits on its rung until it is due.
    private func take(_ content: consuming JobContent, from intake: PartitionIntake, now: Int64) -> Intake.Decision? {
        FailPoint.recordRead.pass()
        let offset = content.offset
        if intake.landing != nil, !hasLanded(intake, at: offset) { return nil }
        checkGap(upTo: offset, intake, next: offset + 1)
        if let delay = intake.delay {
            let clock = engine.clock
            let dueAt = PartitionIntake.dueAt(content.message, delay: delay, now: now) { clock.wall() }
            if intake.waiting.isEmpty { holding.append(intake) }
            intake.hold(content, until: dueAt)
            return nil
        }
        return decide(content, intake, now: now)
    }

    private func decide(_ content: consuming JobContent, _ intake: PartitionIntake, now: Int64) -> Intake.Decision {
        defer { FailPoint.recordDecoded.pass() }
        return Intake.decide(content, runtime, rungDelay: intake.delay, now: now)
    }

    /// Takes in a record that came by another way than its partition's queue.
    func accept(_ record: Record, from intake: PartitionIntake) {
        defer { notePassed([intake]) }
        guard takes(record.storage.message, of: intake) else { return }
        let now = engine.clock.wall()
        let content = JobContent(record, runtime: runtime)
        guard let decision = take(content, from: intake, now: now), !isOmitted(decision.content, of: intake) else {
            return
        }
        admit(CollectionOfOne(decision), of: intake, now: now)
    }

    private func admit(_ decisions: some Sequence<Intake.Decision>, of intake: PartitionIntake, now: Int64) {
        var round = Intake.Round()
        round.begin(intake.id)
        for decision in decisions { round.append(decision) }
        round.end()
        admit(&round, now: now)
    }

    private func admit(_ round: inout Intake.Round, now: Int64) {
        guard round.count > 0 else { return }
        for regression in engine.admit(&round) {
            let part = round.parts[regression.part]
            let rest = round.take(regression.decision..<part.decisions.upperBound)
            guard let place = partition(of: part.id), let intake = intakes[place], let first = rest.first else {
                continue
            }
            let offset = first.content.offset
            logger.log(
                .warning,
                "the log goes back: it was cut and written anew, or recreated; work begins again at the lower offset",
                ["partition": "\(place)", "offset": "\(offset)"]
            )
            beginEra(of: intake)
            begin(intake, at: offset, restored: CompletionMap())
            engine.withScheduler { $0.commitAgain { $0 == intake.id } }
            admit(rest, of: intake, now: now)
        }
    }

    private func reachEnd(_ offset: Int64, of intake: PartitionIntake) {
        if intake.landing != nil, !hasLanded(intake, at: offset) { return }
        let end = min(offset, intake.stretch?.range.upperBound ?? offset)
        checkGap(upTo: end, intake, next: end)
        guard intake.stretch == nil else {
            _ = intake.stretch?.reachLogEnd(offset)
            return notePassed([intake])
        }
        intake.end = offset
        settleEnd(of: intake)
    }

    /// Tells the engine of a partition's end once all before it has been admitted.
    private func settleEnd(of intake: PartitionIntake) {
        guard let end = intake.end, intake.waiting.isEmpty else { return }
        intake.end = nil
        let now = engine.clock.wall()
        engine.withScheduler { $0.reachEnd(intake.id, end, now: now) }
    }

    /// Reports what retention took between the last record read and `offset`.
    func checkGap(upTo offset: Int64, _ intake: PartitionIntake, next: Int64) {
        defer { intake.expected = next }
        // Few records stand behind a gap, and only for these librdkafka's lock is taken.
        guard let expected = intake.expected, offset > expected else { return }
        let logStart = consumer.cachedWatermarks(intake.topicPartition)?.lowerBound
        guard let range = PartitionIntake.lost(from: expected, to: offset, logStart: logStart) else { return }
        let lost = engine.withScheduler { $0.unfinished(in: range, of: intake.id) }
        guard lost > 0 else { return }
        engine.noteLost(lost, of: runtime)
        logger.log(
            .error,
            "retention took records before they were worked; give the topic a longer retention.ms, or more workers",
            ["partition": "\(intake.topicPartition)", "from": "\(expected)", "records": "\(lost)"]
        )
    }

    /// Admits the rungs' records that are due; returns how long until the next one is.
    func releaseRungs() -> Duration {
        let now = engine.clock.wall()
        var next = Int64.max
        var overdue: [DispatcherVitals.OverdueHead] = []
        for intake in holding {
            let room = engine.withScheduler { $0.roomForDue(in: intake.id, ofRungs: holding.count) }
            var due: [Intake.Decision] = []
            while due.count < room, let content = intake.release(at: now) {
                due.append(decide(content, intake, now: now))
            }
            if !due.isEmpty { admit(due, of: intake, now: now) }
            settleEnd(of: intake)
            guard let first = intake.waiting.first else { continue }
            if first.dueAt > now {
                next = min(next, first.dueAt - now)
            } else {
                // Due, and no room: looking again at once would only burn the processor.
                engine.wakeWhenThereIsRoom(runtime)
                overdue.append(.init(partition: intake.id, offset: first.content.offset, dueAt: first.dueAt))
            }
        }
        holding.removeAll { $0.waiting.isEmpty }
        runtime.vitals.note(overdue: overdue)
        return next == .max ? .seconds(1) : .milliseconds(next)
    }
}
