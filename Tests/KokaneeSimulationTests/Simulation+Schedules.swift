import RdKafka

@testable import Kokanee

// MARK: - The transactional log

extension Simulation {
    /// A record of a transaction arrives; false where its producer was shut out.
    func take(_ record: ProducerRecord, _ decision: ModelDecision, epoch: Int, worker: Int) throws -> Bool {
        guard coordinator.add(epoch, decision, now: now) else { return false }
        guard record.topic == ModelSchedule.queue.mainTopic else {
            let value = ModelStateRecord.Value.schedule(record.value?.array)
            stateLogs[0].heldFrom = stateLogs[0].heldFrom ?? stateLogs[0].records.count
            coordinator.note(offset: stateLogs[0].records.count)
            let key = record.key?.text ?? ""
            stateLogs[0].append(ModelStateRecord(key: key, value: value, worker: worker, assignment: 0))
            return true
        }
        let job = try job(record)
        let place = place(of: job)
        logs[0][place.partition].heldFrom = logs[0][place.partition].heldFrom ?? place.offset
        let content = ModelRecord(
            place: place,
            timestamp: now,
            headers: record.headers,
            bytes: scheduleDice.number(in: 50...100),
            job: job,
            attempt: 1,
            dueAt: 0
        )
        logs[0][place.partition].append(content)
        coordinator.note(job: content)
        return true
    }

    private func job(_ record: ProducerRecord) throws -> ModelJob {
        func text(_ name: String) -> String? { record.headers.first { $0.name == name }?.value?.text }
        guard let id = text("ce_id"), let name = text("kokanee-schedule"), let time = id.split(separator: "@").last,
            let schedule = schedules[name]
        else { throw Violation("a job is fired that is none of a schedule: \(record.headers)") }
        // One key for each schedule, and none of others.
        let key = record.key == nil ? nil : schedules.keys.sorted().firstIndex(of: name).map { UInt64(1000 + $0) }
        return ModelJob(
            number: scheduledJobs.count,
            key: key,
            once: nil,
            keepsCheckpoints: false,
            isBad: schedule.schedule.type != "known",
            neverSucceeds: scheduleDice.chance(8),
            expires: false,
            id: id,
            tick: ModelTick(schedule: name, time: try Timestamp.parse(String(time), now: 0))
        )
    }

    private func place(of job: ModelJob) -> Place {
        let partition = job.key.map { Int($0) % profile.partitions } ?? scheduleDice.number(below: profile.partitions)
        return Place(topic: 0, partition: partition, offset: logs[0][partition].end)
    }

    /// A commit arrives, or an abort.
    func endTransaction(_ epoch: Int, commits: Bool) throws -> ModelCoordinator.Answer {
        let isOpen = coordinator.transaction != nil && coordinator.transaction?.isCommitted == nil
        let answer = coordinator.end(epoch, commits: commits, scheduleDice, now: now)
        if case .done = answer, isOpen, commits, let transaction = coordinator.transaction {
            try checkFirings(transaction)
        }
        return answer
    }

    /// Readers go on where a transaction has ended.
    func endTransactions() {
        guard coordinator.transaction != nil else { return }
        if coordinator.tick(scheduleDice, now: now) { note("the brokers end a transaction that nobody has ended") }
        guard let transaction = coordinator.transaction, let isCommitted = transaction.isCommitted else { return }
        for partition in coordinator.takeMarkers(now: now) {
            guard let partition else {
                if !isCommitted { stateLogs[0].takeBack(transaction.notes) }
                stateLogs[0].append(ModelStateRecord(key: "", value: .nothing, worker: 0, assignment: 0))
                stateLogs[0].heldFrom = nil
                continue
            }
            if !isCommitted { logs[0][partition].takeBack(transaction.jobs) }
            logs[0][partition].skip(1)
            logs[0][partition].heldFrom = nil
        }
        coordinator.forget()
        if !isCommitted, coordinator.transaction == nil { tally.note(.firingsTakenBack) }
    }

    // MARK: - Checks

    /// What is committed in a moment is what had to be fired by then, and nothing of it had been.
    private func checkFirings(_ transaction: ModelTransaction) throws {
        let decision = transaction.decision
        for record in transaction.jobs { scheduledJobs.append(record.job) }
        for (name, schedule) in schedules.sorted(by: { $0.key < $1.key }) where decision.schedules.contains(name) {
            let jobs = transaction.jobs.map(\.job).filter { $0.tick?.schedule == name }
            let ticks = jobs.compactMap(\.tick?.time)
            for (job, tick) in zip(jobs, ticks) { try checkTick(tick, of: job, schedule, at: decision.now) }
            let due = schedule.due(at: decision.now)
            guard let last = due.last, !due.ticks.isEmpty else {
                guard ticks.isEmpty else { throw Violation("\(jobs[0].id) is fired, and its tick was to be left out") }
                continue
            }
            if schedule.schedule.overlap == .skip {
                try checkOverlap(jobs, due.ticks, schedule, decision)
            } else if ticks != due.ticks {
                throw Violation("of \(name) \(ticks) are fired, and \(due.ticks) were to be")
            }
            tally.note(.firings, ticks.count)
            tally.note(.ticksMissed, due.missed)
            note("\(name) has fired \(ticks) of \(due.ticks), \(due.missed) missed")
            schedules[name]?.fired.formUnion(ticks)
            schedules[name]?.dealtWith = last
            if let job = jobs.last { schedules[name]?.last = job }
        }
    }

    private func checkTick(_ tick: Int64, of job: ModelJob, _ schedule: ModelSchedule, at now: Int64) throws {
        guard !schedule.fired.contains(tick) else { throw Violation("\(job.id) is fired twice") }
        guard tick + schedule.schedule.delay(ofTick: tick, in: ModelSchedule.queue.name) <= self.now else {
            throw Violation("\(job.id) is fired early")
        }
        guard job.id == schedule.schedule.jobID(ofTick: tick) else {
            throw Violation("\(job.id) is not the job of \(tick)")
        }
    }

    /// With `skip` the first tick is fired if the job before has come to its end, and the others are passed over: all of
    /// them if it has not, as far as the keeper could know.
    private func checkOverlap(
        _ jobs: [ModelJob],
        _ due: [Int64],
        _ schedule: ModelSchedule,
        _ decision: ModelDecision
    ) throws {
        tally.note(.ticksPassedOver, due.count - jobs.count)
        guard let job = jobs.first else {
            guard let last = schedule.last else {
                throw Violation("the first tick of \(schedule.schedule.name) is passed over")
            }
            let key = ScheduleDone(name: schedule.schedule.name, job: last.id).key
            let isKnown = stateLogs[0].records[..<decision.known].contains { record in
                guard record.key == key, case .schedule(.some) = record.value else { return false }
                return true
            }
            guard !isKnown else { throw Violation("a tick is passed over, and the end of \(last.id) is known") }
            return
        }
        guard jobs.count == 1, job.tick?.time == due[0] else {
            throw Violation("\(jobs.map(\.id)) are fired beside each other, of \(due)")
        }
        guard schedule.last?.hasEnded != false else {
            throw Violation("\(job.id) is fired, and \(schedule.last?.id ?? "") has not come to its end")
        }
    }

    /// That a job has come to its end stands in the state.
    func noteEnd(of job: ModelJob) {
        notedEnds.insert(job.id)
        tally.note(.endsNoted)
    }

    /// The end of a schedule's job is not committed before its schedule can know of it.
    func checkEnd(_ record: ModelRecord) throws {
        guard record.isEndOfTick, !record.hasMovedOn, !record.isCut, !notedEnds.contains(record.job.id) else { return }
        throw Violation("\(record) has come to its end, and is committed before that is noted")
    }

    // MARK: - The end

    /// With somebody in charge all ticks that there are are dealt with. Then the schedules are paused.
    func endSchedules() throws {
        guard !schedules.isEmpty else { return }
        let (until, deadline) = (now, now + 600_000)
        while let late = schedules.values.first(where: { $0.dealtWith + $0.interval <= until }) {
            guard now < deadline else {
                throw Violation("nobody fires \(late.schedule.name), which is at \(late.dealtWith) of \(until)")
            }
            try pass(scheduleDice.time(in: 20...500))
        }
        for name in schedules.keys { schedules[name]?.record.isPaused = true }
    }
}
