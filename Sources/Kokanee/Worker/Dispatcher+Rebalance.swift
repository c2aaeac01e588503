internal import RdKafka
internal import Synchronization

extension Dispatcher {
    /// Takes over what the group assigns: each partition from its committed offset, with its completion map.
    func take(_ partitions: [TopicPartition]) throws {
        hasJoined = true
        let startedAt = engine.clock.monotonic()
        forgetSuspendedIfLate()
        guard !control.isStopping else { return try consumer.unassign() }
        runtime.vitals.note(isAssigned: true)
        runtime.isStopping.store(false, ordering: .relaxed)
        // First of all: what did not come back begins on another worker now, and what follows waits for the broker.
        let ids = partitions.map(id(of:))
        engine.cancel(engine.withScheduler { $0.forgetSuspended(queue: runtime.index, except: ids) })
        let committed = committedOffsets(of: partitions)
        let assignedAt = engine.clock.wall()
        // What is not known now has to be asked for before a rewind that stands is judged.
        hasRewindsToServe = hasRewindsToServe || committed == nil
        var beginnings: [TopicPartition: Beginning] = [:]
        var starts: [TopicPartition: Consumer.Start] = [:]
        for partition in partitions {
            guard let committed else {
                starts[partition] = .committed
                continue
            }
            let beginning = beginning(of: partition, committed[partition])
            beginnings[partition] = beginning
            starts[partition] = beginning.offset.map { .offset($0) } ?? .beginning
        }
        let queues = try consumer.assign(starts)
        let taken = queues.map { queue in
            let partition = queue.topicPartition
            let beginning = beginnings[partition] ?? Beginning()
            let intake = PartitionIntake(
                id: id(of: partition),
                queue: queue,
                delay: rungs[partition.topic],
                expected: beginning.offset
            )
            intake.assigned = committed.map { .init(offset: $0[partition], at: assignedAt) }
            intake.rewind = beginning.rewind ?? newEra(of: intake)
            intake.stretch = stretch(of: partition)
            begin(intake, at: beginning.offset, restored: beginning.restored, movedAt: beginning.movedAt)
            return intake
        }
        setRotation(taken.filter { $0.delay == nil } + taken.filter { $0.delay != nil })
        let news = Set(
            rotation.filter { beginnings[$0.topicPartition]?.isNews ?? false || runtime.outputs != nil }.map(\.id)
        )
        let finishedElsewhere = engine.withScheduler { scheduler in
            scheduler.commitAgain { news.contains($0) }
            return rotation.flatMap { intake in
                let isRewound = beginnings[intake.topicPartition]?.isRewound ?? false
                return scheduler.forgetSuspended(of: intake.id, below: isRewound ? .max : intake.expected ?? 0)
            }
        }
        engine.cancel(finishedElsewhere)
        suspendedAt = nil
        runtime.state.begin(Set(rotation.map(\.topicPartition.partition)), now: assignedAt)
        runtime.outputs?.begin(partitions)
        runtime.vitals.note(
            assigned: rotation.map { (id: $0.id, name: "\($0.topicPartition)", isRung: $0.delay != nil) }
        )
        intakes = Dictionary(rotation.map { ($0.topicPartition, $0) }) { first, _ in first }
        skipFinishedStretches()
        confirmLease(ofAssignmentAt: startedAt)
        runtime.schedules.note(ownsFirst: partitions.contains(firstOfQueue))
        FailPoint.partitionsAssigned.pass()
        logger.log(
            .info,
            "partitions assigned",
            ["queue": name, "partitions": Self.summary(partitions), "member": consumer.memberID ?? ""]
        )
    }

    /// Hands partitions back: lets what runs finish within the limit, commits, and lets go.
    func giveBack(_ partitions: [TopicPartition]) throws {
        FailPoint.partitionsRevoked.pass()
        let revokedAt = engine.clock.monotonic()
        drain(partitions, within: configuration.revocationLimit)
        FailPoint.partitionsDrained.pass()
        let ids = partitions.map(id(of:))
        // Also where nothing has moved: that the group takes it says that it knows this worker still.
        if !control.isStopping { engine.withScheduler { $0.commitAgain { ids.contains($0) } } }
        commits.commitNow(self)
        if !control.isStopping {
            runtime.hasSuspended.store(true, ordering: .releasing)
            engine.withSettledScheduler { $0.suspend(ids) }
            // The group may have lost this worker since it was last heard of there.
            suspendedAt = max(revokedAt, commits.acceptedAt ?? revokedAt)
        }
        try letGo(partitions, keepingState: !control.isStopping)
        logger.log(.info, "partitions revoked", ["queue": name, "partitions": Self.summary(partitions)])
    }

    /// The partitions are others' already: nothing of ours may be committed, hopped or written any more.
    func lose(_ partitions: [TopicPartition]) throws {
        FailPoint.partitionsLost.pass()
        try letGo(partitions)
        logger.log(
            .warning,
            "partitions lost: the group went on without this worker, which was silent for the session timeout",
            ["queue": name, "partitions": Self.summary(partitions)]
        )
    }

    /// Whoever owns it fires the queue's schedules.
    private var firstOfQueue: TopicPartition { TopicPartition(topic: runtime.queue.mainTopic, partition: 0) }

    /// - Parameter keepingState: jobs of theirs may go on, if the next assignment brings them again.
    private func letGo(_ partitions: [TopicPartition], keepingState: Bool = false) throws {
        runtime.schedules.note(ownsFirst: false)
        runtime.vitals.note(isAssigned: false)
        let ids = partitions.map(id(of:))
        engine.cancel(engine.withSettledScheduler { $0.fence(ids) })
        // Not before: what ends until then has to leave its marks, or to count for nothing.
        runtime.state.end(keeping: keepingState)
        // Before there are new ones: these switch off the waking of their partitions' queues when they go.
        roomy.removeAll()
        readSinceNudge = 0
        hasEmpty = false
        runtime.outputs?.end()
        runtime.outputs?.letGo(partitions)
        endRests()
        // The queues' handles stay for as long as the assignment.
        defer {
            for partition in partitions { intakes[partition] = nil }
            setRotation(rotation.filter { intakes[$0.topicPartition] != nil })
        }
        try consumer.unassign()
    }

    /// - Parameter intakes: rungs behind the others.
    private func setRotation(_ intakes: [PartitionIntake]) {
        rotation = intakes
        idsInRotation = intakes.prefix { $0.delay == nil }.map(\.id)
        firstInRotation = 0
        holding = intakes.filter { !$0.waiting.isEmpty }
    }

    /// Takes note of it once nothing is suspended any more.
    func noteSuspended() {
        guard runtime.hasSuspended.load(ordering: .relaxed) else { return }
        let isLeft = engine.withScheduler { $0.hasSuspended(queue: runtime.index) }
        if !isLeft { runtime.hasSuspended.store(false, ordering: .relaxed) }
    }

    /// Gives up on what runs of partitions that don't come back in time: a group that goes on without this worker may
    /// have given them to another one.
    func forgetSuspendedIfLate() {
        guard let since = suspendedAt, engine.clock.monotonic() - since > suspensionLimit else { return }
        suspendedAt = nil
        runtime.state.forgetFormer()
        engine.cancel(engine.withScheduler { $0.forgetSuspended(queue: runtime.index) })
    }

    /// Stops the intake and waits for what runs or hops, but no longer than the limit.
    func drain(_ partitions: [TopicPartition], within limit: Duration) {
        let ids = partitions.map(id(of:))
        engine.withSettledScheduler { $0.stopIntake(ids) }
        // Only now: what stops because of it has to find that its epoch is ending.
        runtime.isStopping.store(true, ordering: .releasing)
        engine.tellStopping(ids)
        let deadline = engine.clock.monotonic() + limit
        while !engine.withScheduler({ $0.isDrained(ids) }), engine.clock.monotonic() < deadline {
            _ = engine.renewLease(of: runtime.index)
            _ = engine.tick()
            commits.takeResults(self)
            commits.commitIfDue(self)
            runtime.vitals.turn()
            consumer.wait(upTo: .milliseconds(10))
        }
    }

    /// Nil where the group's coordinator does not answer: librdkafka then asks it, and only the maps are missed.
    private func committedOffsets(of partitions: [TopicPartition]) -> [TopicPartition: CommittedOffset]? {
        guard !partitions.isEmpty else { return [:] }
        for _ in 1...3 {
            runtime.vitals.turn()
            do {
                try FailPoint.partitionsAssigning.check()
                return try consumer.committed(partitions)
            } catch {
                logger.log(.warning, "can't read the group's offsets yet", ["queue": name, "error": "\(error)"])
            }
        }
        return nil
    }

    /// `orders 0-7, orders.retry.1m 0-7`: short, whatever the number of partitions.
    private static func summary(_ partitions: [TopicPartition]) -> String {
        guard !partitions.isEmpty else { return "none" }
        let topics = Dictionary(grouping: partitions, by: \.topic).sorted { $0.key < $1.key }
        return topics.map { topic, partitions in
            var map = CompletionMap()
            for partition in partitions.map({ Int64($0.partition) }).sorted() { map.append(partition..<partition + 1) }
            let runs = map.runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound - 1)" }
            return "\(topic) \(runs.joined(separator: ","))"
        }.joined(separator: "; ")
    }
}

// MARK: - The end

extension Dispatcher {
    private static let leavingLimit = Duration.seconds(5)

    /// Stops intake, lets running jobs finish within the limit, cancels the others, commits and leaves the group.
    func shutDown() throws {
        try drainAll(within: configuration.shutdownLimit)
        let partitions = rotation.map(\.topicPartition)
        let ids = partitions.map(id(of:))
        let running = engine.withSettledScheduler { $0.running(in: ids) }
        if !running.isEmpty {
            logger.log(
                .warning,
                "jobs still run at the shutdown limit: they are cancelled, and run again on another worker",
                ["queue": name, "limit": configuration.shutdownLimit.text, "jobs": "\(running.count)"]
            )
            engine.cancel(running)
            drain(partitions, within: .seconds(1))
        }
        FailPoint.partitionsDrained.pass()
        commits.commitNow(self)
        FailPoint.groupLeaving.pass()
        try letGo(partitions)
        runtime.outputs?.begin([])
        leave()
    }

    /// As ``drain(_:within:)``, of all that is assigned, and answering rebalances: this may last for long, and the
    /// whole group would wait.
    private func drainAll(within limit: Duration) throws {
        // Partitions will not come back to a worker that leaves.
        engine.cancel(engine.withScheduler { $0.forgetSuspended(queue: runtime.index) })
        engine.withSettledScheduler { $0.stopIntake(rotation.map(\.id)) }
        runtime.isStopping.store(true, ordering: .releasing)
        engine.tellStopping(rotation.map(\.id))
        let deadline = engine.clock.monotonic() + limit
        while !engine.withScheduler({ $0.isDrained(rotation.map(\.id)) }), engine.clock.monotonic() < deadline {
            try serveEvents()
            keepLease()
            _ = engine.tick()
            commits.commitIfDue(self)
            runtime.vitals.turn()
            consumer.wait(upTo: .milliseconds(10))
        }
    }

    /// The consumer can't go on: what runs may not commit, hop or write state any more.
    func abandon() {
        runtime.schedules.note(ownsFirst: false)
        let ids = rotation.map(\.id)
        let running = engine.withSettledScheduler { scheduler in
            scheduler.fence(ids) + scheduler.forgetSuspended(queue: runtime.index)
        }
        runtime.state.end(keeping: false)
        runtime.outputs?.letGo(rotation.map(\.topicPartition))
        runtime.outputs?.begin([])
        engine.cancel(running)
    }

    private func leave() {
        consumer.startClosing()
        let deadline = engine.clock.monotonic() + Self.leavingLimit
        while !consumer.isClosed, engine.clock.monotonic() < deadline {
            while let event = consumer.nextEvent() {
                switch event {
                case .assigned, .revoked, .lost: try? consumer.unassign()
                case .committed, .record, .failed: continue
                }
            }
            runtime.vitals.turn()
            consumer.wait(upTo: .milliseconds(20))
        }
    }
}
