@testable import Kokanee

// MARK: - What must hold

extension SchedulerSimulation {
    func checkStart(_ place: Place) throws {
        guard let record = record(place) else { throw Violation(description: "\(place) is no record") }
        if case .hold(let due) = record.start, now < due { throw Violation(description: "\(place) ran early") }
        if doneAtAssignment[place.id]?.done.contains(place.offset) == true {
            throw Violation(description: "\(place) ran again although the commit said that it was done")
        }
        guard let key = record.key else { return }
        if let beside = running.first(where: { $0.place.id % 2 == place.id % 2 && self.record($0.place)?.key == key }) {
            throw Violation(description: "\(place) ran beside \(beside.place) of its key")
        }
        // Who is to run now, and stands before it in the log, must have run, or have left for another topic.
        let from = doneAtAssignment[place.id]?.offset ?? 0
        let earlier = logs[place.id]![index(of: from, in: place.id)!..<index(of: place.offset, in: place.id)!]
        for before in earlier where before.key == key {
            guard case .now = before.start else { continue }
            let other = Place(id: place.id, offset: before.offset)
            guard finished.contains(other) || hopping.contains(where: { $0.place == other }) else {
                throw Violation(description: "\(place) overtook \(other) of its key")
            }
        }
    }

    func checkCommit(_ commit: Scheduler<Place>.Commit) throws {
        for record in logs[commit.partition]! {
            let isDone = record.offset < commit.offset || commit.completed.contains(record.offset)
            let place = Place(id: commit.partition, offset: record.offset)
            if isDone, !finished.contains(place) {
                throw Violation(description: "\(place) is committed at \(commit.offset) and not finished")
            }
        }
    }

    func checkBounds() throws {
        let limits = Self.limits
        guard scheduler.inFlight <= limits.jobs * 3 / 2 + Self.concurrency + hopping.count else {
            throw Violation(description: "\(scheduler.inFlight) jobs in flight")
        }
        // One job of any size beyond it, for each partition.
        guard scheduler.inFlightBytes <= limits.bytes + 100 * limits.jobs else {
            throw Violation(description: "\(scheduler.inFlightBytes) bytes in flight")
        }
        guard !options.skipsOffsets else { return }
        for (id, partition) in scheduler.partitions where partition.tracker.gap > limits.gap {
            throw Violation(description: "partition \(id) is \(partition.tracker.gap) offsets beyond its watermark")
        }
    }

    /// With no more trouble everything gets done.
    mutating func drain() throws {
        if nextRead.count < Self.ids.count || chance(50) {
            stop(scheduler.fence(Self.ids.filter { nextRead[$0] != nil }) + scheduler.forgetSuspended(queue: 0))
            nextRead = [:]
            outstanding = nil
            assign(Self.ids)
        }
        var rounds = 0
        while scheduler.inFlight > 0 || !isDone, rounds < 300 {
            rounds += 1
            now += 50
            for _ in 0..<8 { try read() }
            try start()
            while !running.isEmpty { try endAttempt() }
            while !hopping.isEmpty { try endHop() }
            try sendCommit()
            try receiveCommit()
        }
        for id in Self.ids { scheduler.reachEnd(id, ends[id]!, now: now) }
        // Refused commits are sent again.
        for _ in 0..<100 where scheduler.partitions.values.contains(where: \.isDirty) {
            try sendCommit()
            try receiveCommit()
        }
        guard isDone, scheduler.inFlight == 0, scheduler.inFlightBytes == 0 else {
            throw Violation(description: "\(scheduler.inFlight) jobs in flight after all is done")
        }
        for id in Self.ids where ends[id]! > 0 && committed[id]?.offset != ends[id] {
            throw Violation(description: "\(id) is committed at \(committed[id]?.offset ?? -1), not at \(ends[id]!)")
        }
    }

    var isDone: Bool {
        logs.allSatisfy { id, records in
            records.allSatisfy { finished.contains(Place(id: id, offset: $0.offset)) }
                && records.allSatisfy { $0.offset < nextRead[id] ?? 0 }
        }
    }
}
