// What the watch asks, of a worker that may hang: all of it reads only.

extension Scheduler {
    var assignedPartitions: [WatchObservation.Partition] {
        partitions.ids(where: \.isAssigned).compactMap { id in
            guard let partition = partitions[id] else { return nil }
            return WatchObservation.Partition(
                id: id,
                queue: partition.queue,
                epoch: partition.epoch,
                watermark: partition.tracker.watermark,
                unfinished: partition.tracker.unfinished,
                isAtEnd: partition.isAtEnd,
                shortage: shortage(in: id, partition)
            )
        }
    }

    private func shortage(in id: PartitionID, _ partition: Partition) -> WatchObservation.Shortage? {
        guard room(in: id) == 0 else { return nil }
        guard partition.takesIn else { return .intakeStopped }
        if inFlightBytes >= limits.bytes { return .bytes(limit: limits.bytes) }
        if partition.tracker.gap >= limits.gap { return .gap(limit: limits.gap) }
        return .jobs(limit: limits.jobs)
    }

    /// The jobs that hold the partitions' watermarks. It looks at all that is in flight.
    func jobsAtWatermarks(of ids: Set<PartitionID>) -> [PartitionID: Ticket] {
        guard !ids.isEmpty else { return [:] }
        var tickets: [PartitionID: Ticket] = [:]
        for (place, job) in jobs.enumerated() {
            let id = partitions.ids[job.slot]
            guard !job.isFree, ids.contains(id), isCurrent(job),
                partitions[slot: job.slot].tracker.watermark == job.offset
            else { continue }
            tickets[id] = Ticket(place: place, stamp: job.stamp)
        }
        return tickets
    }

    /// The job that has the lane in which this one waits; nil where it waits in none.
    func holderOfLane(of ticket: Ticket) -> Ticket? {
        guard let job = self[ticket], job.phase == .waiting, job.hasLane,
            let place = lanes.holder(of: lanes.lane(of: ticket.place))
        else { return nil }
        return Ticket(place: place, stamp: jobs[place].stamp)
    }
}
