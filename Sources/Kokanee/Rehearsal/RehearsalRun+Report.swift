internal import RdKafka
internal import Synchronization

extension RehearsalRun {
    /// - Parameter startedAt: milliseconds since the epoch.
    func makeReport(_ scan: Scan, startedAt: Int64) -> RehearsalReport {
        let tally = shared.withLock(\.tally)
        let (errors, otherErrors) = tally.errorGroups
        return RehearsalReport(
            plan: rehearsal.plan,
            build: rehearsal.configuration.build,
            startedAt: startedAt,
            endedAt: Timestamp.now,
            isComplete: scan.positions != nil,
            sample: rehearsal.configuration.sample,
            scanned: scan.scanned,
            matched: scan.matched,
            completedBefore: tally.outcomes(.completed),
            failedBefore: tally.outcomes(.failed),
            unknownBefore: tally.outcomes(.unknown),
            errors: errors,
            otherErrors: otherErrors,
            effects: tally.effectGroups,
            durations: tally.durationSummary,
            notes: rehearsal.plan.notes + notes(scan)
        )
    }

    private func notes(_ scan: Scan) -> [String] {
        guard let positions = scan.positions else {
            return ["It was stopped before its end; this is what it knew by then."]
        }
        var notes: [String] = []
        var missing = rehearsal.plan.records - scan.scanned
        for partition in rehearsal.plan.partitions {
            let place = TopicPartition(topic: rehearsal.queue.mainTopic, partition: partition.partition)
            guard let end = positions[place], end < partition.to else { continue }
            missing -= partition.to - end
            notes.append(
                "Partition \(partition.partition) was read up to offset \(end) of \(partition.to): "
                    + "its log ends there, or a transaction is open."
            )
        }
        if missing > 0 {
            notes.append(
                "\(missing) of the range's \(rehearsal.plan.records) offsets held no record any more, or never did: "
                    + "retention or compaction has taken them, or they are a transaction's markers."
            )
        }
        return notes
    }
}
