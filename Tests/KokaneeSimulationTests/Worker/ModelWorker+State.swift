import RdKafka

@testable import Kokanee

/// What jobs with an idempotency key, or with checkpoints, have of the state topic: the real ``StateTable``, in a model of
/// ``QueueState`` around it.
extension ModelWorker {
    // MARK: - The partitions

    /// As `QueueState.begin`: the topic is read while others are at work.
    func beginState(_ partitions: [Int]) {
        state.begin(Set(partitions.map(Int32.init)), now: clusterTime ?? 0)
        restored = [:]
        assignment += 1
        for partition in partitions {
            restoresAt[partition] =
                simulation.now + simulation.dice.time(in: 0...(simulation.dice.chance(20) ? 3000 : 50))
        }
    }

    /// As the reader's thread, whose end is that of the log when it gets there.
    func restoreState() {
        for number in state.unrestored {
            let partition = Int(number)
            guard let at = restoresAt[partition], at <= simulation.now else { continue }
            let log = simulation.stateLogs[partition]
            // What an open transaction holds back it waits for.
            restored[partition] = restored[partition] ?? log.records.count
            guard let end = restored[partition], end <= log.readable else { continue }
            for (offset, record) in log.records[..<end].enumerated() {
                switch record.value {
                case .mark(let mark): state.restore(mark, record.digest, in: number)
                case .tombstone(isMark: true): state.restore(nil, record.digest, in: number)
                case .tombstone(isMark: false):
                    state.restore(nil, record.digest, in: number, offset: Int64(offset)) { Bytes([]) }
                case .checkpoint(let head, let progress):
                    state.restore(head, record.digest, in: number, offset: Int64(offset)) { Bytes("\(progress)") }
                case .schedule, .nothing: break
                }
            }
            _ = state.finishRestoring(number, now: clusterTime ?? 0)
            simulation.note("worker \(self.number) has restored \(partition): \(end) records")
        }
    }

    // MARK: - Attempts

    /// As `QueueState.admit`, and a handler's look at the last checkpoint.
    func admitPending() throws {
        for execution in running where execution.isPending && execution.endsAt > simulation.now {
            guard scheduler.standing(of: execution.ticket) != .over else {
                execution.end(.failure, at: simulation.now)
                continue
            }
            let partition = execution.record.place.partition
            guard state.partitions[Int32(partition)]?.isRestored == true else { continue }
            switch claim(execution, partition) {
            case .wait: continue
            case .skip(let isOwn):
                try checkSkip(execution)
                execution.end(.skipped(isOwn: isOwn), at: simulation.now)
            case .run:
                execution.isPending = false
                execution.endsAt = simulation.now + execution.length
                try checkOnce(execution, partition)
                try lookForCheckpoint(execution, partition)
            }
        }
    }

    private func claim(_ execution: Execution, _ partition: Int) -> MarkBook.Verdict {
        guard let claim = claim(of: execution.content, execution.ticket) else { return .run }
        let now = clusterTime ?? 0
        let verdict = state.update(Int32(partition)) { $0.books.marks.claim(claim, now: now) } ?? .run
        if case .wait(let other) = verdict, scheduler.standing(of: Self.ticket(other)) == .over {
            _ = state.update(Int32(partition)) { $0.books.marks.release(claim.key, other) }
        }
        return verdict
    }

    func claim(of content: Content, _ ticket: Ticket) -> MarkBook.Claim? {
        guard let key = content.record.job.once else { return nil }
        let origin = content.decoded?.envelope.origin ?? simulation.origin(of: content.record)
        return MarkBook.Claim(
            key: KeyDigest(MarkRecord.key(.idempotency, key)),
            ticket: Engine.Ticket(place: ticket.place, stamp: ticket.stamp),
            identity: Bytes(origin.description).withUnsafeBytes { MarkBook.identity($0) }
        )
    }

    private static func ticket(_ ticket: Engine.Ticket) -> Ticket { Ticket(place: ticket.place, stamp: ticket.stamp) }

    /// A key that is done is not done again: not where its mark was there to be restored, or this worker has done it.
    private func checkOnce(_ execution: Execution, _ partition: Int) throws {
        guard let key = execution.record.job.once else { return }
        let name = MarkRecord.key(.idempotency, key).text
        // The newest one counts: one that was written late, when it had ended, hides what was made since.
        let newest = simulation.stateLogs[partition].records.enumerated().last { offset, record in
            guard record.key == name, case .mark = record.value else { return false }
            return offset < restored[partition] ?? 0 || record.worker == number && record.assignment == assignment
        }
        if let newest, case .mark(let mark) = newest.element.value, mark.until > simulation.now {
            let offset = newest.offset
            throw Violation("\(execution.record) makes the effect of \(key) again, whose mark stands at \(offset)")
        }
        for done in simulation.done where done.key == key && done.until > simulation.now {
            guard done.worker == number, done.assignment == assignment else {
                simulation.tally.note(.effectsAgain)
                continue
            }
            throw Violation("\(execution.record) makes the effect of \(key) again, which its worker has just made")
        }
    }

    /// A job is skipped only where its key is done, and that counts still.
    private func checkSkip(_ execution: Execution) throws {
        let now = clusterTime ?? 0
        guard simulation.done.contains(where: { $0.key == execution.record.job.once && $0.until > now }) else {
            throw Violation("\(execution.record) is skipped, and its key is not done, or not any more")
        }
    }

    /// What was kept for a job is found by whoever owns it, and nothing older.
    private func lookForCheckpoint(_ execution: Execution, _ partition: Int) throws {
        let job = execution.record.job
        guard job.keepsCheckpoints else { return }
        let key = KeyDigest(JobRecord.key(of: job.id))
        let entry = state.partitions[Int32(partition)]?.books.jobs[key]
        execution.progress = entry?.value.flatMap { Int($0.text) } ?? 0
        // One that had begun before its worker stood still goes on, and finds what was there.
        guard execution.progress >= job.kept || epochs[execution.id]?.isOvertaken != false else {
            throw Violation("\(execution.record) goes on at \(execution.progress), and had kept \(job.kept)")
        }
        if execution.progress > 0 { simulation.tally.note(.checkpointsFound) }
    }

    /// As `QueueState.save`.
    func keepCheckpoints() {
        for execution in running where execution.record.job.keepsCheckpoints && !execution.isPending {
            guard simulation.dice.chance(20), execution.endsAt > simulation.now, execution.unkept == nil,
                scheduler.standing(of: execution.ticket) == .current, mayWrite()
            else { continue }
            let partition = execution.record.place.partition
            if epochs[execution.id] == nil {
                simulation.strayWrite = "\(execution.record) keeps a checkpoint, and its epoch is over"
            }
            guard let order = state.update(Int32(partition), { $0.nextOrder() }) else { continue }
            execution.progress += 1
            let head = JobBook.Head(order: order, expiresAt: nil, isOpen: true)
            execution.unkept = execution.progress
            let record = ModelStateRecord(
                key: JobRecord.key(of: execution.record.job.id).text,
                value: .checkpoint(head, execution.progress),
                worker: number,
                assignment: assignment
            )
            simulation.tally.note(.checkpoints)
            let isLate = simulation.dice.chance(20)
            let arrivesAt = simulation.now + simulation.dice.time(in: 0...(isLate ? 3000 : 20))
            writes.append(StateWrite(record: record, execution: execution, partition: partition, arrivesAt: arrivesAt))
        }
    }

    /// The broker takes what has arrived, whatever has become of the worker.
    func deliverState() {
        for index in writes.indices where !writes[index].hasArrived && writes[index].arrivesAt <= simulation.now {
            writes[index].hasArrived = true
            simulation.stateLogs[writes[index].partition].append(writes[index].record)
        }
    }

    /// What the producer calls back.
    func settleState() {
        let arrived = writes.filter(\.hasArrived)
        writes.removeAll(where: \.hasArrived)
        for write in arrived {
            let standing = scheduler.standing(of: write.execution.ticket)
            // Until it is certain the call does not return.
            guard standing != .inDoubt, mayWrite() || standing == .over else {
                writes.append(write)
                continue
            }
            write.execution.unkept = nil
            guard standing == .current, running.contains(where: { $0 === write.execution }),
                case .checkpoint(let head, let progress) = write.record.value
            else { continue }
            _ = state.update(Int32(write.partition)) { partition in
                partition.books.jobs.note(write.record.digest, head, offset: nil) { Bytes("\(progress)") }
            }
            // The handler is told, and believes it; one that was overtaken and could not know is told what is soon untrue.
            guard epochs[write.execution.id]?.isOvertaken == false else { continue }
            let job = write.execution.record.job
            // A copy of it, whose hop was made twice, may run beside it, and of both the later record counts.
            let isAlone = !running.contains { $0 !== write.execution && $0.record.job === job }
            job.kept = isAlone ? max(job.kept, progress) : 0
        }
    }

    // MARK: - Ends

    /// As `QueueState.writes`.
    func stateWrites(after disposition: Disposition, _ ticket: Ticket, _ content: Content) -> [ModelStateRecord] {
        guard scheduler.standing(of: ticket) != .over else { return [] }
        let place = content.record.place
        let job = content.record.job
        let now = clusterTime ?? 0
        let until = now + simulation.profile.onceWindow
        var records: [ModelStateRecord] = []
        func add(_ key: Bytes, _ value: ModelStateRecord.Value) {
            records.append(ModelStateRecord(key: key.text, value: value, worker: number, assignment: assignment))
        }
        _ = state.update(Int32(place.partition)) { partition in
            if let claim = claim(of: content, ticket), let key = job.once,
                let mark = partition.books.marks.settle(claim, after: disposition, now: now, until: until)
            {
                add(MarkRecord.key(.idempotency, key), .mark(mark))
                if disposition == .complete {
                    simulation.done.append(.init(key: key, until: until, worker: number, assignment: assignment))
                }
            }
            guard job.keepsCheckpoints, !disposition.hops else { return }
            let key = JobRecord.key(of: job.id)
            if partition.books.jobs[KeyDigest(key)] != nil {
                partition.books.jobs.remove(KeyDigest(key))
                // It is done; a copy of it, whose hop was made twice, begins anew.
                job.kept = 0
                add(key, .tombstone(isMark: false))
            }
        }
        return records
    }
}

/// A checkpoint on its way.
struct StateWrite {
    let record: ModelStateRecord
    let execution: Execution
    let partition: Int
    let arrivesAt: Int64
    var hasArrived = false
}

/// An effect that was made.
struct DoneEffect {
    let key: String
    let until: Int64
    let worker: Int
    let assignment: Int
}
