@testable import Kokanee

extension Simulation {
    /// What a queue may take to come to rest once nothing goes wrong any more: every attempt, each on the longest
    /// rung, stuck until it is given up, behind others of its key; in milliseconds.
    private static let quietAfter: Int64 = 3 * 3_600_000

    /// With no more faults everything gets done, and then nothing is left.
    func end() throws {
        profile.calmDown()
        if workers.allSatisfy(\.isStopping) { try startWorker() }
        try endSchedules()
        let deadline = now + Self.quietAfter
        while !isQuiet {
            guard now < deadline else { throw Violation("not at rest after 3 hours: \(unrest ?? "")") }
            try pass(untilNext())
        }
        try checkOutcomes()
        for worker in workers { try checkRest(worker) }
    }

    /// Until something may happen, or a little; at most what a member may be silent.
    private func untilNext() -> Int64 {
        var next = now + 5000
        if coordinator.transaction != nil { return 50 }
        for worker in workers {
            guard worker.frozenUntil <= now else {
                next = min(next, worker.frozenUntil)
                continue
            }
            if worker.keeper?.isBusy == true { return 50 }
            if worker.isJoining || worker.intakes.isEmpty { return 50 }
            if case .working = worker.mode {} else { return 50 }
            if !worker.running.isEmpty || !worker.hops.isEmpty || worker.commits.outstanding != nil { return 50 }
            if worker.scheduler.partitions.values.contains(where: \.isDirty) { return 200 }
            if worker.gate.lease.hasLapsed || worker.scheduler.limiter.waiting > 0 { return 100 }
            if case .open(let until)? = worker.gate.circuit?.phase {
                next = min(next, now + max(1000, (until - instant).milliseconds))
                continue
            }
            let lag = now - (worker.clusterTime ?? now)
            for intake in worker.intakes {
                if intake.position < logs[intake.topic][intake.partition].end { return 50 }
                if let first = intake.waiting.first { next = min(next, first.dueAt + lag) }
            }
            if let held = worker.scheduler.held.first { next = min(next, held.dueAt + lag) }
            for hop in worker.hopsToRetry { next = min(next, hop.retriesAt) }
        }
        return max(next - now, 10)
    }

    private var isQuiet: Bool { unrest == nil }

    /// What is still to be done.
    private var unrest: String? {
        for topic in 0..<deadLetterTopic {
            for partition in 0..<profile.partitions {
                let log = logs[topic][partition]
                if let record = log.records.last(where: { !$0.isFinished && !$0.isCut }) { return "\(record)" }
                // Nobody commits of a log that has nothing in it.
                guard log.end > 0 else { continue }
                guard let committed = committed[topic][partition], committed.offset >= log.end else {
                    return "\(topic)/\(partition) is committed at "
                        + "\(self.committed[topic][partition]?.offset ?? -1), not at \(log.end)"
                }
            }
        }
        if coordinator.transaction != nil { return "a transaction is open" }
        for worker in workers {
            if worker.keeper?.isBusy == true { return "worker \(worker.number) is busy with the schedules" }
            if worker.isStopping { return "worker \(worker.number) has not left" }
            if worker.scheduler.inFlight > 0 { return "\(worker.scheduler.inFlight) jobs at worker \(worker.number)" }
            if !worker.running.isEmpty || !worker.hops.isEmpty { return "worker \(worker.number) is at work" }
        }
        return nil
    }

    /// Every job has an outcome; what retention took is accounted for.
    private func checkOutcomes() throws {
        for job in jobs + scheduledJobs where !job.hasEnded {
            guard job.lost > 0 else { throw Violation("\(job.id) has vanished") }
        }
        for topic in 0..<deadLetterTopic {
            for partition in 0..<profile.partitions {
                let log = logs[topic][partition]
                for record in log.records where !record.isFinished {
                    tally.note(.recordsLost)
                    let offset = record.place.offset
                    if log.unknown.contains(offset) || log.reported.contains(where: { $0.contains(offset) }) {
                        continue
                    }
                    throw Violation("\(record) was lost to retention, and nobody has said so")
                }
            }
        }
    }

    private func checkRest(_ worker: ModelWorker) throws {
        let scheduler = worker.scheduler
        guard scheduler.inFlightBytes == 0, scheduler.jobs.allSatisfy(\.isFree), scheduler.lanes.count == 0,
            scheduler.limiter.waiting == 0, scheduler.limiter.runningCount == 0, scheduler.setAsideBytes == 0
        else {
            throw Violation("worker \(worker.number) is at rest, and its scheduler holds something")
        }
        guard worker.intakes.allSatisfy({ scheduler.partitions[$0.id]?.inFlight == 0 }) else {
            throw Violation("worker \(worker.number) is at rest, and a partition counts jobs in flight")
        }
    }
}
