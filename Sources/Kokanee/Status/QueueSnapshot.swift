internal import RdKafka

/// What was found out about a queue, and what follows from it.
struct QueueSnapshot {
    /// One partition of the main topic or of a rung.
    struct Log {
        let low: Int64
        let end: Int64
        let committed: CommittedOffset?
        let metadata: CommitMetadata?

        init(low: Int64, end: Int64, committed: CommittedOffset?) {
            self.low = low
            self.end = max(low, end)
            self.committed = committed
            metadata = committed.flatMap { CommitMetadata(text: $0.metadata, above: $0.offset) }
        }

        /// Where a worker would begin: the committed offset, or what the log still has.
        var start: Int64 {
            guard let committed, (low...end).contains(committed.offset) else { return low }
            return committed.offset
        }

        var waiting: Int64 {
            end - start - (metadata?.completed.count(in: start..<end) ?? 0)
        }

        /// The offsets among which the oldest unfinished record is; nil where there is none.
        var unfinished: Range<Int64>? {
            let first = metadata?.completed.firstUnfinished(from: start) ?? start
            return first < end ? first..<end : nil
        }
    }

    let queue: Queue
    let takenAt: Int64
    let membership: GroupMembership
    /// Of the main topic, the priorities' topics and the rungs.
    var logs: [TopicPartition: Log] = [:]
    /// The rungs' topics with their delays in milliseconds.
    var rungs: [String: Int64] = [:]
    var dead: Int64 = 0
    /// The oldest unfinished job of each partition of the main topic, and of the priorities', that has one.
    var oldest: [TopicPartition: QueueStatus.Job] = [:]
    /// What the workers say of themselves.
    var reports: [ReportedWorker] = []
    /// What those say that work the queue in other groups.
    var otherReports: [ReportedWorker] = []
    var reportFailure: String?
    /// What operators want of the queue.
    var orders = QueueOrders()

    /// - Parameter limit: for how many milliseconds a watermark may stand still.
    func status(stalledAfter limit: Int64) -> QueueStatus {
        let owners = owners(freshFor: limit)
        let mainLogs = logs.filter { $0.key.topic == queue.mainTopic }.sorted { $0.key < $1.key }
        // Jobs of other priorities stand in topics of their own, under the same partition numbers.
        let otherLogs = logs.filter { queue.priorityTopics[$0.key.topic] != nil }.sorted { $0.key < $1.key }
        var others: [Int32: Int64] = [:]
        for (partition, log) in otherLogs { others[partition.partition, default: 0] += log.waiting }
        let partitions = mainLogs.map { partition, log in
            QueueStatus.Partition(
                partition: partition.partition,
                committed: log.committed?.offset,
                end: log.end,
                waiting: log.waiting + others[partition.partition, default: 0],
                owner: owners[partition]
            )
        }
        let still = stalls(mainLogs + otherLogs, owners, after: limit)
        return QueueStatus(
            queue: queue.name,
            group: queue.group,
            takenAt: takenAt,
            partitions: partitions,
            retrying: rungs.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.map { topic, _ in
                QueueStatus.Rung(
                    name: String(topic.dropFirst("\(queue.name).retry.".count)),
                    waiting: logs.reduce(0) { $0 + ($1.key.topic == topic ? $1.value.waiting : 0) }
                )
            },
            dead: dead,
            oldest: oldest.min { ($0.value.timestamp, $0.key) < ($1.value.timestamp, $1.key) }?.value,
            workers: workers(freshFor: limit),
            membersAreKnown: membership != .unknown,
            isRebalancing: membership.isRebalancing,
            stalls: still.stalls,
            running: still.running,
            limited: still.limited,
            circuit: .worst(of: heardOf.map(\.report.circuit)),
            reports: reports,
            otherReports: otherReports,
            reportFailure: reportFailure,
            orders: orders
        )
    }

    /// One for each partition number: that which has lasted longest. What a worker says of a job that takes long, and may, or
    /// that a limit holds back, counts for as long as the worker is heard of.
    private func stalls(
        _ logs: [(key: TopicPartition, value: Log)],
        _ owners: [TopicPartition: String],
        after limit: Int64
    ) -> (stalls: [QueueStatus.Stall], running: [QueueStatus.Running], limited: [QueueStatus.Limited]) {
        var stalls: [Int32: QueueStatus.Stall] = [:]
        var running: [QueueStatus.Running] = []
        var limited: [QueueStatus.Limited] = []
        let told = runningJobs
        let toldLimited = limitedJobs
        for (partition, log) in logs {
            guard let stall = stall(of: partition, log, owner: owners[partition], after: limit) else { continue }
            let place = "\(partition.topic)/\(partition.partition)/\(stall.job.offset)"
            if let worker = toldLimited[place] {
                limited.append(.init(partition: partition.partition, job: stall.job, worker: worker))
                continue
            }
            if let (said, worker) = told[place] {
                running.append(
                    .init(
                        partition: partition.partition,
                        job: stall.job,
                        since: said.since,
                        behind: said.behind,
                        worker: worker
                    )
                )
                continue
            }
            let known = stalls[partition.partition]
            if known.map({ $0.milliseconds < stall.milliseconds }) ?? true { stalls[partition.partition] = stall }
        }
        return (
            stalls.values.sorted { $0.partition < $1.partition },
            running.sorted { ($0.partition, $0.job.offset) < ($1.partition, $1.job.offset) },
            limited.sorted { ($0.partition, $0.job.offset) < ($1.partition, $1.job.offset) }
        )
    }

    private var heardOf: [ReportedWorker] { reports.filter { !$0.isSilent } }

    /// What the workers that are heard of say of jobs that take long, and may, by the jobs' places.
    private var runningJobs: [String: (job: RunningJob, worker: String)] {
        var jobs: [String: (job: RunningJob, worker: String)] = [:]
        for worker in heardOf {
            for job in worker.report.running { jobs[job.place] = (job, worker.report.name) }
        }
        return jobs
    }

    /// The workers that are heard of, by the places of the jobs that a limit holds back there.
    private var limitedJobs: [String: String] {
        var workers: [String: String] = [:]
        for worker in heardOf {
            for place in worker.report.limited { workers[place] = worker.report.name }
        }
        return workers
    }

    private func stall(
        of partition: TopicPartition,
        _ log: Log,
        owner: String?,
        after limit: Int64
    ) -> QueueStatus.Stall? {
        // What an operator holds back has not stalled, nor has what was held back until a moment ago.
        guard log.waiting > 0, orders.pause == nil, let job = oldest[partition],
            !orders.pausedTypes.contains(where: { $0.type == job.type })
        else { return nil }
        // A partition that was idle for hours has not stalled when its first job comes.
        let still = takenAt - max(log.metadata?.movedAt ?? .min, job.timestamp, orders.resumedAt ?? .min)
        guard still > limit else { return nil }
        return QueueStatus.Stall(
            partition: partition.partition,
            milliseconds: still,
            job: job,
            owner: owner,
            lastOwner: log.metadata?.owner
        )
    }

    private func owners(freshFor limit: Int64) -> [TopicPartition: String] {
        switch membership {
        case .members: membership.owners
        case .unknown: logs.compactMapValues { freshOwner(of: $0, limit) }
        }
    }

    private func workers(freshFor limit: Int64) -> Int {
        switch membership {
        case .members(let members, _): members.count
        case .unknown:
            Set(logs.values.compactMap { freshOwner(of: $0, limit) })
                .union(heardOf.map { CommitMetadata.harmless($0.report.name) }).count
        }
    }

    private func freshOwner(of log: Log, _ limit: Int64) -> String? {
        guard let metadata = log.metadata, takenAt - metadata.movedAt <= limit else { return nil }
        return metadata.owner
    }
}
