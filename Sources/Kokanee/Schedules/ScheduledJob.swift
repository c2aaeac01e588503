internal import RdKafka

extension ScheduleDone {
    /// What has to stand in the queue's state before a schedule's job counts as finished; nothing for other jobs, and for
    /// one that runs again.
    ///
    /// - Parameter now: milliseconds since the epoch.
    static func writes(after disposition: Disposition, of content: JobContent, at now: Int64) -> [StateRecord] {
        guard let name = content.schedule, content.runtime.replay == nil else { return [] }
        return writes(after: disposition, of: content.id, schedule: name, at: now)
    }

    /// - Parameters:
    ///   - job: its id.
    ///   - name: what the job says that its schedule is.
    static func writes(
        after disposition: Disposition,
        of job: String,
        schedule name: String,
        at now: Int64
    ) -> [StateRecord] {
        guard Schedule.isName(name) else { return [] }
        let end: String
        switch disposition {
        case .complete: end = "completed"
        case .discard: end = "discarded"
        case .skip: end = "skipped"
        case .bury: end = "dead"
        case .retry, .postpone, .finishedBefore: return []
        }
        let done = ScheduleDone(name: name, job: job)
        return [StateRecord(key: Bytes(done.key), value: Bytes(done.value(end, at: now)), partition: 0)]
    }
}

extension ScheduleRecord {
    /// The record that enqueues a tick's job.
    ///
    /// - Parameter now: milliseconds since the epoch.
    func job(ofTick tick: Int64, in queue: Queue, at now: Int64) -> ProducerRecord {
        let envelope = Envelope(id: schedule.jobID(ofTick: tick), type: schedule.type, version: schedule.version)
        return ProducerRecord(
            topic: queue.mainTopic,
            key: jobKey.map { Bytes($0) },
            value: schedule.payload.map { Bytes($0) },
            headers: envelope.newJobHeaders(
                source: "kokanee/\(key)",
                at: now,
                contentType: schedule.contentType,
                extra: [HeaderName.schedule.header(schedule.name)]
            )
        )
    }

    /// A job for somebody who does not want to wait for a tick. It is no tick's, and no tick waits for it.
    public func jobByHand(at now: Int64) -> NewJob {
        var job = NewJob(
            type: schedule.type,
            version: schedule.version,
            payload: schedule.payload.map { Bytes($0) },
            contentType: schedule.contentType
        )
        job.id = "\(schedule.name)@\(Timestamp.text(now))-by-hand"
        job.key = jobKey.map { Bytes($0) }
        return job
    }

    private var jobKey: String? { schedule.key ?? (schedule.overlap == .queue ? key : nil) }
}
